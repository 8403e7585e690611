/* timm's BiT models (resnetv2.py), live: see fixture.h. */
#include "fixture.h"

FIXTURE_TESTS("bit", "resnetv2_50x1_bit")

TEST_MAIN()
