/* The rows of a variant table (made by scripts/make_variants.py) as the arrays that the family's
 * row (JIMM_FAMILY) points to: NAME_archs and NAME_aliases. Before it is included, for each table
 * anew:
 *
 *   FAMILY_NAME the family, resnet
 *   VARIANTS    the file, "family/resnet_variants.def"
 *   CONFIG_TYPE the family's struct, which the rows initialise
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define CONFIG(...) \
  { __VA_ARGS__ }
#define ALL(value) \
  { value, value, value, value }
#define VARIANT(...) \
  { __VA_ARGS__ }
#define ARCH(name_, params_, num_features_, config_, ...) \
  {.name = name_,                                         \
   .config = &(const CONFIG_TYPE)config_,                 \
   .params = params_,                                     \
   .num_features = num_features_,                         \
   .variants = (const jimm_variant[]){__VA_ARGS__},       \
   .variant_count =                                       \
       (int32_t)(sizeof((const jimm_variant[]){__VA_ARGS__}) / sizeof(jimm_variant))},
#define ALIAS(name_, target_)
static const jimm_arch JOIN(FAMILY_NAME, _archs)[] = {
#include VARIANTS
};
#undef ARCH
#undef ALIAS
#define ARCH(...)
#define ALIAS(name_, target_) {name_, target_},
static const jimm_alias JOIN(FAMILY_NAME, _aliases)[] = {
#include VARIANTS
};
#undef ARCH
#undef ALIAS
#undef VARIANT
#undef ALL
#undef CONFIG
#undef VARIANTS
#undef FAMILY_NAME
#undef JOIN
#undef JOIN_
