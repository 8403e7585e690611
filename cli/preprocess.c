/* jimm preprocess */
#include <string.h>

#include "cli.h"

typedef struct preprocess_values {
  const char *weights, *output;
  bool test_size;
} preprocess_values;

static int preprocess(const jimm_data_config *data, const char *image_path, const char *output) {
  jimm_image image = {0, 0, NULL};
  jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
  jimm_shape shape = {4, {1, 3, data->height, data->width}};
  jimm_status status = cli_image_read(image_path, &image);
  if (status == JIMM_OK) {
    status = jimm_tensor_create(JIMM_F32, &shape, &tensor);
  }
  if (status == JIMM_OK) {
    status = jimm_image_preprocess(&image, data, &tensor);
  }
  int result = status == JIMM_OK ? CLI_OK : cli_fail_library(image_path);
  jimm_image_close(&image);
  if (result == CLI_OK && jimm_npy_write(output, &tensor) != JIMM_OK) {
    result = cli_fail_library(output);
  }
  jimm_tensor_close(&tensor);
  return result;
}

static int check_values(const preprocess_values *values, int count, char **arguments) {
  if (values->output == NULL) {
    return cli_usage("option --output is missing: expected -o FILE.npy");
  }
  if (!cli_has_extension(values->output, ".npy")) {
    return cli_usage("option --output: expected a file ending in .npy, got '%s'", values->output);
  }
  if (values->weights == NULL && count != 2) {
    return cli_usage("expected MODEL and IMAGE (or -w FOLDER and IMAGE), got only '%s'",
                     arguments[0]);
  }
  if (values->weights != NULL && count != 1) {
    return cli_usage("with -w, expected only IMAGE, got '%s' and '%s'", arguments[0], arguments[1]);
  }
  if (values->weights != NULL && !cli_is_folder(values->weights)) {
    return cli_fail("%s: expected a weights folder, from whose config.json the preprocessing comes",
                    values->weights);
  }
  return CLI_OK;
}

static int run(const void *values_, int count, char **arguments) {
  const preprocess_values *values = values_;
  int status = check_values(values, count, arguments);
  if (status != CLI_OK) {
    return status;
  }
  cli_source source;
  status = cli_source_open(values->weights == NULL ? arguments[0] : NULL, values->weights,
                           CLI_NEED_NAME, &source);
  if (status == CLI_OK) {
    status = cli_check_output(values->output);
  }
  if (status == CLI_OK) {
    status = cli_check_apart(values->output, arguments[count - 1], "the image");
  }
  if (status == CLI_OK) {
    jimm_data_config data = jimm_variant_data(source.name->variant, values->test_size);
    status = preprocess(&data, arguments[count - 1], values->output);
  }
  cli_source_close(&source);
  return status;
}

static const preprocess_values defaults = {NULL, NULL, false};

static const cli_option options[] = {
    {.name = "output",
     .letter = 'o',
     .type = CLI_TEXT,
     .argument = "FILE.npy",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(preprocess_values, output),
     .help = "where to write the tensor: float32 of shape [1, 3, height, width]"},
    {.name = "weights",
     .letter = 'w',
     .type = CLI_TEXT,
     .argument = "FOLDER",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(preprocess_values, weights),
     .help = "take the preprocessing from this weights folder instead of MODEL"},
    {.name = "test-size",
     .type = CLI_FLAG,
     .offset = offsetof(preprocess_values, test_size),
     .help = "use the model's larger test input size and crop, if timm has them"},
};

const cli_command cli_preprocess = {
    .arguments = "(MODEL | -w FOLDER) IMAGE -o FILE.npy",
    .details =
        "Reads an image ('-' is standard input), resizes, crops and normalises it as timm's "
        "evaluation transform for MODEL does, and writes the tensor. The file appears whole "
        "or not at all.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .least = 1,
    .most = 2,
    .words = {CLI_WORDS_MODEL, CLI_WORDS_FILE},
    .values_size = sizeof(preprocess_values),
    .defaults = &defaults,
    .run = run,
};
