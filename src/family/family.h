/* What the families share: how fresh weights start. */
#ifndef JIMM_FAMILY_FAMILY_H
#define JIMM_FAMILY_FAMILY_H

#include <jimm/registry.h>

/* Recipes of jimm_family.init. fan_out: He's normal distribution for ReLU, over outputs x taps
 * (torch.nn.init.kaiming_normal_ with mode fan_out, which does not divide by groups). */
jimm_init jimm_init_constant(double value);
jimm_init jimm_init_fan_out(const jimm_shape *weight);

#endif
