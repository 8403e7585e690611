/* A call of the library that must succeed: when it does not, the test ends with its message. */
#ifndef TEST_REQUIRE_OK_H
#define TEST_REQUIRE_OK_H

#include <jimm-test/jimm-test.h>
#include <jimm/status.h>

#define REQUIRE_OK(call) TEST_REQUIRE_MSG((call) == JIMM_OK, "%s", jimm_error_message())

#endif
