/* The k largest logits with their probabilities. */
#include <jimm-test/jimm-test.h>
#include <jimm/label.h>
#include <math.h>

#include "base/stream.h"

TEST(order_and_probabilities) {
  const float logits[] = {0, 3, -1, 2};
  jimm_top top[4];
  TEST_REQUIRE_INT(jimm_top_k(logits, 4, 3, top), 3);
  const double sum = exp(0) + exp(3) + exp(-1) + exp(2);
  static const int want[] = {1, 3, 0};
  for (int i = 0; i < 3; i++) {
    TEST_CHECK_INT(top[i].index, want[i]);
    TEST_CHECK_DOUBLE(top[i].logit, logits[want[i]], 0, 0);
    TEST_CHECK_DOUBLE(top[i].probability, exp(logits[want[i]]) / sum, 0, 1e-7);
  }
}

TEST(bounds) {
  const float logits[] = {1, 2};
  jimm_top top[2];
  TEST_CHECK_INT(jimm_top_k(logits, 2, 5, top), 2);
  TEST_CHECK_INT(top[0].index, 1);
  TEST_CHECK_INT(jimm_top_k(logits, 2, 0, top), 0);
  TEST_CHECK_INT(jimm_top_k(logits, 2, -1, top), 0);
  TEST_CHECK_INT(jimm_top_k(logits, 0, 1, top), 0);
  TEST_CHECK_INT(jimm_top_k(logits, 1, 1, top), 1);
  TEST_CHECK_DOUBLE(top[0].probability, 1, 0, 0);
}

TEST(ties_by_lower_index) {
  const float logits[] = {1, 5, 5, 1, 5, 0.0F, -0.0F};
  static const int want[] = {1, 2, 4, 0, 3, 5, 6};
  jimm_top top[7];
  for (int k = 1; k <= 7; k++) {
    TEST_REQUIRE_INT(jimm_top_k(logits, 7, k, top), k);
    for (int i = 0; i < k; i++) {
      TEST_CHECK_INT(top[i].index, want[i]);
    }
  }
}

TEST(nan_sorts_last) {
  const float logits[] = {NAN, 1, NAN, -INFINITY, 2};
  static const int want[] = {4, 1, 3, 0, 2};
  jimm_top top[5];
  for (int k = 1; k <= 5; k++) {
    TEST_REQUIRE_INT(jimm_top_k(logits, 5, k, top), k);
    for (int i = 0; i < k; i++) {
      TEST_CHECK_INT(top[i].index, want[i]);
      TEST_CHECK(isnan(top[i].probability)); /* as torch.softmax */
    }
  }
}

TEST(large_logits_do_not_overflow) {
  const float logits[] = {3e38F, 3e38F, -3e38F, -INFINITY};
  jimm_top top[4];
  TEST_REQUIRE_INT(jimm_top_k(logits, 4, 4, top), 4);
  TEST_CHECK_DOUBLE(top[0].probability, 0.5, 0, 0);
  TEST_CHECK_DOUBLE(top[1].probability, 0.5, 0, 0);
  TEST_CHECK_DOUBLE(top[2].probability, 0, 0, 0);
  TEST_CHECK_DOUBLE(top[3].probability, 0, 0, 0);
}

/* Against the definition, on many values with many ties. */
TEST(every_k_of_a_thousand) {
  enum { COUNT = 1000 };
  static float logits[COUNT];
  static jimm_top top[COUNT];
  for (int i = 0; i < COUNT; i++) {
    logits[i] = (float)((int)(jimm_stream_bits(3, (uint64_t)i) % 100) - 50) * 0.125F;
  }
  static const int ks[] = {1, 2, 5, 31, 500, 999, COUNT};
  for (size_t n = 0; n < sizeof ks / sizeof ks[0]; n++) {
    TEST_REQUIRE_INT(jimm_top_k(logits, COUNT, ks[n], top), ks[n]);
    for (int i = 0; i < ks[n]; i++) {
      int before = 0; /* how many come before top[i] */
      const int64_t index = top[i].index;
      for (int j = 0; j < COUNT; j++) {
        before += logits[j] > logits[index] || (logits[j] == logits[index] && j < index);
      }
      TEST_CHECK_INT(before, i);
    }
  }
}
