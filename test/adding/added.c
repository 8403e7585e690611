/* The test that scripts/adding.sh adds. */
#include <jimm-test/jimm-test.h>

TEST(added_and_found) {
  TEST_CHECK_INT(1 + 1, 2);
}

TEST_MAIN()
