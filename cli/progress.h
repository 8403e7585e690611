/* Lines that show how far something is, at the end of the terminal behind standard error. Without
 * one nothing is drawn. Several threads may draw; messages of report.c take their place. */
#ifndef JIMM_CLI_PROGRESS_H
#define JIMM_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/hub.h>

/* Lines that are drawn at once, and bytes of each. */
enum { CLI_PROGRESS_LINES = 64, CLI_PROGRESS_LINE = 512 };

/* Standard error is a terminal that can be drawn on. */
bool cli_progress_wanted(void);
/* HF_HUB_DISABLE_PROGRESS_BARS does not say otherwise, either. */
bool cli_progress_wanted_by_hub(void);
/* A tenth of a second has passed since lines were drawn last. */
bool cli_progress_due(void);
/* Draws the lines in place of those before, cut to the terminal's width and height. */
void cli_progress_draw(const char *const *lines, int count);
/* Takes them away. */
void cli_progress_clear(void);

/* Seconds of a clock that only goes forward. */
double cli_now(void);

#define CLI_BAR_SIZE 32
/* "[######------]" for a share of 0 to 1. */
char *cli_bar(double share, char buffer[CLI_BAR_SIZE]);

/* How fast bytes come: an average over the last seconds. Zero-initialise. */
typedef struct cli_rate {
  double time, value; /* bytes per second */
  int64_t bytes;
} cli_rate;
void cli_rate_add(cli_rate *rate, int64_t bytes);
/* A line for what the hub says of `name`: waits, else as below. */
char *cli_hub_line(char line[CLI_PROGRESS_LINE], const jimm_hub_progress *progress, double rate);
/* "[####----]  45 %  1.20 GB of 2.50 GB, 31.0 MB/s, 42 s left  NAME" into a line. Without a total
 * (-1) no bar and no time, without a rate (-1) neither speed nor time. */
char *cli_transfer_line(char line[CLI_PROGRESS_LINE], const char *name, int64_t bytes,
                        int64_t total, double rate);

#endif
