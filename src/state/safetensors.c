#include <jimm/state.h>
