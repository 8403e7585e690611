// The last words of a process that dies in the middle of a test: "not ok", what was recorded so
// far, and "Bail out!". Everything here that runs in a signal handler only reads memory and calls
// write(2). The signal then takes its default course, so that core dumps, debuggers and the parent
// see the death as it was.
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
  int number;
  const char *name;
} signal_names[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGABRT, "SIGABRT"}, {SIGFPE, "SIGFPE"},   {SIGBUS, "SIGBUS"},
    {SIGILL, "SIGILL"},   {SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"},   {SIGKILL, "SIGKILL"},
    {SIGTRAP, "SIGTRAP"}, {SIGSYS, "SIGSYS"},   {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"},
    {SIGHUP, "SIGHUP"},   {SIGQUIT, "SIGQUIT"}, {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"},
    {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"},
};

// The crashes, and the two ways in which a harness or a person stops a test that hangs.
static const int watched[] = {SIGSEGV, SIGABRT, SIGFPE, SIGBUS, SIGILL, SIGTERM, SIGINT};
enum { WATCHED = sizeof watched / sizeof *watched };

static bool installed[WATCHED];
static int report = -1;
static pid_t process;
static const char *volatile crash_line;
static volatile sig_atomic_t spoken;
static char signal_stack[64 * 1024];  // a stack overflow leaves no room on the test's own

// Provided by every sanitizer runtime: called after its report, before it ends the process.
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

const char *jti_signal_name(int number) {
  for (size_t i = 0; i < sizeof signal_names / sizeof *signal_names; ++i) {
    if (signal_names[i].number == number) {
      return signal_names[i].name;
    }
  }
  return NULL;
}

static void say(const char *s, size_t size) {
  while (size) {
    ssize_t written = write(report, s, size);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return;
    }
    s += written;
    size -= (size_t)written;
  }
}

static void say_text(const char *s) {
  say(s, strlen(s));
}

static void last_words(const char *how, const char *what) {
  const char *line = crash_line;
  // A process that the test forked shares the report's descriptor, but not its voice.
  if (report < 0 || !line || spoken || getpid() != process) {
    return;
  }
  spoken = 1;
  say_text(line);
  say_text("  ---\n  outcome: error\n  message: \"");
  say_text(how);
  say_text(what);
  say_text("\"\n");
  const jti_result *result = jti_now.result;
  if (result && result->set_line) {
    say_text(result->set_line);
  }
  if (result && result->repeat) {
    say_text(result->repeat);
  }
  if (result && result->diagnostic.size) {
    say_text("  findings:\n");
    say(result->diagnostic.data, result->diagnostic.size);
  }
  say_text("  ...\n");
  if (result && result->skip_lines.size) {
    say(result->skip_lines.data, result->skip_lines.size);
  }
  say_text(jti_tap_color(JTI_RED));
  say_text("Bail out! ");
  say_text(how);
  say_text(what);
  say_text(jti_tap_color(JTI_PLAIN));
  say_text("\n");
}

static void on_signal(int number) {
  int saved = errno;
  const char *name = jti_signal_name(number);
  bool stopped = number == SIGTERM || number == SIGINT;
  last_words(stopped ? "stopped by " : "crashed with ", name ? name : "a signal");
  errno = saved;
  raise(number);  // the handler was reset on entry: this is the default action
}

static void on_sanitizer_death(void) {
  last_words("stopped by a sanitizer", "");
}

// exit() in the middle of a test would be a report that merely ends early, with status 0.
static void on_exit_in_test(void) {
  if (report < 0 || !crash_line || getpid() != process) {
    return;
  }
  last_words("the test called exit()", "");
  _exit(1);
}

void jti_crash_line(const char *line) {
  crash_line = line;
}

void jti_watch_crashes(int fd) {
  static bool at_exit;
  if (!at_exit) {
    atexit(on_exit_in_test);
    if (__sanitizer_set_death_callback) {
      __sanitizer_set_death_callback(on_sanitizer_death);
    }
    at_exit = true;
  }
  report = fd;
  process = getpid();
  spoken = 0;

  stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
  stack_t old_stack;
  if (sigaltstack(NULL, &old_stack) == 0 && (old_stack.ss_flags & SS_DISABLE)) {
    sigaltstack(&stack, NULL);
  }
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < WATCHED; ++i) {
    // Whoever handles a signal already, a sanitizer above all, knows better what to print.
    struct sigaction old;
    if (sigaction(watched[i], NULL, &old) != 0) {
      continue;
    }
    if ((old.sa_flags & SA_SIGINFO) || old.sa_handler != SIG_DFL) {
      continue;
    }
    installed[i] = sigaction(watched[i], &action, NULL) == 0;
  }
}

void jti_unwatch_crashes(void) {
  report = -1;
  crash_line = NULL;
  for (size_t i = 0; i < WATCHED; ++i) {
    if (!installed[i]) {
      continue;
    }
    struct sigaction current;
    if (sigaction(watched[i], NULL, &current) == 0 && !(current.sa_flags & SA_SIGINFO) &&
        current.sa_handler == on_signal) {
      signal(watched[i], SIG_DFL);
    }
    installed[i] = false;
  }
}
