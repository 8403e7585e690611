/* timm's resnet.py, live: see fixture.h. */
#include "fixture.h"

FIXTURE_TESTS("resnet", "resnet18", "resnet34", "resnet50", "resnet50d", "resnet26t", "resnet50_gn",
              "test_resnet")

TEST_MAIN()
