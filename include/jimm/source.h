/* jimm: where a model comes from: a name, a weights file, a weights folder, a repository of the
 * hub.
 *
 * Functions of libjimm-hub. What is opened says which model it is, how images are made ready for
 * it, what its classes are called and what the licence of its weights forbids; from it come graphs
 * and models. jimm_model_open (jimm/hub.h) does the whole in one call.
 */
#ifndef JIMM_SOURCE_H
#define JIMM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/hub.h>
#include <jimm/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Immutable; shared by threads. */
typedef struct jimm_source jimm_source;

typedef struct jimm_source_options {
  size_t size;
  bool describe;               /* only which model it is: no weights are downloaded */
  const jimm_hub_options *hub; /* NULL: defaults. Borrowed during the call */
} jimm_source_options;
#define JIMM_SOURCE_OPTIONS_INIT \
  { sizeof(jimm_source_options), false, NULL }

/* Opens what `model`, `weights` or both stand for; one of them may be NULL.
 *   `model`: a name that jimm_model_find takes, with an optional "@revision", or a repository
 *     ("hf://ns/name", jimm_hub_is_repo). Weights are those that the hub has under that name
 *     (jimm_hub_locate).
 *   `weights`: they come from here instead: a file, a folder, or what jimm_hub_is_named takes. A
 *     folder or repository says itself which model it holds; `model` then must be of the same
 *     architecture. A file does not say it: `model` must.
 * Nothing of a weights file is read as yet. `options` may be NULL. The caller closes *source.
 *
 * Errors name what they are about: both NULL, a file without a model, weights beside a repository
 * (INVALID_ARGUMENT); an unknown model, a path where nothing is (NOT_FOUND); a folder with weights
 * of another architecture (MISMATCH); those of jimm_hub_locate and jimm_folder_open. */
JIMM_API jimm_status jimm_source_open(const char *model, const char *weights,
                                      const jimm_source_options *options, jimm_source **source);
/* Accepts NULL and a pointer to NULL. Models that were made of it live on; what was borrowed from
 * it does not. */
JIMM_API void jimm_source_close(jimm_source **source);

/* Which model it is; of a folder or repository the variant is its own: its preprocessing and class
 * count, not the registry's. Borrowed from the source. */
JIMM_API const jimm_model_name *jimm_source_model(const jimm_source *source);
/* The options that the weights are for: of a folder its own, else the defaults. Borrowed. */
JIMM_API const jimm_model_options *jimm_source_model_options(const jimm_source *source);
/* The path of the weights; NULL with options.describe where they are not on this machine. Whether
 * there is such a file shows when they are loaded. Borrowed. */
JIMM_API const char *jimm_source_weights(const jimm_source *source);
/* What config.json says; NULL when neither a folder nor a repository was opened. Borrowed. */
JIMM_API const jimm_folder *jimm_source_folder(const jimm_source *source);
/* What class `index` of a model with `classes` classes is called: the folder's own name, else the
 * words of the ImageNet subset with so many classes, whose synset is *synset then (else NULL;
 * `synset` may be NULL). NULL when nobody knows. Borrowed. */
JIMM_API const char *jimm_source_label(const jimm_source *source, int64_t classes, int64_t index,
                                       const char **synset);
/* jimm_license_restriction of the weights: a folder states its own licence, a file is taken to be
 * what its name says, released weights of that tag, or made from them. The library keeps silent
 * about it: programs that show people results had better say it. NULL: nothing is known. */
JIMM_API const char *jimm_source_restriction(const jimm_source *source);

/* The graph of the model. `options` (may be NULL): what they leave open (-1, NULL) is as the source
 * has it. The caller closes *graph. */
JIMM_API jimm_status jimm_source_graph(const jimm_source *source, const jimm_model_options *options,
                                       jimm_graph **graph);
/* The model: that graph with the weights (jimm_state_open, jimm_model_create). Without `weights`
 * another number of classes than theirs starts with a fresh head, as in timm. INVALID_ARGUMENT when
 * the source has no weights (options.describe). The caller closes *model. */
JIMM_API jimm_status jimm_source_load(const jimm_source *source, const jimm_model_options *options,
                                      const jimm_weights_options *weights, jimm_model **model);

#ifdef __cplusplus
}
#endif
#endif
