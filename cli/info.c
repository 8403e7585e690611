/* jimm info */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef struct info_values {
  bool json, graph;
} info_values;

/* A named model's graph, with the shapes at its input size. */
typedef struct model_facts {
  jimm_model_name name;
  jimm_graph *graph;
  jimm_shape input;
  jimm_shape *shapes;
  cli_cost cost;
} model_facts;

static int read_facts(const jimm_model_name *name, model_facts *facts) {
  const jimm_data_config *data = &name->variant->data;
  *facts = (struct model_facts){.name = *name};
  facts->input = (jimm_shape){4, {1, data->channels, data->height, data->width}};
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  options.in_chans = data->channels;
  if (jimm_graph_build(name, &options, &facts->graph) != JIMM_OK) {
    return cli_fail_library(name->arch->name);
  }
  size_t nodes = (size_t)jimm_graph_node_count(facts->graph);
  facts->shapes = calloc(nodes + 1, sizeof *facts->shapes);
  if (facts->shapes == NULL) {
    return cli_fail_memory();
  }
  if (jimm_graph_infer(facts->graph, &facts->input, facts->shapes) != JIMM_OK) {
    return cli_fail_library(name->arch->name);
  }
  cli_graph_cost(facts->graph, facts->shapes, &facts->cost);
  return CLI_OK;
}

static void print_fact(const char *what, const char *text) {
  printf("  %-16s %s\n", what, text);
}

static void print_data(const jimm_variant *variant) {
  const jimm_data_config *data = &variant->data;
  printf("  %-16s %lld x %lld x %lld (channels, height, width)%s\n", "input",
         (long long)data->channels, (long long)data->height, (long long)data->width,
         variant->fixed_input_size ? ", no other" : "");
  printf("  %-16s %s, crop %.15g (%s)\n", "resize", cli_interpolation_name(data->interpolation),
         data->crop_pct, cli_crop_mode_name(data->crop_mode));
  printf("  %-16s %.15g %.15g %.15g\n", "mean", data->mean[0], data->mean[1], data->mean[2]);
  printf("  %-16s %.15g %.15g %.15g\n", "std", data->std[0], data->std[1], data->std[2]);
  if (variant->test_input_size[0] != 0 || variant->test_crop_pct > 0) {
    jimm_data_config test = jimm_variant_data(variant, true);
    printf("  %-16s %lld x %lld x %lld, crop %.15g\n", "with --test-size", (long long)test.channels,
           (long long)test.height, (long long)test.width, test.crop_pct);
  }
}

static void print_tags(const jimm_arch *arch) {
  printf("  %-16s", "tags");
  for (int32_t i = 0; i < arch->variant_count; i++) {
    const jimm_variant *variant = &arch->variants[i];
    printf("%s %s%s%s", i == 0 ? "" : ",", variant->tag[0] == 0 ? "(none)" : variant->tag,
           i == 0 ? " (default)" : "", variant->has_weights ? "" : " (no weights)");
  }
  putchar('\n');
}

static void print_text(const model_facts *facts) {
  const jimm_arch *arch = facts->name.arch;
  const jimm_variant *variant = facts->name.variant;
  const char *restriction = jimm_license_restriction(variant->license);
  char name[CLI_NAME_SIZE];
  char quantity[32];
  printf("%s\n", cli_variant_name(arch, variant, name));
  printf("  %-16s %s (family %s)\n", "architecture", arch->name, facts->name.family->name);
  int64_t params = jimm_graph_parameter_count(facts->graph);
  printf("  %-16s %lld (%s)\n", "parameters", (long long)params, cli_quantity(params, quantity));
  printf("  %-16s %s at %lld x %lld\n", "multiply-adds", cli_quantity(facts->cost.macs, quantity),
         (long long)variant->data.height, (long long)variant->data.width);
  printf("  %-16s %sB of weights in float32; ", "memory",
         cli_quantity(facts->cost.weight_bytes, quantity));
  printf("largest activation %sB\n", cli_quantity(facts->cost.largest_activation_bytes, quantity));
  printf("  %-16s %lld\n", "features", (long long)arch->num_features);
  printf("  %-16s", "pyramid");
  for (int32_t i = 0; i < jimm_graph_feature_count(facts->graph); i++) {
    const jimm_feature_info *tap = jimm_graph_feature(facts->graph, i);
    printf("%s %s %lld /%lld", i == 0 ? "" : ",", tap->module, (long long)tap->channels,
           (long long)tap->reduction);
  }
  printf(" (module, channels, /reduction)\n");
  printf("  %-16s %lld%s\n", "classes", (long long)variant->num_classes,
         variant->num_classes == 0 ? " (no classifier)" : "");
  const jimm_labels *labels = jimm_labels_find(variant->num_classes);
  if (labels != NULL) {
    print_fact("class names", jimm_labels_name(labels));
  }
  print_data(variant);
  print_fact("weights", variant->has_weights ? "released" : "none released");
  print_fact("licence",
             variant->license == NULL ? "not stated: ask the authors" : variant->license);
  if (restriction != NULL) {
    print_fact("restriction", restriction);
  }
  if (variant->hub_id != NULL) {
    print_fact("hub", variant->hub_id);
  }
  if (variant->url != NULL) {
    print_fact("download", variant->url);
  }
  if (variant->origin_url != NULL) {
    print_fact("origin", variant->origin_url);
  }
  if (variant->paper_name != NULL) {
    print_fact("paper", variant->paper_name);
  }
  if (variant->paper_ids != NULL) {
    print_fact("paper", variant->paper_ids);
  }
  print_tags(arch);
}

static json_t *facts_json(const model_facts *facts, bool graph) {
  const jimm_variant *variant = facts->name.variant;
  json_t *object = cli_variant_json(facts->name.family, facts->name.arch, variant);
  json_t *tags = json_array();
  for (int32_t i = 0; i < facts->name.arch->variant_count; i++) {
    cli_json_append(&tags, cli_json_text(facts->name.arch->variants[i].tag));
  }
  cli_json_set(&object, "tags", tags);
  cli_json_set(&object, "macs", json_integer(facts->cost.macs));
  cli_json_set(&object, "weight_bytes", json_integer(facts->cost.weight_bytes));
  cli_json_set(&object, "largest_activation_bytes",
               json_integer(facts->cost.largest_activation_bytes));
  const jimm_labels *labels = jimm_labels_find(variant->num_classes);
  cli_json_set(&object, "labels",
               labels == NULL ? json_null() : cli_json_text(jimm_labels_name(labels)));
  cli_json_set(&object, "pyramid", cli_pyramid_json(facts->graph));
  if (graph) {
    cli_json_set(&object, "graph", cli_graph_json(facts->graph, facts->shapes));
  }
  return object;
}

static int print_graph(const model_facts *facts) {
  char *text = NULL;
  if (jimm_graph_print(facts->graph, &facts->input, &text) != JIMM_OK) {
    return cli_fail_library(facts->name.arch->name);
  }
  size_t length = strlen(text);
  printf("\n%s%s", text, length > 0 && text[length - 1] == '\n' ? "" : "\n");
  jimm_text_free(text);
  return CLI_OK;
}

static int run(const void *values_, int count, char **arguments) {
  const info_values *values = values_;
  (void)count;
  cli_source source;
  model_facts facts = {.graph = NULL};
  int status = cli_source_open(arguments[0], NULL, CLI_NEED_NAME, &source);
  if (status == CLI_OK) {
    status = read_facts(source.name, &facts);
  }
  if (status == CLI_OK && values->json) {
    status = cli_json_print(facts_json(&facts, values->graph));
  } else if (status == CLI_OK) {
    print_text(&facts);
    status = values->graph ? print_graph(&facts) : CLI_OK;
  }
  free(facts.shapes);
  jimm_graph_close(&facts.graph);
  cli_source_close(&source);
  return status;
}

static const info_values defaults = {false, false};

static const cli_option options[] = {
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(info_values, json),
     .help = "print one JSON object"},
    {.name = "graph",
     .type = CLI_FLAG,
     .offset = offsetof(info_values, graph),
     .help = "also print every node of the graph with its attributes and its shape at the model's "
             "input size"},
};

const cli_command cli_info = {
    .arguments = "MODEL",
    .details =
        "Shows a model's parameters, multiply-adds at its input size, memory, "
        "preprocessing, licence, tags and where its weights come from.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .least = 1,
    .most = 1,
    .words = {CLI_WORDS_MODEL, CLI_WORDS_NONE},
    .values_size = sizeof(info_values),
    .defaults = &defaults,
    .run = run,
};
