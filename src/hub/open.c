/* jimm_model_open: a model with its weights, by name. */
#include "base/options.h"
#include "base/os.h"
#include "hub/source.h"

/* Before anything is downloaded. */
static jimm_status check_options(const jimm_open_options *asked) {
  jimm_model_options model;
  jimm_weights_options weights;
  const jimm_status status =
      jimm_copy_options("jimm_model_options", asked->model, &model, sizeof model);
  return status == JIMM_OK
             ? jimm_copy_options("jimm_weights_options", asked->weights, &weights, sizeof weights)
             : status;
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
  jimm_open_options asked = JIMM_OPEN_OPTIONS_INIT;
  jimm_status status = jimm_copy_options("jimm_open_options", options, &asked, sizeof asked);
  if (status == JIMM_OK) {
    status = check_options(&asked);
  }
  jimm_source *source = NULL;
  if (status == JIMM_OK) {
    jimm_source_options settings = JIMM_SOURCE_OPTIONS_INIT;
    settings.hub = asked.hub;
    const bool is_folder = jimm_os_is_folder(name);
    status = jimm_source_open(is_folder ? NULL : name, is_folder ? name : NULL, &settings, &source);
  }
  if (status == JIMM_OK) {
    status = jimm_source_load(source, asked.model, asked.weights, model);
  }
  if (status == JIMM_OK && folder != NULL) {
    *folder = jimm_source_take_folder(source);
  }
  jimm_source_close(&source);
  return status;
}
