/* jimm: models: the registry of timm's variants, graphs by name, graphs with weights. */
#ifndef JIMM_MODEL_H
#define JIMM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/graph.h>
#include <jimm/image.h>
#include <jimm/state.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- options of a model, as keyword arguments of timm.create_model ---- */

typedef struct jimm_model_options {
  size_t size;
  int64_t num_classes;     /* -1: as the tag; 0: no classifier (logits are pre_logits) */
  int64_t in_chans;        /* -1: 3 */
  const char *global_pool; /* NULL: the family's default; "", "avg", "max", "avgmax", "catavgmax" */
  /* 32; with 16 or 8 later stages keep their size and dilate instead of striding. bit and resnetv2
   * take any number above 0, as timm does: stages dilate once strides have reached it, from the
   * second stage on (4 and less). */
  int64_t output_stride;
} jimm_model_options;
#define JIMM_MODEL_OPTIONS_INIT \
  { sizeof(jimm_model_options), -1, -1, NULL, 32 }

/* ---- registry ---- */

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
  int32_t type; /* jimm_init_type */
  double value;
} jimm_init;

/* A model family: one file that emits the graph. */
typedef struct jimm_family {
  size_t size;
  const char *name; /* "resnet" */
  /* Emits nodes, the outputs features, pre_logits, logits and the taps of the feature pyramid
   * (jimm_graph_add_feature) for arch->config. Options are resolved: num_classes and in_chans are
   * >= 0, global_pool is not NULL. */
  void (*build)(jimm_graph *graph, const jimm_arch *arch, const jimm_model_options *options);
  const char *default_global_pool; /* "avg" */
  const jimm_arch *archs;
  int32_t arch_count;
  const char *classifier;    /* the module with role JIMM_ROLE_CLASSIFIER, "fc"; NULL: none */
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

/* The graph of a named model. `options` may be NULL. The caller closes the graph. */
JIMM_API jimm_status jimm_graph_build(const jimm_model_name *name,
                                      const jimm_model_options *options, jimm_graph **graph);

/* ---- a model as a part of a graph ---- */

/* What jimm_graph_emit added. Values are JIMM_NO_VALUE after an error, or when the family has no
 * such output. Its taps are jimm_graph_feature(graph, first_feature) and on, feature_count of them;
 * the last one's channels are those of `features`. */
typedef struct jimm_emitted {
  jimm_value features, pre_logits, logits;
  int32_t first_feature, feature_count;
} jimm_emitted;

/* Adds a named model to a graph that is being built, under the scope that is open: for networks
 * with several backbones, or heads that timm does not have. It is the same build that
 * jimm_graph_build runs, so it is the same model, node by node, whatever stands around it:
 *
 *   - `input`, a value of the graph, F32 [N, in_chans, H, W], takes the place of its image;
 *   - its nodes and parameters are named under the scope: pushed "a.backbone",
 * "layer1.0.conv1.weight" becomes "a.backbone.layer1.0.conv1.weight". Weights of all models then
 * live in one state, and jimm_model_create, jimm_state_synthetic and jimm_state_init find them
 * there;
 *   - its outputs are outputs of the graph under such names too: "a.backbone.features",
 *     "a.backbone.feat_01" and so on. Plans compute those that are asked for and no others.
 *
 * As in all building the first error is kept in the graph, and jimm_graph_finish reports it.
 * `options` may be NULL; num_classes 0 leaves the classifier out. A family's own build may call
 * this: that makes a network with a name of its own. */
JIMM_API jimm_emitted jimm_graph_emit(jimm_graph *graph, const jimm_model_name *name,
                                      const jimm_model_options *options, jimm_value input);

/* ---- a graph with weights ---- */

typedef struct jimm_weights_options {
  size_t size;
  /* A classifier of another size, or none, in the state is no error: its tensors are dropped, and
   * the graph's classifier, if it has one, starts as PyTorch's linear layers do: uniform in
   * +-1/sqrt(fan_in), drawn from the stream of docs/synthetic.md with seed 0, always the same. Of
   * several classifiers each is reset or kept by itself. */
  bool reset_head;
  /* An input convolution of 3 channels is adapted to another number as timm's adapt_input_conv
   * does: one channel gets the sum, more get the three repeated and scaled by 3/channels. */
  bool adapt_input;
} jimm_weights_options;
#define JIMM_WEIGHTS_OPTIONS_INIT \
  { sizeof(jimm_weights_options), false, true }

/* Immutable and shareable between threads; packed weights are kept in it, one copy per layout, for
 * all plans. */
typedef struct jimm_model jimm_model;

/* The weights of `state` under the names and in the shapes that `graph` has, where the family of
 * jimm_graph_build's model knows others (jimm_family.adapt): convnext and convnextv2 take those of
 * the papers' own code ("downsample_layers.0.0.weight") and open_clip's image towers
 * ("visual.trunk.stem.0.weight"), and for the tag "fcmae", whose released weights have no final
 * norm, start one at 1 and 0. Else `state` itself. The caller closes *adapted. */
JIMM_API jimm_status jimm_state_adapt(const jimm_graph *graph, jimm_state *state,
                                      jimm_state **adapted);

/* Binds `state`, adapted by jimm_state_adapt, to `graph` (timm's load_state_dict, strict): every
 * tensor of the state is used and every parameter of the graph filled, with equal shapes; else
 * JIMM_ERROR_MISMATCH with a message that lists missing, unexpected and misshapen tensors. Floating
 * dtypes may differ from the graph's. Retains both; `options` may be NULL. */
JIMM_API jimm_status jimm_model_create(jimm_graph *graph, jimm_state *state,
                                       const jimm_weights_options *options, jimm_model **model);
/* A state of synthetic weights (jimm_synthetic_parameter) for every parameter of the graph that is
 * not optional, in graph order. The caller closes it. For weights that are adapted from 3 input
 * channels, make the state from a graph with 3 and bind it to one with in_chans channels. */
JIMM_API jimm_status jimm_state_synthetic(const jimm_graph *graph, uint64_t seed,
                                          jimm_state **state);
/* A state of fresh weights for every parameter of the graph, in graph order, as timm's model of
 * that family has them before training: its init_weights, or what PyTorch's layers do by
 * themselves. What jimm_graph_emit added starts as its own family's does, whatever `family` is;
 * NULL stands for none: the rest starts as PyTorch's layers do. The same seed gives the same bits
 * on every machine, but not those of PyTorch's generator. The caller closes it. */
JIMM_API jimm_status jimm_state_init(const jimm_family *family, const jimm_graph *graph,
                                     uint64_t seed, jimm_state **state);
/* A model with the weights of jimm_state_synthetic(graph, seed). */
JIMM_API jimm_status jimm_model_create_synthetic(jimm_graph *graph, uint64_t seed,
                                                 jimm_model **model);
JIMM_API jimm_model *jimm_model_retain(jimm_model *model);
JIMM_API void jimm_model_close(jimm_model **model);
JIMM_API jimm_graph *jimm_model_graph(const jimm_model *model); /* borrowed */
/* The parameter's tensor after adaptation, in the dtype of its file. Borrowed; NULL when `value` is
 * not a parameter or is optional and absent. */
JIMM_API const jimm_tensor *jimm_model_parameter(const jimm_model *model, jimm_value value);

/* jimm_tensor_check_finite for every parameter, after adaptation, in graph order: tensors of the
 * state that were dropped (reset_head) do not count. The message names the first that has such
 * elements, and says how many more have. Best called before plans are made: they let go of the
 * pages of a mapped file, which this reads. */
JIMM_API jimm_status jimm_model_check_finite(const jimm_model *model);

/* ---- a weights folder: timm's config.json and weights ---- */

/* What a folder's config.json says. */
typedef struct jimm_folder jimm_folder;

/* Reads DIR/config.json: architecture, num_classes, pretrained_cfg (preprocessing), label_names,
 * label_descriptions. The weights are DIR/model.safetensors or, when there is none, the first that
 * is there of pytorch_model.bin, pytorch_model.pth, model.pth, open_clip_model.safetensors and
 * open_clip_pytorch_model.safetensors, .bin, .pth, as in timm. */
JIMM_API jimm_status jimm_folder_open(const char *path, jimm_folder **folder);
JIMM_API void jimm_folder_close(jimm_folder **folder);
JIMM_API const jimm_model_name *jimm_folder_model(const jimm_folder *folder);
/* The variant that the folder describes: its own preprocessing and class count, not the registry's.
 */
JIMM_API const jimm_variant *jimm_folder_variant(const jimm_folder *folder);
JIMM_API const jimm_model_options *jimm_folder_options(const jimm_folder *folder);
JIMM_API const char *jimm_folder_weights(const jimm_folder *folder); /* path of the weights */
/* The class's name; NULL when the folder has none for that index. */
JIMM_API const char *jimm_folder_label(const jimm_folder *folder, int64_t index);
/* What label_descriptions says about that name, e.g. "tench, Tinca tinca" for a synset; or NULL. */
JIMM_API const char *jimm_folder_description(const jimm_folder *folder, int64_t index);
JIMM_API int64_t jimm_folder_label_count(const jimm_folder *folder);

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
