/* Images classified ahead on other threads, handed out in the order they were put in. One thread
 * puts and takes. Memory is that of two images a thread and a plan a thread, whatever the number of
 * images. */
#ifndef JIMM_CLI_AHEAD_H
#define JIMM_CLI_AHEAD_H

#include "cli.h"

typedef struct cli_ahead cli_ahead;

/* What became of one image: its logits and the tensor [1, 3, H, W] that they come from, or with
 * another status than JIMM_OK the message (NULL: there was no memory for it). Valid until
 * cli_ahead_drop. */
typedef struct cli_ready {
  const char *path;
  jimm_status status;
  const char *message;
  const jimm_tensor *input, *logits;
} cli_ready;

/* What the threads work with; borrowed. Plans are made of `model` by `options`; `plan` is one of
 * them, used by the caller's thread. */
typedef struct cli_work {
  const jimm_data_config *data;
  jimm_model *model;
  const jimm_plan_options *options;
  jimm_plan *plan;
} cli_work;

/* The most threads that are started. */
enum { CLI_WORKERS_MAX = 64 };

/* `workers` threads besides the caller's, as far as they can be started: with none the caller works
 * in cli_ahead_take. NULL when out of memory. */
cli_ahead *cli_ahead_open(const cli_work *work, int workers);
/* Waits for the threads; images that were put in but not begun are not read. */
void cli_ahead_close(cli_ahead **ahead);
bool cli_ahead_full(const cli_ahead *ahead);
bool cli_ahead_empty(const cli_ahead *ahead);
/* Puts in a path, which must live until its image is dropped. Not when full. */
void cli_ahead_put(cli_ahead *ahead, const char *path);
/* Waits for the oldest image. Not when empty. */
cli_ready cli_ahead_take(cli_ahead *ahead);
void cli_ahead_drop(cli_ahead *ahead);

#endif
