/* jimm_model_open: a model with its weights, by name. */
#include <string.h>

#include "base/options.h"
#include "base/os.h"
#include "hub/hub.h"
#include "model/options.h"

/* What is opened, on its way. */
typedef struct opening {
  jimm_open_options asked;
  jimm_model_name name;
  jimm_model_options options;
  jimm_weights_options weights;
  char *weights_path, *folder_path;
  jimm_folder *folder;
} opening;

/* The folder says what it holds. What the caller's options leave open is as the folder has it. */
static jimm_status take_folder(opening *o, const char *path) {
  const jimm_status status = jimm_folder_open(path, &o->folder);
  if (status != JIMM_OK) {
    return status;
  }
  o->name = *jimm_folder_model(o->folder);
  jimm_model_options_fill(&o->options, jimm_folder_options(o->folder));
  return JIMM_OK;
}

static jimm_status take_options(opening *o, const jimm_open_options *given) {
  o->asked = (jimm_open_options)JIMM_OPEN_OPTIONS_INIT;
  o->options = (jimm_model_options)JIMM_MODEL_OPTIONS_INIT;
  o->weights = (jimm_weights_options)JIMM_WEIGHTS_OPTIONS_INIT;
  jimm_status status = jimm_copy_options("jimm_open_options", given, &o->asked, sizeof o->asked);
  if (status == JIMM_OK) {
    status =
        jimm_copy_options("jimm_model_options", o->asked.model, &o->options, sizeof o->options);
  }
  return status == JIMM_OK ? jimm_copy_options("jimm_weights_options", o->asked.weights,
                                               &o->weights, sizeof o->weights)
                           : status;
}

static jimm_status resolve(opening *o, const char *name) {
  if (jimm_os_is_folder(name)) {
    return take_folder(o, name);
  }
  jimm_status status = jimm_hub_locate(name, o->asked.hub, &o->weights_path, &o->folder_path);
  if (status == JIMM_OK && o->folder_path != NULL) {
    return take_folder(o, o->folder_path);
  }
  if (status == JIMM_OK) {
    char *plain = jimm_strndup(name, strcspn(name, "@"));
    status = plain == NULL ? JIMM_ERROR_OUT_OF_MEMORY : jimm_model_find(plain, &o->name);
    jimm_free(plain);
  }
  return status;
}

static jimm_status load(const opening *o, jimm_model **model) {
  const char *path = o->weights_path != NULL ? o->weights_path : jimm_folder_weights(o->folder);
  jimm_graph *graph = NULL;
  jimm_state *state = NULL;
  jimm_status status = jimm_graph_build(&o->name, &o->options, &graph);
  if (status == JIMM_OK) {
    status = jimm_state_open(path, &state);
  }
  if (status == JIMM_OK) {
    status = jimm_model_create(graph, state, &o->weights, model);
    if (status != JIMM_OK) {
      jimm_fail_context(status, "%s", path);
    }
  }
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  return status;
}

jimm_status jimm_model_open(const char *name, const jimm_open_options *options, jimm_model **model,
                            jimm_folder **folder) {
  if (name == NULL || model == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_model_open: name or model is NULL");
  }
  *model = NULL;
  if (folder != NULL) {
    *folder = NULL;
  }
  opening o = {.weights_path = NULL};
  jimm_status status = take_options(&o, options);
  if (status == JIMM_OK) {
    status = resolve(&o, name);
  }
  if (status == JIMM_OK) {
    if (o.asked.weights == NULL) {
      /* As timm: another number of classes than the weights have starts with a fresh head. */
      const int64_t classes = o.options.num_classes;
      o.weights.reset_head = classes >= 0 && classes != o.name.variant->num_classes;
    }
    status = load(&o, model);
  }
  if (status == JIMM_OK && folder != NULL) {
    *folder = o.folder;
    o.folder = NULL;
  }
  jimm_folder_close(&o.folder);
  jimm_free(o.weights_path);
  jimm_free(o.folder_path);
  return status;
}
