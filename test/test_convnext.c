/* timm's convnext.py, V1, live: see fixture.h. */
#include "fixture.h"

FIXTURE_TESTS("convnext", "test_convnext", "test_convnext3", "convnext_zepto_rms_ols",
              "convnext_atto", "convnext_atto_ols", "convnext_atto_rms", "convnext_nano_ols",
              "convnext_tiny", "convnext_tiny_hnf", "convnext_large_mlp")

TEST_MAIN()
