/* Names of ConvNeXt's weights that are not timm's. */
#ifndef JIMM_FAMILY_CONVNEXT_H
#define JIMM_FAMILY_CONVNEXT_H

#include <jimm/registry.h>

/* jimm_family.adapt of convnext and convnextv2: timm's checkpoint_filter_fn. */
jimm_status jimm_convnext_adapt(const jimm_graph *graph, const char *tag, jimm_state *state,
                                jimm_state **adapted);

#endif
