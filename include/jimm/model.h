/* jimm: models, all of it: options, the registry, graphs by name, graphs with weights, weights
 * folders. */
#ifndef JIMM_MODEL_H
#define JIMM_MODEL_H

#include <jimm/build.h>
#include <jimm/folder.h>
#include <jimm/model_options.h>
#include <jimm/registry.h>
#include <jimm/weights.h>

#endif
