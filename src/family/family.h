/* What the families share: their rows, and how fresh weights start. */
#ifndef JIMM_FAMILY_FAMILY_H
#define JIMM_FAMILY_FAMILY_H

#include <jimm/registry.h>

/* The row of a family whose arrays variants.h has made: JIMM_FAMILY(resnet, .build = build, ...).
 */
#define JIMM_FAMILY(family, ...)                                              \
  extern const jimm_family jimm_family_##family;                              \
  const jimm_family jimm_family_##family = {                                  \
      .size = sizeof(jimm_family),                                            \
      .name = #family,                                                        \
      .archs = family##_archs,                                                \
      .arch_count = (int32_t)(sizeof family##_archs / sizeof(jimm_arch)),     \
      .aliases = family##_aliases,                                            \
      .alias_count = (int32_t)(sizeof family##_aliases / sizeof(jimm_alias)), \
      __VA_ARGS__}

/* Recipes of jimm_family.init. fan_out: He's normal distribution for ReLU, over outputs x taps
 * (torch.nn.init.kaiming_normal_ with mode fan_out, which does not divide by groups). */
jimm_init jimm_init_constant(double value);
jimm_init jimm_init_fan_out(const jimm_shape *weight);

#endif
