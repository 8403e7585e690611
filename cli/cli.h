/* What the commands share: messages, JSON, where a model and its weights come from. */
#ifndef JIMM_CLI_CLI_H
#define JIMM_CLI_CLI_H

#include <jansson.h>
#include <jimm/hub.h>
#include <jimm/image.h>
#include <jimm/jimm.h>
#include <jimm/source.h>

#include "command.h"

/* ---- report.c: everything on stderr begins with "jimm COMMAND: " ---- */

void cli_set_command(const char *name);
const char *cli_command_name(void); /* NULL: none yet */
/* Prints a message and returns CLI_FAILED. */
int cli_fail(const char *format, ...) JIMM_PRINTF(1, 2);
/* The library's last message, preceded by "what: " unless the message names `what` itself (NULL:
 * nothing precedes). Returns CLI_FAILED. */
int cli_fail_library(const char *what);
/* Prints a message and where help is to be had; returns CLI_USAGE. */
int cli_usage(const char *format, ...) JIMM_PRINTF(1, 2);
void cli_note(const char *format, ...) JIMM_PRINTF(1, 2);
int cli_fail_memory(void);
/* Prints text that comes from outside: control characters become \xNN, so that a file's name or a
 * label cannot steer the terminal or pretend to be a line of its own. `lines` keeps newlines, and
 * indents what follows them. The messages above are printed so. */
void cli_put_text(FILE *file, const char *text, bool lines);

/* ---- signals.c ---- */

/* From here on a signal that ends the program leaves no temporary file; a closed pipe behind
 * standard output, and a file that shrinks while it is read, are reported like other errors. */
void cli_watch_signals(void);
/* From here on a signal that would end the program is only noted, so that it can end by itself; a
 * second one ends it. */
void cli_catch_signals(void);
int cli_caught_signal(void); /* 0: none as yet */
/* Ends by the signal that was caught, so that the shell sees which it was. */
void cli_end_by_caught_signal(void);

/* ---- json.c: values that may be NULL after a failure; the failure sticks ---- */

/* Sets a member; on any failure *object becomes NULL. Takes over `value`. */
void cli_json_set(json_t **object, const char *key, json_t *value);
void cli_json_append(json_t **array, json_t *value);
/* A double; null when it is not finite. */
json_t *cli_json_real(double value);
/* The shortest decimal that reads back as the same float32. */
json_t *cli_json_float(float value);
/* NULL gives null; bytes that are no UTF-8 become U+FFFD. */
json_t *cli_json_text(const char *text);
json_t *cli_json_integers(const int64_t *values, int32_t count);
json_t *cli_json_reals(const double *values, int32_t count);
/* Prints to stdout, takes over `value`. Reals have the fewest digits that give the same double
 * back. */
int cli_json_print(json_t *value);
/* Prints `value`, which it takes over, as the next element of an array on stdout, "[" before the
 * first. The caller prints "\n]\n" after the last. Nothing is printed on failure. */
int cli_json_print_element(json_t *value, bool first);

/* ---- describe.c ---- */

#define CLI_NAME_SIZE 256
/* "arch.tag", or "arch" when there is no tag. */
char *cli_variant_name(const jimm_arch *arch, const jimm_variant *variant, char *buffer);
/* Parameters of the variant: those of the architecture unless the number of classes differs. -1 and
 * a message on stderr when its graph cannot be built. */
int64_t cli_variant_params(const jimm_family *family, const jimm_arch *arch,
                           const jimm_variant *variant);
json_t *cli_variant_json(const jimm_family *family, const jimm_arch *arch,
                         const jimm_variant *variant);
/* The feature maps of a graph: output, module, channels, reduction of each. */
json_t *cli_pyramid_json(const jimm_graph *graph);
json_t *cli_arch_json(const jimm_family *family, const jimm_arch *arch);
/* There is such a family. Returns CLI_OK or, after a message with those that are, CLI_FAILED. */
int cli_check_family(const char *name);
const char *cli_interpolation_name(jimm_interpolation interpolation);
const char *cli_crop_mode_name(jimm_crop_mode mode);
/* "ns/name", "datasets/ns/name" or "spaces/ns/name", into a buffer of CLI_NAME_SIZE. */
char *cli_repo_name(jimm_repo_type repo_type, const char *repo, char *buffer);

/* ---- quantity.c ---- */

/* "25.6 M", into a buffer of 32. */
char *cli_quantity(int64_t value, char *buffer);
/* "102.5 MB", likewise. */
char *cli_bytes(int64_t value, char *buffer);

/* ---- graph.c ---- */

/* Nodes with operator, inputs, attributes and, where `shapes` is not NULL, shapes. */
json_t *cli_graph_json(const jimm_graph *graph, const jimm_shape *shapes);
/* Multiply-adds of one evaluation, bytes of all parameters as float32, and bytes of the largest
 * activation as float32. */
typedef struct cli_cost {
  int64_t macs, weight_bytes, largest_activation_bytes;
} cli_cost;
void cli_graph_cost(const jimm_graph *graph, const jimm_shape *shapes, cli_cost *cost);

/* ---- source.c: where a model comes from ---- */

typedef struct cli_source {
  jimm_source *opened;
  const jimm_model_name *name; /* of a folder its variant is the folder's own */
  jimm_model_options options;  /* those of the source, for the command to change */
  const char *weights;         /* path of the weights file, NULL when there are none */
} cli_source;

typedef enum cli_need {
  CLI_NEED_NAME,   /* which model it is, and its preprocessing: weights are not downloaded */
  CLI_NEED_WEIGHTS /* without -w, those that the hub has under the model's name */
} cli_need;

/* jimm_source_open for MODEL (may be NULL) and -w FILE|FOLDER (may be NULL; one of the two is
 * there), with progress on the terminal. Returns an exit status after a message. Close it in any
 * case. */
int cli_source_open(const char *model, const char *weights, cli_need need, cli_source *source);
void cli_source_close(cli_source *source);
/* The graph with the weights, or with synthetic ones when `seed` is given. Weights whose licence
 * restricts their use are worth a note on stderr. */
int cli_source_load(const cli_source *source, const cli_seed *seed, bool reset_head,
                    jimm_model **model);
/* Number of classes with the options applied. */
int64_t cli_source_classes(const cli_source *source);
/* What class `index` means: the folder's own name, else that of the ImageNet subset with so many
 * classes, whose synset is *synset then (else NULL). NULL when nobody knows. */
const char *cli_source_label(const cli_source *source, int64_t index, const char **synset);

/* ---- finite.c: --check-finite. Each returns CLI_OK or, after a message, CLI_FAILED ---- */

/* Weights from the file `path` (NULL: from none). */
int cli_check_weights(const jimm_model *model, const char *path);
int cli_check_tensor(const jimm_tensor *tensor, const char *path);
/* Outputs of a run on `input`, which came from `path`. When one is not finite, the reference
 * evaluator in `dtype` finds out where that begins: slow. */
int cli_check_outputs(const jimm_model *model, jimm_dtype dtype, const jimm_tensor *input,
                      int32_t count, const jimm_tensor *outputs, const char *path);

/* ---- reserve.c ---- */

/* Makes room for at least `wanted` elements of `size` bytes in a growing array of malloc; `array`
 * is the address of the pointer to it (NULL at first), of any type. False, and nothing has changed:
 * there is no memory. */
bool cli_reserve(void *array, size_t wanted, size_t size, size_t *capacity);

/* ---- files.c ---- */

bool cli_is_folder(const char *path);
/* Keeps a copy of the command line, which parsing reorders, for cli_become. */
void cli_keep_arguments(int argc, char **argv);
/* Becomes the program `name`, which lies beside this one or in JIMM_PROGRAM_FOLDER and is `what`,
 * with the same arguments. Returns only after a message: CLI_FAILED. */
int cli_become(const char *name, const char *what);
/* `path` ends with `extension` (".npy"), case ignored. */
bool cli_has_extension(const char *path, const char *extension);
/* Whether a file can be made at `path`, as far as one can say without making it. Returns CLI_OK or,
 * after a message, CLI_FAILED. */
int cli_check_output(const char *path);
/* Whether `output` is another file than `input`, which is `what` ("the input"; `input` may be
 * NULL). Returns CLI_OK or, after a message, CLI_FAILED. */
int cli_check_apart(const char *output, const char *input, const char *what);
/* Reads an image; "-" is standard input. */
jimm_status cli_image_read(const char *path, jimm_image *image);
/* Paths of the image files of a folder, by extension, sorted by byte values, not recursive. Returns
 * CLI_OK or, after a message, CLI_FAILED: unreadable, or without images. */
int cli_folder_images(const char *path, char ***names, size_t *count);
void cli_folder_images_free(char **names, size_t count);

#endif
