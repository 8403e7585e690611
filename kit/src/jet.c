// Call-tree checks: jimm-jet is run as a child process, and what it found becomes outcomes.
#include "jimm-test/jet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

enum { SHOWN_FINDINGS = 30, SKIPPED = 77 };

typedef enum kind { CALL, OPT, KINDS } kind;

static const char *const kind_names[KINDS] = {"call", "opt"};

// What one run of the program said.
typedef struct run {
  int status;  // as waitpid gives it
  jti_text output;
  bool complete;  // the last line was read
  size_t counts[KINDS];
  jti_text findings[KINDS];
  jti_text trouble;  // why there are no findings
} run;

typedef struct arguments {
  char **items;
  size_t count, capacity;
} arguments;

typedef struct place {
  const char *file;
  int line;
} place;

// ---- The default filter -------------------------------------------------------------------------

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static arguments default_targets;

static void add(arguments *list, char *item) {
  JTI_RESERVE(list->items, list->count, 2, list->capacity);
  list->items[list->count++] = item;
  list->items[list->count] = NULL;
}

static void free_arguments(arguments *list) {
  for (size_t i = 0; i < list->count; ++i) {
    free(list->items[i]);
  }
  free(list->items);
  *list = (arguments){0};
}

bool jt_jet_target_dirs(const char *const *list, bool force) {
  pthread_mutex_lock(&lock);
  bool change = force || !default_targets.items;
  if (change) {
    free_arguments(&default_targets);
    for (size_t i = 0; list && list[i]; ++i) {
      add(&default_targets, jti_copy(list[i]));
    }
  }
  pthread_mutex_unlock(&lock);
  if (!change) {
    jt_note("jt_jet_target_dirs: the folders are set already; they stay (force changes them)");
  }
  return change;
}

// ---- The command --------------------------------------------------------------------------------

static char *joined(const char *a, const char *b) {
  jti_text text = {0};
  jti_text_printf(&text, "%s%s", a, b);
  return text.data;
}

static void add_list(arguments *list, const char *option, const char *const *values) {
  for (size_t i = 0; values && values[i]; ++i) {
    add(list, joined(option, values[i]));
  }
}

static bool is_file(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

// `path` loses its last part; "/" stays.
static void drop_last(char *path) {
  char *slash = strrchr(path, '/');
  if (slash) {
    *(slash == path ? slash + 1 : slash) = '\0';
  }
}

// Owned by the caller; NULL when there is none.
static char *find_database(const jt_jet_options *options) {
  const char *given = options->compdb ? options->compdb : getenv("JT_COMPDB");
  char folder[PATH_MAX];
  if (given && *given) {
    char *inside = joined(given, "/compile_commands.json");
    char *found = jti_copy(is_file(inside) ? inside : given);
    free(inside);
    return found;
  }
  for (bool more = getcwd(folder, sizeof folder); more; drop_last(folder)) {
    char *path = joined(folder, "/compile_commands.json");
    if (is_file(path)) {
      return path;
    }
    free(path);
    more = folder[1] != '\0';
  }
  return NULL;
}

static void add_cache(arguments *list, const char *database) {
  const char *given = getenv("JT_JET_CACHE");
  if (given && !*given) {
    return;
  }
  char *folder = jti_copy(database);
  drop_last(folder);
  char *beside = joined(strchr(database, '/') ? folder : ".", "/.jimm-jet");
  add(list, joined("--cache=", given ? given : beside));
  free(beside);
  free(folder);
}

// Owned by the caller.
static char *find_program(void) {
  const char *given = getenv("JIMM_JET");
  if (given && *given) {
    return jti_copy(given);
  }
  char path[PATH_MAX] = "";
  ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
  if (size > 0) {
    path[size] = '\0';
    drop_last(path);
    char *beside = joined(path, "/jimm-jet");
    if (access(beside, X_OK) == 0) {
      return beside;
    }
    free(beside);
  }
  return jti_copy("jimm-jet");  // by PATH
}

static arguments make_command(const char *entry, const jt_jet_options *options, const bool *wanted,
                              const char *database) {
  arguments list = {0};
  add(&list, find_program());
  add(&list, jti_copy("--json"));
  size_t size = strlen(entry);
  bool quoted = size >= 2 && entry[0] == '"' && entry[size - 1] == '"';
  jti_text name = {0};
  jti_text_printf(&name, "--entry=%.*s", (int)(quoted ? size - 2 : size), entry + quoted);
  add(&list, name.data);
  add(&list, joined("--compdb=", database));
  add_cache(&list, database);
  if (!wanted[CALL] || !wanted[OPT]) {
    add(&list, jti_copy(wanted[CALL] ? "--call-only" : "--opt-only"));
  }
  pthread_mutex_lock(&lock);
  add_list(
      &list, "--target=",
      options->target_dirs ? options->target_dirs : (const char *const *)default_targets.items);
  pthread_mutex_unlock(&lock);
  add_list(&list, "--link=", options->link_dirs);
  add_list(&list, "--source=", options->source_dirs);
  add_list(&list, "--ignore=", options->ignore);
  add_list(&list, "--effects=", options->effects);
  add_list(&list, "--call-arg=", options->call_args);
  add_list(&list, "--opt-arg=", options->opt_args);
  return list;
}

extern char **environ;

// Returns 0 or an errno.
static int execute(char *const *command, run *r) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return errno;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  pid_t pid;
  int error = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  char buffer[8192];
  for (ssize_t got = 1; !error && got != 0;) {
    got = read(ends[0], buffer, sizeof buffer);
    if (got > 0) {
      jti_text_add(&r->output, buffer, (size_t)got);
    } else if (got < 0 && errno != EINTR) {
      break;
    }
  }
  close(ends[0]);
  while (!error && waitpid(pid, &r->status, 0) < 0) {
    error = errno == EINTR ? 0 : errno;
  }
  return error;
}

// ---- Its JSON lines -----------------------------------------------------------------------------

static void read_line(const char *line, run *r) {
  char *name = jti_json_string(line, "kind");
  char *text = jti_json_string(line, "text");
  for (kind k = CALL; name && text && k < KINDS; ++k) {
    if (strcmp(name, kind_names[k]) == 0 && r->counts[k]++ < SHOWN_FINDINGS) {
      jti_text_printf(&r->findings[k], "\n%s", text);
    }
  }
  if (name && strcmp(name, "summary") == 0) {
    r->complete = true;
  } else if (name && text && strcmp(name, "note") == 0) {
    jt_note("jimm-jet: %s", text);
  } else if (name && text && (strcmp(name, "error") == 0 || strcmp(name, "skipped") == 0)) {
    jti_text_printf(&r->trouble, "%s", text);
  }
  free(text);
  free(name);
}

static void read_lines(run *r) {
  char *rest = NULL;
  for (char *line = r->output.data ? strtok_r(r->output.data, "\n", &rest) : NULL; line;
       line = strtok_r(NULL, "\n", &rest)) {
    read_line(line, r);
  }
}

// ---- Outcomes -----------------------------------------------------------------------------------

// Skips the check, and goes on.
static void skip_check(place at, const char *entry, const char *reason) {
  jt_skip_check(at.file, at.line, "%s: %s", entry, reason);
}

static bool fail_check(place at, const char *entry, const char *reason) {
  jti_add_problem(JTI_ERROR, at.file, at.line, "%s: %s", entry, reason);
  return false;
}

static bool conclude(place at, const char *entry, const run *r, kind k, bool broken) {
  if (!r->counts[k] && !broken) {
    jti_pass_check();
    return true;
  }
  jti_text expr = {0};
  jti_text message = {0};
  jti_text_printf(&expr, "no %s findings in what %s reaches", kind_names[k], entry);
  if (r->counts[k]) {
    jti_text_printf(&message, "%zu %s findings:%s", r->counts[k], kind_names[k],
                    r->findings[k].data);
    if (r->counts[k] > SHOWN_FINDINGS) {
      jti_text_printf(&message, "\n(%zu more)", r->counts[k] - SHOWN_FINDINGS);
    }
  } else {
    jti_text_printf(&message, "unbroken: nothing was found; remove .%s_broken", kind_names[k]);
  }
  jti_record record = {.outcome = !r->counts[k] ? JTI_ERROR
                                  : broken      ? JTI_BROKEN
                                                : JTI_FAIL,
                       .check = true,
                       .file = jti_copy(at.file),
                       .line = at.line,
                       .expr = expr.data,
                       .message = message.data};
  jti_add_record(&record);
  return broken && r->counts[k];
}

// What makes findings impossible; true when nothing does. Sets *good to what the check yields.
static bool has_findings(place at, const char *entry, run *r, int error, bool *good) {
  const char *trouble = r->trouble.data;
  const char *given = getenv("JIMM_JET");
  *good = true;
  if (error == ENOENT && !(given && *given)) {
    skip_check(at, entry,
               "there is no jimm-jet: not by JIMM_JET, nor beside the test program, nor on PATH");
    return false;
  }
  if (!error && WIFEXITED(r->status) && WEXITSTATUS(r->status) == SKIPPED && trouble) {
    skip_check(at, entry, trouble);
    return false;
  }
  if (!error && WIFEXITED(r->status) && WEXITSTATUS(r->status) <= 1 && r->complete) {
    return true;
  }
  jti_text reason = {0};
  if (error) {
    jti_text_printf(&reason, "jimm-jet cannot be started: %s", strerror(error));
  } else if (trouble) {
    jti_text_printf(&reason, "%s", trouble);
  } else {
    jti_text_printf(&reason, "jimm-jet ended by %s %d without a result",
                    WIFSIGNALED(r->status) ? "signal" : "status",
                    WIFSIGNALED(r->status) ? WTERMSIG(r->status) : WEXITSTATUS(r->status));
  }
  *good = fail_check(at, entry, reason.data);
  jti_text_free(&reason);
  return false;
}

static bool check_options(place at, const char *entry, const jt_jet_options *o,
                          const bool *wanted) {
  if (o->broken) {
    return fail_check(at, entry, ".broken is ambiguous: say .call_broken or .opt_broken");
  }
  if ((o->call_broken && !wanted[CALL]) || (o->opt_broken && !wanted[OPT])) {
    return fail_check(at, entry,
                      o->call_broken && !wanted[CALL] ? ".call_broken says nothing of TEST_OPT"
                                                      : ".opt_broken says nothing of TEST_CALL");
  }
  return true;
}

static bool check(place at, const char *entry, const jt_jet_options *given, const bool *wanted) {
  jt_jet_options options = {0};
  if (given) {
    memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
  }
  if (!check_options(at, entry, &options, wanted)) {
    return false;
  }
  char *database = find_database(&options);
  if (!database) {
    return fail_check(at, entry,
                      "no compile database: not by .compdb, nor by JT_COMPDB, nor "
                      "compile_commands.json in the working folder or above");
  }
  arguments command = make_command(entry, &options, wanted, database);
  run r = {0};
  int error = execute(command.items, &r);
  read_lines(&r);
  const bool broken[KINDS] = {options.call_broken, options.opt_broken};
  bool good = true;
  if (has_findings(at, entry, &r, error, &good)) {
    for (kind k = CALL; k < KINDS; ++k) {
      good &= !wanted[k] || conclude(at, entry, &r, k, broken[k]);
    }
  }
  free_arguments(&command);
  free(database);
  jti_text_free(&r.output);
  jti_text_free(&r.trouble);
  for (kind k = CALL; k < KINDS; ++k) {
    jti_text_free(&r.findings[k]);
  }
  return good;
}

bool jt_jet_call(const char *file, int line, const char *entry, const jt_jet_options *options) {
  return check((place){file, line}, entry, options, (const bool[KINDS]){true, false});
}

bool jt_jet_opt(const char *file, int line, const char *entry, const jt_jet_options *options) {
  return check((place){file, line}, entry, options, (const bool[KINDS]){false, true});
}

bool jt_jet(const char *file, int line, const char *entry, const jt_jet_options *options) {
  return check((place){file, line}, entry, options, (const bool[KINDS]){true, true});
}
