/* jimm convert */
#include <math.h>

#include "cli.h"
#include "progress.h"

/* Smaller states are done before anyone has read a word. */
#define PROGRESS_BYTES ((size_t)64 << 20)

typedef struct convert_values {
  int32_t dtype; /* an index into dtypes; -1: as they are */
} convert_values;

static const char *const dtype_names[] = {"f32", "f16", "bf16", NULL};
static const jimm_dtype dtypes[] = {JIMM_F32, JIMM_F16, JIMM_BF16};

/* ---- progress, on a terminal only ---- */

static bool is_long(const jimm_state *state) {
  size_t bytes = 0;
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    bytes += jimm_tensor_bytes(jimm_state_tensor(state, i));
  }
  return bytes >= PROGRESS_BYTES;
}

static void show_progress(bool shown, const char *what, int64_t done, int64_t count) {
  char line[CLI_PROGRESS_LINE];
  const char *lines[] = {line};
  if (shown && (done == count || cli_progress_due())) {
    snprintf(line, sizeof line, "%s: %lld of %lld tensors", what, (long long)done,
             (long long)count);
    cli_progress_draw(lines, 1);
  }
}

/* ---- conversion ---- */

static bool is_floating(jimm_dtype dtype) {
  return dtype == JIMM_F64 || dtype == JIMM_F32 || dtype == JIMM_F16 || dtype == JIMM_BF16;
}

/* The first finite number that became infinite; false when there is none. */
static bool find_overflow(const jimm_tensor *from, const jimm_tensor *to, double *value,
                          jimm_status *status) {
  jimm_tensor wide = {.dtype = JIMM_DTYPE_NONE}, narrow = {.dtype = JIMM_DTYPE_NONE};
  bool found = false;
  *status = jimm_tensor_convert(from, JIMM_F64, &wide);
  if (*status == JIMM_OK) {
    *status = jimm_tensor_convert(to, JIMM_F64, &narrow);
  }
  const int64_t count = *status == JIMM_OK ? jimm_shape_count(&from->shape) : 0;
  for (int64_t i = 0; i < count && !found; i++) {
    *value = ((const double *)wide.data)[i];
    found = isfinite(*value) && !isfinite(((const double *)narrow.data)[i]);
  }
  jimm_tensor_close(&wide);
  jimm_tensor_close(&narrow);
  return found;
}

/* Whether any tensor is to be converted. */
static bool has_other(const jimm_state *state, jimm_dtype dtype) {
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const jimm_dtype own = jimm_state_tensor(state, i)->dtype;
    if (is_floating(own) && own != dtype) {
      return true;
    }
  }
  return false;
}

static int convert_tensor(const char *name, const jimm_tensor *from, jimm_dtype dtype,
                          jimm_state *to) {
  jimm_tensor converted = {.dtype = JIMM_DTYPE_NONE};
  double value = 0;
  jimm_status status = jimm_tensor_convert(from, dtype, &converted);
  bool overflow = false;
  if (status == JIMM_OK && jimm_tensor_check_finite(&converted) != JIMM_OK) {
    overflow = find_overflow(from, &converted, &value, &status);
  }
  if (overflow) {
    jimm_tensor_close(&converted);
    return cli_fail("tensor \"%s\": %g is too large for %s%s", name, value, jimm_dtype_name(dtype),
                    dtype == JIMM_F16 ? ", whose largest number is 65504: take --dtype bf16" : "");
  }
  if (status == JIMM_OK) {
    status = jimm_state_add_owned(to, name, &converted);
  }
  jimm_tensor_close(&converted);
  return status == JIMM_OK ? CLI_OK : cli_fail_library(name);
}

/* All of `from` with its floating tensors in that type. */
static int convert_state(const jimm_state *from, jimm_dtype dtype, bool shown, jimm_state *to) {
  int status = CLI_OK;
  const int64_t count = jimm_state_count(from);
  for (int64_t i = 0; i < count && status == CLI_OK; i++) {
    const char *name = jimm_state_name(from, i);
    const jimm_tensor *tensor = jimm_state_tensor(from, i);
    show_progress(shown, "converting", i, count);
    if (is_floating(tensor->dtype) && tensor->dtype != dtype) {
      status = convert_tensor(name, tensor, dtype, to);
    } else if (jimm_state_add(to, name, tensor) != JIMM_OK) {
      status = cli_fail_library(name);
    }
  }
  const char *key;
  for (int64_t i = 0; status == CLI_OK && (key = jimm_state_metadata_key(from, i)) != NULL; i++) {
    if (jimm_state_set_metadata(to, key, jimm_state_metadata(from, key)) != JIMM_OK) {
      status = cli_fail_library(key);
    }
  }
  return status;
}

/* What the safetensors library's PyTorch side asks for. */
static int save(jimm_state *state, const char *output, bool shown) {
  jimm_status status = JIMM_OK;
  if (jimm_state_metadata(state, "format") == NULL) {
    status = jimm_state_set_metadata(state, "format", "pt");
  }
  if (status == JIMM_OK) {
    show_progress(shown, "writing", jimm_state_count(state), jimm_state_count(state));
    status = jimm_state_save(state, output);
  }
  cli_progress_clear();
  return status == JIMM_OK ? CLI_OK : cli_fail_library(output);
}

static int convert(const char *input, const char *output, jimm_dtype dtype) {
  jimm_state *from = NULL;
  jimm_state *to = NULL;
  if (jimm_state_open(input, &from) != JIMM_OK) {
    return cli_fail_library(input);
  }
  const bool shown = is_long(from);
  int status = CLI_OK;
  if (dtype != JIMM_DTYPE_NONE && has_other(from, dtype)) {
    status = jimm_state_create(&to) == JIMM_OK ? CLI_OK : cli_fail_library(input);
    if (status == CLI_OK) {
      status = convert_state(from, dtype, shown, to);
    }
  }
  if (status == CLI_OK) {
    status = save(to == NULL ? from : to, output, shown);
  }
  jimm_state_close(&to);
  jimm_state_close(&from);
  return status;
}

static int run(const void *values_, int count, char **arguments) {
  const convert_values *values = values_;
  (void)count;
  if (!cli_has_extension(arguments[1], ".safetensors")) {
    return cli_usage("expected a file ending in .safetensors to write, got '%s'", arguments[1]);
  }
  int status = cli_check_output(arguments[1]);
  if (status == CLI_OK) {
    status = cli_check_apart(arguments[1], arguments[0], "the file that is converted");
  }
  const jimm_dtype dtype = values->dtype < 0 ? JIMM_DTYPE_NONE : dtypes[values->dtype];
  return status == CLI_OK ? convert(arguments[0], arguments[1], dtype) : status;
}

static const convert_values defaults = {.dtype = -1};

static const cli_option options[] = {
    {.name = "dtype",
     .type = CLI_CHOICE,
     .argument = "TYPE",
     .choices = dtype_names,
     .offset = offsetof(convert_values, dtype),
     .help = "element type of the floating tensors, rounded to nearest: f32, f16 or bf16 (default: "
             "as they are); integers and bools stay as they are"},
};

const cli_command cli_convert = {
    .arguments = "IN OUT.safetensors [--dtype TYPE]",
    .details =
        "Writes the weights of IN, a PyTorch checkpoint (.bin, .pth, .pt, .pth.tar) or a "
        "safetensors file, as a safetensors file, under the names that IN has. Nothing in IN is "
        "run, and what is no weight (an optimizer's state, arguments) is left out. A number that "
        "is too large for the type is an error. The file appears whole or not at all.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .least = 2,
    .most = 2,
    .words = {CLI_WORDS_FILE, CLI_WORDS_FILE},
    .values_size = sizeof(convert_values),
    .defaults = &defaults,
    .run = run,
};
