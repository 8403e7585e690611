/* A weights folder's config.json: jimm_folder_open, every label, and the graph that it describes.
 */
#include <jimm/model.h>
#include <string.h>

#include "fuzz.h"

static void touch_text(const char *text) {
  if (text != NULL) {
    fuzz_touch(text, strlen(text) + 1);
  }
}

void fuzz_one(void) {
  jimm_folder *folder = NULL;
  if (jimm_folder_open("folder", &folder) != JIMM_OK) {
    fuzz_require(folder == NULL && jimm_error_message()[0] != 0);
    return;
  }
  for (int64_t i = -1; i < 2000 && i <= jimm_folder_label_count(folder); i++) {
    touch_text(jimm_folder_label(folder, i));
    touch_text(jimm_folder_description(folder, i));
  }
  /* The graph of a test network only: larger ones are the same code and take a thousand times as
   * long. */
  const jimm_model_name *name = jimm_folder_model(folder);
  if (strcmp(name->arch->name, "test_resnet") == 0) {
    jimm_graph *graph = NULL;
    if (jimm_graph_build(name, jimm_folder_options(folder), &graph) == JIMM_OK) {
      jimm_graph_close(&graph);
    }
  }
  jimm_folder_close(&folder);
}
