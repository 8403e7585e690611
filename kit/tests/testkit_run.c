#include "testkit_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jimm-test/jimm-test.h"

static char victims[4096];

const char *victims_path(void) {
  return victims;
}

bool victims_find(void) {
  const char *given = getenv("JT_VICTIMS");
  if (given) {
    snprintf(victims, sizeof victims, "%s", given);
  } else {
    ssize_t size = readlink("/proc/self/exe", victims, sizeof victims - sizeof "testkit_victims");
    if (size <= 0) {
      return false;
    }
    victims[size] = '\0';
    strcpy(strrchr(victims, '/') + 1, "testkit_victims");
  }
  return access(victims, X_OK) == 0;
}

report victims_command(const char *command) {
  report r = {.text = calloc(1, 1), .status = -1};
  FILE *pipe = popen(command, "r");
  if (!pipe || !r.text) {
    return r;
  }
  size_t size = 0;
  char part[4096];
  size_t got;
  while ((got = fread(part, 1, sizeof part, pipe)) > 0) {
    char *grown = realloc(r.text, size + got + 1);
    if (!grown) {
      break;
    }
    r.text = grown;
    memcpy(r.text + size, part, got);
    size += got;
    r.text[size] = '\0';
  }
  r.status = pclose(pipe);
  return r;
}

report victims_run(const char *settings, const char *arguments) {
  char command[8192];
  snprintf(command, sizeof command, "%s exec '%s' %s 2>/dev/null", settings, victims, arguments);
  return victims_command(command);
}

report victims_run_one(const char *name) {
  char arguments[256];
  snprintf(arguments, sizeof arguments, "--filter '%s'", name);
  return victims_run("", arguments);
}

bool victims_exited(const report *r, int status) {
  return WIFEXITED(r->status) && WEXITSTATUS(r->status) == status;
}

void victims_check(void *ctx) {
  const expectation *e = ctx;
  report r = victims_run_one(e->victim);
  bool good = TEST_CHECK_MSG(victims_exited(&r, e->status), "status %#x", (unsigned)r.status);
  good &= TEST_CHECK(strncmp(r.text, "TAP version 14\n1..", 18) == 0);
  good &= TEST_CHECK_CONTAINS(r.text, e->line);
  good &= TEST_CHECK_CONTAINS(r.text, e->counts);
  for (int i = 0; i < 6 && e->findings[i]; ++i) {
    good &= TEST_CHECK_CONTAINS(r.text, e->findings[i]);
  }
  if (e->absent) {
    good &= TEST_CHECK_MSG(!strstr(r.text, e->absent), "\"%s\" is in the report", e->absent);
  }
  if (!good) {
    TEST_NOTE("%s", r.text);
  }
  free(r.text);
}

void victims_expect(const char *settings, const char *arguments, int status, const char *text) {
  report r = victims_run(settings, arguments);
  TEST_CHECK_MSG(victims_exited(&r, status), "%s %s: status %#x", settings, arguments,
                 (unsigned)r.status);
  TEST_CHECK_CONTAINS(r.text, text);
  free(r.text);
}
