/* timm's resnetv2.py without BiT, live: see fixture.h. */
#include "fixture.h"

FIXTURE_TESTS("resnetv2", "resnetv2_18", "resnetv2_18d", "resnetv2_50", "resnetv2_50t",
              "resnetv2_50d_gn", "resnetv2_50d_evos", "resnetv2_50d_frn")

TEST_MAIN()
