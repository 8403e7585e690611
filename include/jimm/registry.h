/* jimm: the registry: families, architectures, variants, and names of models. */
#ifndef JIMM_REGISTRY_H
#define JIMM_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/graph.h>
#include <jimm/image.h>
#include <jimm/model_options.h>
#include <jimm/state.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct jimm_arch jimm_arch;

/* A name that timm deprecates, and the model it stands for ("resnet34.tv_in1k"). */
typedef struct jimm_alias {
  const char *name, *target;
} jimm_alias;

/* How the elements of a fresh parameter are drawn. */
typedef enum jimm_init_type {
  JIMM_INIT_CONSTANT = 0, /* all are `value` */
  JIMM_INIT_UNIFORM = 1,  /* in +-value */
  JIMM_INIT_NORMAL = 2    /* mean 0, standard deviation `value` */
} jimm_init_type;
typedef struct jimm_init {
  jimm_init_type type;
  double value;
} jimm_init;

/* A model family: one file that emits the graph. */
typedef struct jimm_family {
  size_t size;
  const char *name; /* "resnet" */
  /* Emits nodes, the outputs features, pre_logits, logits and the taps of the feature pyramid
   * (jimm_graph_add_feature) for arch->config. Options are resolved: only img_size may be left
   * open, and what the family does not take is. */
  void (*build)(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options);
  const char *default_global_pool; /* "avg" */
  const jimm_arch *archs;
  int32_t arch_count;
  /* The modules with role JIMM_ROLE_CLASSIFIER, {"fc", NULL}; NULL: none. */
  const char *const *classifiers;
  const jimm_alias *aliases; /* deprecated names; may be NULL with alias_count 0 */
  int32_t alias_count;
  /* How the family initialises `parameter`, input number `input` of the operator `user`, where
   * PyTorch's layers would do `standard`. NULL: as those. */
  jimm_init (*init)(const jimm_graph *graph, const jimm_node *parameter, const jimm_node *user,
                    int32_t input, jimm_init standard);
  /* Gives weights that came under other names or in other shapes than timm's (those of a paper's
   * own code, of another library) those of timm, as its checkpoint_filter_fn does. `graph` was
   * built of this family, for the tag `tag`. Leaves *adapted NULL when `state` is as it should be;
   * else a new state, of views (jimm_state_add_view). NULL: weights are timm's. */
  jimm_status (*adapt)(const jimm_graph *graph, const char *tag, jimm_state *state,
                       jimm_state **adapted);
  uint32_t options; /* what it takes, JIMM_OPTION_ bits; 0: JIMM_OPTIONS_USUAL */
} jimm_family;

/* Released (or untrained) weights of an architecture and the preprocessing that goes with them: one
 * default_cfg of timm. */
typedef struct jimm_variant {
  const char *tag; /* "a1_in1k"; "" when timm's cfg has none */
  bool has_weights;
  int64_t num_classes;
  jimm_data_config data;      /* input_size, interpolation, crop_pct, crop_mode, mean, std */
  int64_t test_input_size[3]; /* zeros when timm has none: then as data */
  double test_crop_pct;       /* 0 when timm has none */
  bool fixed_input_size;      /* the weights are for input_size alone */
  int64_t pool_size[2];       /* features at input_size: height, width; zeros when timm has none */
  const char *hub_id;         /* "timm/resnet50.a1_in1k"; NULL when there is none */
  const char *url;            /* direct download; NULL */
  bool custom_load;           /* the url has another framework's layout, which timm converts */
  const char *license;        /* SPDX-like, as timm states it; NULL when it does not */
  const char *origin_url, *paper_ids, *paper_name; /* NULL when timm has none */
} jimm_variant;

/* An architecture: one entry-point function of timm. */
struct jimm_arch {
  const char *name;             /* "resnet50" */
  const void *config;           /* the family's own numbers */
  int64_t params;               /* timm's count at default options (for tests and listings) */
  int64_t num_features;         /* channels of features */
  const jimm_variant *variants; /* the default tag first */
  int32_t variant_count;
};

JIMM_API int32_t jimm_family_count(void);
JIMM_API const jimm_family *jimm_family_at(int32_t index);
/* Adds a family of your own (its archs need config, name, variants). Names that exist already:
 * JIMM_ERROR_INVALID_ARGUMENT. Not while other threads look models up. */
JIMM_API jimm_status jimm_family_register(const jimm_family *family);

/* What a model name resolves to. Borrowed pointers, valid for the life of the process. */
typedef struct jimm_model_name {
  const jimm_family *family;
  const jimm_arch *arch;
  const jimm_variant *variant;
  const char *deprecated; /* the alias that was used, when timm deprecates it; else NULL */
} jimm_model_name;

/* Finds "resnet50" (the default tag), "resnet50.a1_in1k", the key "resnet50_a1_in1k", each with an
 * optional "timm/" prefix, or a deprecated alias of timm. Unknown: JIMM_ERROR_NOT_FOUND with the
 * nearest names in the message. */
JIMM_API jimm_status jimm_model_find(const char *name, jimm_model_name *result);

/* What the licence of weights forbids, in a few words ("no commercial use"), by the identifier that
 * jimm_variant.license has, in any case. NULL when jimm knows of nothing: also for a licence that
 * it does not know, and for NULL, where none is stated. A hint for people, no legal advice. The
 * text is constant. */
JIMM_API const char *jimm_license_restriction(const char *license);

/* The preprocessing of a variant: data, or its test_input_size and test_crop_pct when `test_size`
 * and timm has them (as timm.data.resolve_model_data_config(use_test_size=True)). */
JIMM_API jimm_data_config jimm_variant_data(const jimm_variant *variant, bool test_size);

#ifdef __cplusplus
}
#endif
#endif
