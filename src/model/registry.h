/* What the files of this room share: walking the families, options with their defaults. */
#ifndef JIMM_MODEL_REGISTRY_H
#define JIMM_MODEL_REGISTRY_H

#include <jimm/model.h>

#include "base/alloc.h"

/* The architecture of that name (no tag, no alias), with its family; NULL when there is none. */
const jimm_arch *jimm_arch_find(const char *name, const jimm_family **family);
/* The variant with that tag; NULL when there is none. */
const jimm_variant *jimm_arch_variant(const jimm_arch *arch, const char *tag);

/* What follows "MODULE." in `name` when that is one of the family's classifiers: "weight"; NULL. */
const char *jimm_family_classifier(const jimm_family *family, const char *name);

/* Appends the names of the models whose parameters are those of `state` (classifier and input
 * channels aside), at most `limit`, separated by ", "; returns how many there are, -1 when memory
 * ran out. */
int jimm_model_guess(const jimm_state *state, jimm_text *text, int limit);
/* Whether the architecture has about so many elements in its parameters and buffers, heads aside
 * and whatever the input channels: what is known before its graph is built. */
bool jimm_model_has_about(const jimm_arch *arch, int64_t elements);

#endif
