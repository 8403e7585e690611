/* The demo: the digits classifier of demo/digits on the files of demo/images, compared with the
 * answers that timm gave for the same files (demo/expected.json, written by demo/train_digits.py).
 */
#include <jimm-test/jimm-test.h>
#include <jimm/image.h>
#include <jimm/jimm.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/os.h"
#include "require_ok.h"

#define PROBABILITY_TOL 1e-4
#define CLASSES 10
#define TOP 3

typedef struct demo {
  jimm_folder *folder;
  jimm_data_config data;
  jimm_plan *plan;
  jimm_tensor input, logits;
} demo;

static void demo_open(demo *d) {
  memset(d, 0, sizeof *d);
  REQUIRE_OK(jimm_folder_open("demo/digits", &d->folder));
  jimm_model_name name = *jimm_folder_model(d->folder);
  name.variant = jimm_folder_variant(d->folder);
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  REQUIRE_OK(jimm_graph_build(&name, jimm_folder_options(d->folder), &graph));
  REQUIRE_OK(jimm_state_open(jimm_folder_weights(d->folder), &state));
  REQUIRE_OK(jimm_model_create(graph, state, NULL, &model));
  d->data = jimm_variant_data(name.variant, false);
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.height = d->data.height;
  options.width = d->data.width;
  REQUIRE_OK(jimm_plan_create(model, &options, &d->plan));
  const jimm_shape input = {4, {1, 3, d->data.height, d->data.width}}, logits = {2, {1, CLASSES}};
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &input, &d->input));
  REQUIRE_OK(jimm_tensor_create(JIMM_F32, &logits, &d->logits));
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
}

static void demo_close(demo *d) {
  jimm_tensor_close(&d->input);
  jimm_tensor_close(&d->logits);
  jimm_plan_close(&d->plan);
  jimm_folder_close(&d->folder);
}

/* One file: the likeliest labels in timm's order, each with timm's probability. */
static double check_image(demo *d, const jimm_json *want) {
  const char *file = jimm_json_get(want, "file")->string;
  char *path = jimm_format("demo/images/%s", file);
  TEST_REQUIRE(path != NULL);
  jimm_image image = {0, 0, NULL};
  REQUIRE_OK(jimm_image_read(path, NULL, &image));
  REQUIRE_OK(jimm_image_preprocess(&image, &d->data, &d->input));
  REQUIRE_OK(jimm_plan_run(d->plan, &d->input, &d->logits));
  jimm_image_close(&image);
  jimm_free(path);

  jimm_top top[TOP];
  TEST_REQUIRE_INT(jimm_top_k(d->logits.data, CLASSES, TOP, top), TOP);
  const jimm_json *list = jimm_json_get(want, "top");
  TEST_REQUIRE_INT((long long)list->length, TOP);
  double worst = 0;
  int i = 0;
  for (const jimm_json *item = list->first; item != NULL; item = item->next, i++) {
    const double difference =
        fabs((double)top[i].probability - jimm_json_get(item, "probability")->number);
    TEST_CHECK_STR(jimm_folder_label(d->folder, top[i].index),
                   jimm_json_get(item, "label")->string);
    TEST_CHECK_MSG(difference <= PROBABILITY_TOL, "%s: probability %.7f, timm's %.7f", file,
                   (double)top[i].probability, jimm_json_get(item, "probability")->number);
    worst = fmax(worst, difference);
  }
  return worst;
}

TEST(demo_answers_are_those_of_timm) {
  jimm_arena arena = {0};
  unsigned char *text = NULL;
  size_t size = 0;
  jimm_json *root = NULL;
  REQUIRE_OK(jimm_os_read_file("demo/expected.json", 1u << 20, &text, &size));
  REQUIRE_OK(jimm_json_parse("demo/expected.json", text, size, &arena, &root));
  jimm_free(text);

  demo d;
  demo_open(&d);
  TEST_CHECK_INT(jimm_folder_label_count(d.folder), CLASSES);
  double worst = 0;
  const jimm_json *images = jimm_json_get(root, "images");
  TEST_REQUIRE(images != NULL && images->length == 10);
  for (const jimm_json *image = images->first; image != NULL; image = image->next) {
    worst = fmax(worst, check_image(&d, image));
  }
  TEST_NOTE("largest difference of a probability: %.2g", worst);
  demo_close(&d);
  jimm_arena_close(&arena);
}

TEST_MAIN()
