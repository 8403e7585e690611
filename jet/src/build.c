#include "jet.h"

#include <ctype.h>
#include <llvm/Config/llvm-config.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

// Names of clang's own folder of headers and of its version depend on which it is: both go into
// keys.
void jet_check_clang(void) {
  jet_job job = {.output = jet_format("%s/version", jet_temporary())};
  jet_add(&job.argv, JET_CLANG);
  jet_add(&job.argv, "--version");
  jet_run(&job, 1, 1);
  if (job.error) {
    jet_skip("no %s: %s", JET_CLANG, strerror(job.error));
  }
  char *text = jet_read(job.output, NULL);
  const char *number = text ? strstr(text, "version ") : NULL;
  if (!jet_succeeded(&job) || !number) {
    jet_skip("no %s: it does not tell its version", JET_CLANG);
  }
  number += strlen("version ");
  if (strtol(number, NULL, 10) != LLVM_VERSION_MAJOR) {
    jet_skip("no %s: what has this name is version %.*s, and this program reads the bitcode of %d",
             JET_CLANG, (int)strcspn(number, " \n"), number, LLVM_VERSION_MAJOR);
  }
  jet.clang = text;
}

void jet_add_clang(const jet_unit *unit, jet_job *job) {
  jet_list *argv = &job->argv;
  jet_add(argv, JET_CLANG);
  jet_add_all(argv, &unit->flags);
  // The checked forms of the C library hide what is called.
  jet_add(argv, "-U_FORTIFY_SOURCE");
  jet_add(argv, "-w");
}

char *jet_result(size_t number, const char *kind) {
  return jet_format("%s/%zu.%s", jet_temporary(), number, kind);
}

static void plan_bitcode(const jet_unit *unit, size_t number, jet_job *job) {
  *job = (jet_job){.directory = unit->directory, .output = jet_result(number, "log")};
  jet_add_clang(unit, job);
  jet_add_all(&job->argv, &jet.options.opt_args);
  static const char *const options[] = {
      "-O2", "-g", "-emit-llvm", "-Xclang", "-disable-llvm-passes", "-c", "-MD", "-MF"};
  for (size_t i = 0; i < sizeof options / sizeof *options; ++i) {
    jet_add(&job->argv, options[i]);
  }
  jet_add(&job->argv, jet_result(number, "d"));
  jet_add(&job->argv, "-o");
  jet_add(&job->argv, jet_result(number, "bc"));
  jet_add(&job->argv, unit->file);
}

// Other compilers have flags that clang does not know: drops the one it complains of.
static bool drop_unknown_flag(jet_unit *unit, const jet_job *job) {
  const char *text = jet_read(job->output, NULL);
  static const char *const complaints[] = {"unknown argument: '", "unsupported option '",
                                           "unsupported argument '"};
  for (size_t c = 0; text && c < sizeof complaints / sizeof *complaints; ++c) {
    const char *flag = strstr(text, complaints[c]);
    if (!flag) {
      continue;
    }
    flag += strlen(complaints[c]);
    size_t size = strcspn(flag, "'");
    jet_list flags = {0};
    for (size_t i = 0; i < unit->flags.count; ++i) {
      const char *old = unit->flags.items[i];
      if (strncmp(old, flag, size) != 0 || old[size] != '\0') {
        jet_add(&flags, old);
      }
    }
    bool dropped = flags.count < unit->flags.count;
    unit->flags = flags;
    return dropped;
  }
  return false;
}

static void fail(const jet_job *job, const char *what, const char *file) JET_NORETURN;

static void fail(const jet_job *job, const char *what, const char *file) {
  if (job->error) {
    jet_fail("cannot start %s: %s", job->argv.items[0], strerror(job->error));
  }
  char *text = jet_read(job->output, NULL);
  const char *line = text ? strstr(text, "error:") : NULL;
  while (line && line > text && line[-1] != '\n') {
    --line;
  }
  if (!line) {
    line = text && *text ? text : "it says nothing";
  }
  if (WIFSIGNALED(job->status)) {
    jet_fail("%s: %s was ended by signal %d: %.*s", jet_shown(file), what, WTERMSIG(job->status),
             (int)strcspn(line, "\n"), line);
  }
  jet_fail("%s: %s fails: %.*s", jet_shown(file), what, (int)strcspn(line, "\n"), line);
}

void jet_check_job(const jet_job *job, const char *what, const char *file) {
  if (!jet_succeeded(job)) {
    fail(job, what, file);
  }
}

void jet_run_units(size_t *numbers, size_t count, jet_plan *plan, const char *what) {
  jet_job *jobs = jet_alloc((count + 1) * sizeof *jobs);
  size_t *left = jet_alloc((count + 1) * sizeof *left);
  memcpy(left, numbers, count * sizeof *left);
  while (count) {
    for (size_t i = 0; i < count; ++i) {
      plan(&jet.units.items[left[i]], left[i], &jobs[i]);
    }
    jet_run(jobs, count, jet.options.jobs);
    size_t again = 0;
    for (size_t i = 0; i < count; ++i) {
      jet_unit *unit = &jet.units.items[left[i]];
      if (jet_succeeded(&jobs[i])) {
        continue;
      }
      if (!drop_unknown_flag(unit, &jobs[i])) {
        fail(&jobs[i], what, unit->file);
      }
      left[again++] = left[i];
    }
    count = again;
  }
}

void jet_build_units(void) {
  jet_units *units = &jet.units;
  size_t *stale = jet_alloc((units->count + 1) * sizeof *stale);
  size_t count = 0;
  for (size_t i = 0; i < units->count; ++i) {
    if (!jet_cache_holds(&units->items[i])) {
      stale[count++] = i;
    }
  }
  jet_run_units(stale, count, plan_bitcode, "compiling");
  for (size_t i = 0; i < count; ++i) {
    jet_cache_keep(&units->items[stale[i]], jet_result(stale[i], "bc"), jet_result(stale[i], "d"));
  }
}
