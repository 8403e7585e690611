/* Class names: synsets.def has every synset once, subsets.def the order of each subset. */
#include <jimm/label.h>
#include <stddef.h>

/* "n01440764\0tench, Tinca tinca\0" one after the other: one block of characters without a pointer
 * to relocate; `place` says where each begins. */
typedef struct all_texts {
#define SYNSET(offset, lemmas) char n##offset[sizeof("n" #offset "\0" lemmas)];
#include "label/synsets.def"
#undef SYNSET
} all_texts;

static const all_texts texts = {
#define SYNSET(offset, lemmas) "n" #offset "\0" lemmas,
#include "label/synsets.def"
#undef SYNSET
};

static const uint32_t places[] = {
#define SYNSET(offset, lemmas) offsetof(all_texts, n##offset),
#include "label/synsets.def"
#undef SYNSET
};

#define SYNSET_LENGTH 9 /* n and eight digits */

/* Classes from `index` on are the synsets from `synset` on. */
typedef struct run {
  uint16_t index, synset;
} run;

struct jimm_labels {
  const char *name;
  const run *runs;
  int32_t run_count, count;
};

#define SUBSET_BEGIN(id, name, classes) static const run id##_runs[] = {
#define RUN(index, synset) {index, synset},
#define SUBSET_END(id) \
  }                    \
  ;
#include "label/subsets.def"
#undef SUBSET_BEGIN
#undef RUN
#undef SUBSET_END

static const jimm_labels subsets[] = {
#define SUBSET_BEGIN(id, name, classes) \
  {name, id##_runs, (int32_t)(sizeof(id##_runs) / sizeof(id##_runs[0])), classes},
#define RUN(index, synset)
#define SUBSET_END(id)
#include "label/subsets.def"
#undef SUBSET_BEGIN
#undef RUN
#undef SUBSET_END
};

const jimm_labels *jimm_labels_find(int64_t num_classes) {
  for (size_t i = 0; i < sizeof(subsets) / sizeof(subsets[0]); i++) {
    if (subsets[i].count == num_classes) {
      return &subsets[i];
    }
  }
  return NULL;
}

const char *jimm_labels_name(const jimm_labels *labels) {
  return labels->name;
}

int64_t jimm_labels_count(const jimm_labels *labels) {
  return labels->count;
}

const char *jimm_labels_synset(const jimm_labels *labels, int64_t index) {
  if (index < 0 || index >= labels->count) {
    return NULL;
  }
  int32_t low = 0, high = labels->run_count; /* the last run that begins at `index` or before */
  while (high - low > 1) {
    const int32_t middle = low + (high - low) / 2;
    if (labels->runs[middle].index <= index) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const run *r = &labels->runs[low];
  return (const char *)&texts + places[r->synset + (index - r->index)];
}

const char *jimm_labels_description(const jimm_labels *labels, int64_t index) {
  const char *synset = jimm_labels_synset(labels, index);
  return synset == NULL ? NULL : synset + SYNSET_LENGTH + 1;
}
