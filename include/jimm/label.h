/* jimm: names of classes: what the heads that timm trains on ImageNet and its larger subsets mean,
 * and the most probable classes from logits. */
#ifndef JIMM_LABEL_H
#define JIMM_LABEL_H

#include <stdint.h>

#include <jimm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The classes of one subset of ImageNet, as timm.data.ImageNetInfo has them. Constant data: shared
 * by all threads, never freed, and so are all strings. Functions below take no NULL for it. */
typedef struct jimm_labels jimm_labels;

/* The subset that a head of so many classes is trained on (timm.data.infer_imagenet_subset): 1000,
 * 11221, 11821, 21841, 21842 or 21843 classes; NULL for any other number. */
JIMM_API const jimm_labels *jimm_labels_find(int64_t num_classes);
/* timm's name of the subset: "imagenet-1k". */
JIMM_API const char *jimm_labels_name(const jimm_labels *labels);
JIMM_API int64_t jimm_labels_count(const jimm_labels *labels);
/* The WordNet synset of a class: "n01440764". NULL when there is no such class. */
JIMM_API const char *jimm_labels_synset(const jimm_labels *labels, int64_t index);
/* The synset's lemmas: "tench, Tinca tinca". NULL when there is no such class. */
JIMM_API const char *jimm_labels_description(const jimm_labels *labels, int64_t index);

typedef struct jimm_top {
  int64_t index;
  float logit;
  float probability; /* softmax over all classes */
} jimm_top;

/* The k largest of `count` logits, largest first, ties by lower index; NaN sorts last. Writes
 * min(k, count) entries to `top` and returns how many. */
JIMM_API int64_t jimm_top_k(const float *logits, int64_t count, int64_t k, jimm_top *top);

#ifdef __cplusplus
}
#endif
#endif
