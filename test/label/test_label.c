/* Names of classes: every name of every subset by a hash that timm's own data gave, and the first
 * and last of each by their words. test/parity/check_labels.py compares them live. */
#include <inttypes.h>
#include <jimm-test/jimm-test.h>
#include <jimm/label.h>
#include <jimm/model.h>
#include <string.h>

/* FNV-1a, 64 bit, of "synset<tab>description<newline>" for all classes in order. */
static const struct {
  int64_t classes;
  const char *name, *synset, *first, *last;
  uint64_t hash;
} subsets[] = {
    {1000, "imagenet-1k", "n01440764", "tench, Tinca tinca",
     "toilet tissue, toilet paper, bathroom tissue", 0x684d5dc17871fd2cu},
    {11221, "imagenet-21k-miil", "n00005787", "benthos", "knothole", 0x2eb8a5ef133c6794u},
    {11821, "imagenet-12k", "n00005787", "benthos", "knothole", 0x80857f58a4b66724u},
    {21841, "imagenet-22k", "n00004475", "organism, being", "knothole", 0x82e3d860de2b4544u},
    {21842, "imagenet-22k-ms", "n01440764", "tench, Tinca tinca", "knothole", 0x2c8bb2214e2bbc17u},
    {21843, "imagenet-21k-goog", "n00004475", "organism, being", "knothole", 0xb8a46747c17efb44u},
};

static uint64_t add_text(uint64_t hash, const char *text) {
  for (; *text != 0; text++) {
    hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
  }
  return hash;
}

TEST(every_name_is_timms) {
  for (size_t i = 0; i < sizeof subsets / sizeof subsets[0]; i++) {
    const jimm_labels *labels = jimm_labels_find(subsets[i].classes);
    TEST_REQUIRE(labels != NULL);
    TEST_CHECK_STR(jimm_labels_name(labels), subsets[i].name);
    TEST_REQUIRE_INT(jimm_labels_count(labels), subsets[i].classes);
    TEST_CHECK_STR(jimm_labels_synset(labels, 0), subsets[i].synset);
    TEST_CHECK_STR(jimm_labels_description(labels, 0), subsets[i].first);
    TEST_CHECK_STR(jimm_labels_description(labels, subsets[i].classes - 1), subsets[i].last);
    uint64_t hash = UINT64_C(14695981039346656037);
    for (int64_t k = 0; k < subsets[i].classes; k++) {
      hash = add_text(add_text(hash, jimm_labels_synset(labels, k)), "\t");
      hash = add_text(add_text(hash, jimm_labels_description(labels, k)), "\n");
    }
    TEST_CHECK_MSG(hash == subsets[i].hash, "%s: the hash of all names is 0x%016" PRIx64,
                   subsets[i].name, hash);
  }
}

TEST(no_such_class) {
  static const int64_t unnamed[] = {-1, 0, 10, 640, 768, 999, 1001, 1024, 21840, INT64_MAX};
  for (size_t i = 0; i < sizeof unnamed / sizeof unnamed[0]; i++) {
    TEST_CHECK(jimm_labels_find(unnamed[i]) == NULL);
  }
  const jimm_labels *labels = jimm_labels_find(1000);
  static const int64_t none[] = {-1, 1000, INT64_MIN, INT64_MAX};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    TEST_CHECK(jimm_labels_synset(labels, none[i]) == NULL);
    TEST_CHECK(jimm_labels_description(labels, none[i]) == NULL);
  }
}

/* Every released head of the registry that has as many classes as a subset can be named. */
TEST(every_classifier_has_names) {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count; a++) {
      for (int32_t v = 0; v < family->archs[a].variant_count; v++) {
        const jimm_variant *variant = &family->archs[a].variants[v];
        /* an embedding of CLIP is no classifier */
        TEST_CHECK_MSG(variant->num_classes == 0 || strncmp(variant->tag, "clip_", 5) == 0 ||
                           jimm_labels_find(variant->num_classes) != NULL,
                       "%s.%s: %" PRId64 " classes", family->archs[a].name, variant->tag,
                       variant->num_classes);
      }
    }
  }
}

TEST_MAIN()
