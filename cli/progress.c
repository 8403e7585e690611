#include "progress.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int drawn;       /* lines that are on the terminal */
static double drawn_at; /* when they were drawn last */

double cli_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

bool cli_progress_wanted(void) {
  const char *terminal = getenv("TERM");
  return isatty(STDERR_FILENO) && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

bool cli_progress_wanted_by_hub(void) {
  static const char *const yes[] = {"1", "ON", "YES", "TRUE"};
  const char *said = getenv("HF_HUB_DISABLE_PROGRESS_BARS");
  for (int32_t i = 0; said != NULL && i < CLI_COUNT(yes); i++) {
    if (strcasecmp(said, yes[i]) == 0) {
      return false;
    }
  }
  return cli_progress_wanted();
}

/* Names are shown as they are where the terminal takes UTF-8. */
static bool speaks_utf8(void) {
  static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (int32_t i = 0; i < CLI_COUNT(names); i++) {
    const char *value = getenv(names[i]);
    if (value != NULL && value[0] != 0) {
      return strcasestr(value, "utf-8") != NULL || strcasestr(value, "utf8") != NULL;
    }
  }
  return false;
}

/* The columns of the character that begins at `text`, and its bytes: those of scripts that are
 * written wide take two. */
static int measure(const unsigned char *text, size_t *size) {
  const unsigned char first = text[0];
  size_t length = first < 0xC2 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 1;
  for (size_t i = 1; i < length; i++) {
    if ((text[i] & 0xC0) != 0x80) {
      length = 1;
    }
  }
  *size = length;
  const bool wide =
      length == 4 || (length == 3 && (first == 0xE1 ? text[1] < 0x86 && text[1] >= 0x84
                                                    : first > 0xE2 && first < 0xEE));
  return wide ? 2 : 1;
}

/* Appends `text`, at most `columns` wide, without anything that could steer the terminal. */
static size_t put_line(char *out, const char *text, int columns, bool utf8) {
  size_t length = 0;
  for (const unsigned char *c = (const unsigned char *)text; *c != 0;) {
    size_t size = 1;
    const int width = measure(c, &size);
    const bool plain = size > 1 ? utf8 && !(c[0] == 0xC2 && c[1] < 0xA0) : *c >= 0x20 && *c < 0x7F;
    columns -= plain ? width : 1;
    if (columns < 0) {
      break;
    }
    if (plain) {
      memcpy(out + length, c, size);
    } else {
      out[length] = '?';
    }
    length += plain ? size : 1;
    c += size;
  }
  return length;
}

bool cli_progress_due(void) {
  pthread_mutex_lock(&mutex);
  const bool due = cli_now() - drawn_at >= 0.1;
  pthread_mutex_unlock(&mutex);
  return due;
}

/* To the beginning of the first line that is drawn. */
static void go_back(void) {
  if (drawn > 1) {
    fprintf(stderr, "\r\033[%dA", drawn - 1);
  } else {
    fputs("\r", stderr);
  }
}

void cli_progress_draw(const char *const *lines, int count) {
  struct winsize window = {.ws_col = 0, .ws_row = 0};
  char line[CLI_PROGRESS_LINE + 8];
  if (!cli_progress_wanted()) {
    return;
  }
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0;
  const int columns = known && window.ws_col > 1 ? window.ws_col - 1 : 79;
  const int rows = known && window.ws_row > 1 ? window.ws_row - 1 : 23;
  const bool utf8 = speaks_utf8();
  count = count < rows ? count : rows;
  pthread_mutex_lock(&mutex);
  flockfile(stderr);
  go_back();
  for (int i = 0; i < count; i++) {
    size_t length = put_line(line, lines[i], columns, utf8);
    length += (size_t)sprintf(line + length, "\033[K%s", i + 1 < count ? "\n" : "");
    fwrite(line, 1, length, stderr);
  }
  if (drawn > count) {
    fputs("\033[J", stderr);
    if (count == 0) {
      fputs("\r", stderr);
    }
  }
  drawn = count;
  drawn_at = cli_now();
  funlockfile(stderr);
  pthread_mutex_unlock(&mutex);
}

void cli_progress_clear(void) {
  pthread_mutex_lock(&mutex);
  if (drawn > 0) {
    flockfile(stderr);
    go_back();
    fputs("\033[J", stderr);
    funlockfile(stderr);
    drawn = 0;
  }
  pthread_mutex_unlock(&mutex);
}

/* ---- texts ---- */

char *cli_bar(double share, char buffer[CLI_BAR_SIZE]) {
  enum { CELLS = 24 };
  const double cells = share > 0 ? share < 1 ? share * CELLS : CELLS : 0;
  buffer[0] = '[';
  for (int i = 0; i < CELLS; i++) {
    buffer[1 + i] = i < (int)cells ? '#' : '-';
  }
  buffer[1 + CELLS] = ']';
  buffer[2 + CELLS] = 0;
  return buffer;
}

void cli_rate_add(cli_rate *rate, int64_t bytes) {
  const double now = cli_now();
  const double passed = now - rate->time;
  if (rate->time == 0 || bytes < rate->bytes) {
    *rate = (cli_rate){now, 0, bytes};
  } else if (passed >= 0.1) {
    const double value = (double)(bytes - rate->bytes) / passed;
    const double weight = passed < 3 ? passed / 3 : 1; /* an average over about three seconds */
    rate->value = rate->value == 0 ? value : rate->value + weight * (value - rate->value);
    rate->time = now;
    rate->bytes = bytes;
  }
}

char *cli_transfer_line(char line[CLI_PROGRESS_LINE], const char *name, int64_t bytes,
                        int64_t total, double rate) {
  char bar[CLI_BAR_SIZE], done[32], all[32], speed[32], left[48] = "";
  if (total < 0) {
    snprintf(line, CLI_PROGRESS_LINE, "%s so far%s%s%s  %s", cli_bytes(bytes, done),
             rate < 0 ? "" : ", ", rate < 0 ? "" : cli_bytes((int64_t)rate, speed),
             rate < 0 ? "" : "/s", name);
    return line;
  }
  const double share = total == 0 ? 1 : (double)bytes / (double)total;
  if (rate > 0 && bytes < total) {
    const double seconds = (double)(total - bytes) / rate + 1; /* never too short */
    if (seconds < 120) {
      snprintf(left, sizeof left, ", %.0f s left", seconds);
    } else if (seconds < 3600 * 100) {
      snprintf(left, sizeof left, ", %.0f min left", seconds / 60);
    }
  }
  snprintf(line, CLI_PROGRESS_LINE, "%s %3.0f %%  %s of %s%s%s%s%s  %s", cli_bar(share, bar),
           100 * share, cli_bytes(bytes, done), cli_bytes(total, all), rate < 0 ? "" : ", ",
           rate < 0 ? "" : cli_bytes((int64_t)rate, speed), rate < 0 ? "" : "/s", left, name);
  return line;
}

char *cli_hub_line(char line[CLI_PROGRESS_LINE], const jimm_hub_progress *progress, double rate) {
  if (progress->waits_for != NULL) {
    snprintf(line, CLI_PROGRESS_LINE, "waiting for another process  %.400s", progress->name);
  } else if (progress->retry_seconds > 0) {
    snprintf(line, CLI_PROGRESS_LINE, "asking again in %.0f s  %.400s",
             progress->retry_seconds + 0.5, progress->name);
  } else if (progress->bytes == 0 && progress->total < 0) {
    snprintf(line, CLI_PROGRESS_LINE, "asking  %.400s", progress->name);
  } else {
    cli_transfer_line(line, progress->name, progress->bytes, progress->total, rate);
  }
  return line;
}
