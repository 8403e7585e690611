#include <jimm/tensor.h>
