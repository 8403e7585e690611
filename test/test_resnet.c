/* timm's resnet.py, live: see fixture.h. */
#include "fixture.h"

FIXTURE_TESTS("resnet", "test_resnet", "resnet18", "resnet34", "resnet50", "resnet50d", "resnet26t",
              "resnet50_gn", "seresnext50_32x4d", "ecaresnet50t", "ecaresnet50d_pruned",
              "resnetrs50", "resnetblur50", "resnetaa50d", "senet154", "wide_resnet50_2")

TEST_MAIN()
