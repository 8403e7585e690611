/* docs_tables variants|operators: the generated pages of docs/, from the library's own tables
 * (`make docs`). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jimm/jimm.h>

static const char *text(const char *string) {
  return string == NULL || string[0] == 0 ? "-" : string;
}

static void print_variant(const jimm_arch *arch, const jimm_variant *v) {
  if (!v->has_weights) {
    return;
  }
  const char *restriction = jimm_license_restriction(v->license);
  static const char *const interpolations[] = {"bilinear", "bicubic"};
  printf("| %s%s%s | %.1f M | %" PRId64 " | %" PRId64 " x %" PRId64 " | %s, %g | %s%s%s%s |\n",
         arch->name, v->tag[0] == 0 ? "" : ".", v->tag, (double)arch->params / 1e6, v->num_classes,
         v->data.height, v->data.width, interpolations[v->data.interpolation], v->data.crop_pct,
         text(v->license), restriction == NULL ? "" : ": **",
         restriction == NULL ? "" : restriction, restriction == NULL ? "" : "**");
}

static void print_variants(void) {
  printf(
      "# Variants\n\nMade by `make docs` from the registry; do not edit. Licences are those of "
      "the\n"
      "weights, as timm states them; what one forbids is in bold.\n");
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    printf("\n## %s\n\n", family->name);
    printf("| model | parameters | classes | input | resize, crop | licence |\n");
    printf("| --- | ---: | ---: | --- | --- | --- |\n");
    for (int32_t a = 0; a < family->arch_count; a++) {
      for (int32_t v = 0; v < family->archs[a].variant_count; v++) {
        print_variant(&family->archs[a], &family->archs[a].variants[v]);
      }
    }
  }
}

static void print_operators(void) {
  printf(
      "# Operators\n\nMade by `make docs` from the registry; do not edit. Attributes and shapes:\n"
      "`include/jimm/graph.h`.\n\n");
  printf("| operator | inputs | attributes | what it computes | example cases |\n");
  printf("| --- | --- | --- | --- | ---: |\n");
  for (int32_t i = 0; i < jimm_op_count(); i++) {
    const jimm_op *op = jimm_op_at(i);
    printf("| %s | ", op->name);
    for (int32_t k = 0; k < op->max_inputs; k++) {
      printf("%s%s%s", k > 0 ? ", " : "", op->input_names[k], k >= op->min_inputs ? "?" : "");
    }
    printf(" | ");
    for (int32_t k = 0; k < op->attr_count; k++) {
      printf("%s%s", k > 0 ? ", " : "", op->attrs[k].name);
    }
    printf("%s | %s | %" PRId32 " |\n", op->attr_count == 0 ? "-" : "", op->summary,
           op->example_count);
  }
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "variants") == 0) {
    print_variants();
  } else if (argc == 2 && strcmp(argv[1], "operators") == 0) {
    print_operators();
  } else {
    fprintf(stderr, "usage: docs_tables variants|operators\n");
    return 2;
  }
  return fflush(stdout) == 0 ? 0 : 1;
}
