/* jimm list */
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

typedef struct list_values {
  const char *family;
  bool archs, json, all;
} list_values;

/* What is listed: an architecture, or one of its variants. */
typedef struct list_item {
  const jimm_family *family;
  const jimm_arch *arch;
  const jimm_variant *variant; /* NULL: the architecture */
} list_item;

typedef struct model_listing {
  const list_values *values;
  const char *glob;
  int64_t count;
  size_t name_width;
  void (*visit)(struct model_listing *listing, const list_item *item);
  json_t *array;
  bool restricted; /* a row had a licence that forbids something */
} model_listing;

static bool matches(const model_listing *listing, const list_item *item) {
  char name[CLI_NAME_SIZE];
  if (listing->glob == NULL || fnmatch(listing->glob, item->arch->name, 0) == 0) {
    return true;
  }
  return item->variant != NULL &&
         fnmatch(listing->glob, cli_variant_name(item->arch, item->variant, name), 0) == 0;
}

static void visit(model_listing *listing, const list_item *item) {
  if (matches(listing, item)) {
    listing->count++;
    listing->visit(listing, item);
  }
}

/* Calls listing->visit for everything that is to be listed, in the order of the tables. */
static void walk(model_listing *listing) {
  listing->count = 0;
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    if (listing->values->family != NULL && strcmp(listing->values->family, family->name) != 0) {
      continue;
    }
    for (int32_t a = 0; a < family->arch_count; a++) {
      const jimm_arch *arch = &family->archs[a];
      if (listing->values->archs) {
        visit(listing, &(list_item){family, arch, NULL});
        continue;
      }
      for (int32_t v = 0; v < arch->variant_count; v++) {
        if (listing->values->all || arch->variants[v].has_weights) {
          visit(listing, &(list_item){family, arch, &arch->variants[v]});
        }
      }
    }
  }
}

static const char *item_name(const list_item *item, char *buffer) {
  return item->variant == NULL ? item->arch->name
                               : cli_variant_name(item->arch, item->variant, buffer);
}

static void measure_item(model_listing *listing, const list_item *item) {
  char name[CLI_NAME_SIZE];
  size_t length = strlen(item_name(item, name));
  listing->name_width = length > listing->name_width ? length : listing->name_width;
}

static void print_name(model_listing *listing, const list_item *item) {
  char name[CLI_NAME_SIZE];
  (void)listing;
  printf("%s\n", item_name(item, name));
}

static void add_json(model_listing *listing, const list_item *item) {
  cli_json_append(&listing->array, item->variant == NULL
                                       ? cli_arch_json(item->family, item->arch)
                                       : cli_variant_json(item->family, item->arch, item->variant));
}

static void print_arch_row(const model_listing *listing, const list_item *item) {
  char params[32];
  const char *tag = item->arch->variant_count == 0 ? "" : item->arch->variants[0].tag;
  printf("%-*s  %-10s  %9s  %8lld  %4d  %s\n", (int)listing->name_width, item->arch->name,
         item->family->name, cli_quantity(item->arch->params, params),
         (long long)item->arch->num_features, item->arch->variant_count, tag);
}

static void print_row(model_listing *listing, const list_item *item) {
  if (item->variant == NULL) {
    print_arch_row(listing, item);
    return;
  }
  char name[CLI_NAME_SIZE];
  char params[32];
  char size[48];
  const jimm_data_config *data = &item->variant->data;
  const char *license = item->variant->license;
  const bool restricted = jimm_license_restriction(license) != NULL;
  listing->restricted = listing->restricted || restricted;
  snprintf(size, sizeof size, "%lldx%lld", (long long)data->height, (long long)data->width);
  printf("%-*s  %9s  %9s  %7lld  %s%s\n", (int)listing->name_width, item_name(item, name),
         cli_quantity(cli_variant_params(item->family, item->arch, item->variant), params), size,
         (long long)item->variant->num_classes, license == NULL ? "not stated" : license,
         restricted ? " *" : "");
}

static void print_header(const model_listing *listing) {
  if (listing->values->archs) {
    printf("%-*s  %-10s  %9s  %8s  %4s  %s\n", (int)listing->name_width, "architecture", "family",
           "params", "features", "tags", "default tag");
  } else {
    printf("%-*s  %9s  %9s  %7s  %s\n", (int)listing->name_width, "model", "params", "input",
           "classes", "licence");
  }
}

static int run(const void *values_, int count, char **arguments) {
  const list_values *values = values_;
  model_listing listing = {.values = values, .glob = count > 0 ? arguments[0] : NULL};
  if (values->family != NULL && cli_check_family(values->family) != CLI_OK) {
    return CLI_FAILED;
  }
  listing.name_width = strlen("architecture");
  listing.visit = measure_item;
  walk(&listing);
  if (listing.count == 0) {
    return cli_fail("no model matches '%s'%s", listing.glob == NULL ? "*" : listing.glob,
                    values->all || values->archs
                        ? ""
                        : " (models without released weights are listed by --all)");
  }
  if (values->json) {
    listing.array = json_array();
    listing.visit = add_json;
    walk(&listing);
    return cli_json_print(listing.array);
  }
  listing.visit = print_name;
  if (isatty(STDOUT_FILENO)) {
    print_header(&listing);
    listing.visit = print_row;
  }
  walk(&listing);
  if (listing.restricted) {
    puts("* the licence restricts what these weights may be used for: jimm info MODEL says how");
  }
  return CLI_OK;
}

static const list_values defaults = {NULL, false, false, false};

static const cli_option options[] = {
    {.name = "family",
     .type = CLI_TEXT,
     .argument = "FAMILY",
     .words = CLI_WORDS_FAMILY,
     .offset = offsetof(list_values, family),
     .help = "only models of this family"},
    {.name = "archs",
     .type = CLI_FLAG,
     .offset = offsetof(list_values, archs),
     .help = "list architectures instead of released weights"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(list_values, json),
     .help = "print one JSON array with an object for each line, with everything that is known"},
    {.name = "all",
     .type = CLI_FLAG,
     .offset = offsetof(list_values, all),
     .help = "also list configurations for which timm has released no weights"},
};

const cli_command cli_list = {
    .arguments = "[GLOB]",
    .details =
        "Lists models as architecture.tag, one for each set of released weights. GLOB is a "
        "shell pattern (quote it) that the architecture or the full name matches; one that "
        "matches nothing is an error.\n"
        "To a terminal the list is a table, where a * marks licences that restrict what the "
        "weights may be used for; to a file or a pipe it is the names alone, one a line.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .least = 0,
    .most = 1,
    .words = {CLI_WORDS_MODEL, CLI_WORDS_NONE},
    .values_size = sizeof(list_values),
    .defaults = &defaults,
    .run = run,
};
