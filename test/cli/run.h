/* Runs the built program in a scratch folder, and makes the files that its tests feed it. */
#ifndef TEST_CLI_RUN_H
#define TEST_CLI_RUN_H

#include <jansson.h>
#include <jimm/image.h>
#include <jimm/jimm.h>
#include <stdbool.h>
#include <stddef.h>

/* What one run of the program did. Valid until the next run. */
typedef struct run_result {
  int status;      /* exit status; -1 when a signal ended it */
  int signal;      /* which; 0: none */
  char *out, *err; /* zero-terminated */
  size_t out_size;
} run_result;

/* Runs `jimm arguments...` in the scratch folder with stdin from `input` (NULL: empty) and stdout
 * to `output` (NULL: collected in `out`; "" : closed). */
const run_result *run_program(const char *input, const char *output, const char *const *arguments);
#define RUN(...) run_program(NULL, NULL, (const char *const[]){__VA_ARGS__, NULL})

/* Called in the child before the program starts, unless NULL. */
extern void (*run_prepare)(void);
/* For a child: signals that whoever started the tests ignores end a program again. */
void run_default_signals(void);

/* The standard output of the last run as JSON; NULL when it is none. The caller decrefs. */
json_t *run_json(void);

/* ---- the scratch folder ---- */

/* Makes the folder and every fixture in it; ends the program's tests with an error when it cannot.
 * The folder is removed when the process ends. */
void scratch_make(void);
/* The program's path. */
const char *scratch_program(void);
/* The path of `name` in it; valid until the third next call. */
const char *scratch_path(const char *name);
void scratch_write(const char *name, const void *data, size_t size);
/* A .npy file: `header` is the Python dictionary, followed by `size` bytes of zeros. */
void scratch_write_npy(const char *name, const char *header, size_t size);
/* How many entries the folder `name` has. */
int scratch_entries(const char *name);
void scratch_clear(const char *name);

/* Writes the fixtures (fixtures.c). */
void fixtures_write(void);

/* ---- what the fixtures hold ---- */

#define FIXTURE_SEED 7
#define FOLDER_CLASSES 4
#define FOLDER_HEIGHT 48
#define FOLDER_WIDTH 64

/* The model of w.safetensors or of the folder, made in this process. The caller closes it. */
jimm_model *fixture_model(bool folder);
/* A plan on it, run on `input` with one thread; the caller closes the result. */
jimm_tensor fixture_logits(bool folder, const jimm_tensor *input);

/* Preprocessing of the folder. */
extern const jimm_data_config folder_data;
/* What the library makes of an image of the scratch folder. The caller closes it. */
jimm_tensor preprocess(const char *name, const jimm_data_config *data);
jimm_tensor read_npy(const char *name);
/* Checks that element type, shape and every bit are the same. */
void check_tensor(const jimm_tensor *got, const jimm_tensor *want);
/* Checks the exit status and that stderr is empty. */
void check_quiet(const run_result *run, int status);
int length_of(const json_t *array);
int count_lines(const char *text);

#endif
