/* jimm: timm's image backbones in plain C. This header includes the whole core interface; image
 * files (jimm/image.h) need libjimm-image, fixtures (jimm/parity.h) libjimm-parity and weights by
 * name (jimm/hub.h, jimm/source.h) libjimm-hub. */
#ifndef JIMM_JIMM_H
#define JIMM_JIMM_H

#include <jimm/base.h>
#include <jimm/graph.h>
#include <jimm/label.h>
#include <jimm/model.h>
#include <jimm/plan.h>
#include <jimm/state.h>
#include <jimm/status.h>
#include <jimm/tensor.h>

#endif
