/* timm's convnext.py, V2, live: see fixture.h. */
#include "fixture.h"

FIXTURE_TESTS("convnextv2", "convnextv2_atto", "convnextv2_tiny")

TEST_MAIN()
