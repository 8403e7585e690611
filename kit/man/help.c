// A program without tests, for its --help.
#include "jimm-test/jimm-test.h"

TEST_MAIN()
