/* What the program does when a signal ends it: no temporary file stays. */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static void put(const char *text) {
  (void)!write(STDERR_FILENO, text, strlen(text));
}

/* For signals whose default ends the program: cleans up, then lets that default happen, so that the
 * shell sees which signal it was. */
static void end_by(int signal_number) {
  jimm_remove_temporaries();
  raise(signal_number); /* held back until this function returns */
}

/* For signals that are errors: an error message and exit status like those of any other. */
static void fail_by(int signal_number) {
  const char *name = cli_command_name();
  jimm_remove_temporaries();
  put("jimm");
  put(name == NULL ? "" : " ");
  put(name == NULL ? "" : name);
  put(signal_number == SIGPIPE
          ? ": cannot write to standard output: Broken pipe\n"
          : ": a file was cut short while it was read (or the machine's memory fails)\n");
  _exit(CLI_FAILED);
}

void cli_watch_signals(void) {
  static const struct {
    int signal_number;
    void (*handler)(int);
  } rows[] = {{SIGHUP, end_by},  {SIGINT, end_by},   {SIGQUIT, end_by},
              {SIGTERM, end_by}, {SIGPIPE, fail_by}, {SIGBUS, fail_by}};
  struct sigaction action = {.sa_flags = (int)SA_RESETHAND}, before;
  sigfillset(&action.sa_mask);
  for (int32_t i = 0; i < CLI_COUNT(rows); i++) {
    action.sa_handler = rows[i].handler;
    /* What is ignored stays ignored: nohup, and jobs in the background. */
    if (sigaction(rows[i].signal_number, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
      sigaction(rows[i].signal_number, &action, NULL);
    }
  }
  /* A limit on the size of files is an error that is told, and cleaned up after, like a full disk.
   */
  signal(SIGXFSZ, SIG_IGN);
}

/* ---- a signal that is waited for ---- */

static const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
static atomic_int caught; /* threads read it, too */

/* The first is noted; whoever sends another does not want to wait. */
static void note(int signal_number) {
  if (caught != 0) {
    jimm_remove_temporaries();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
  }
  caught = signal_number;
}

void cli_catch_signals(void) {
  struct sigaction action = {.sa_handler = note}, before;
  sigfillset(&action.sa_mask);
  for (int32_t i = 0; i < CLI_COUNT(ending); i++) {
    if (sigaction(ending[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
      sigaction(ending[i], &action, NULL);
    }
  }
}

int cli_caught_signal(void) {
  return caught;
}

void cli_end_by_caught_signal(void) {
  signal(caught, SIG_DFL);
  raise(caught);
}
