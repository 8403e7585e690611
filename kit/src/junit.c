// The report as JUnit XML, in the dialect that Jenkins and GitLab read: one test suite, in it a
// test case for each test, in that at most one of <failure>, <error> and <skipped>, then what there
// is to read. Expected failures and drift are <skipped>, so that no reader counts them as passes.
// The totals stand at the beginning and are known at the end, so the text is kept until then.
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
  char *path;  // absolute, since tests may change the folder; NULL: no report
  jti_text cases;
  size_t tests[JTI_OUTCOMES];
  double started;
  time_t day;
} junit;

// ---- XML ----------------------------------------------------------------------------------------

// XML 1.0 has no way to write most control characters, U+FFFE and U+FFFF: they become "\x1b".
static bool is_nonexistent(const unsigned char *s, size_t length) {
  return length == 0 || (*s < 0x20 && *s != '\t' && *s != '\n' && *s != '\r') || *s == 0x7f ||
         (length == 3 && s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe);
}

static void escape(jti_text *out, const char *s, const char *special) {
  for (const unsigned char *p = (const unsigned char *)s; *p;) {
    size_t length = jti_utf8_length(p);
    if (is_nonexistent(p, length)) {
      length = length ? length : 1;
      for (size_t i = 0; i < length; ++i) {
        jti_text_printf(out, "\\x%02x", p[i]);
      }
    } else if (strchr(special, *p)) {
      jti_text_printf(out, "&#%d;", *p);
    } else {
      jti_text_add(out, (const char *)p, length);
    }
    p += length;
  }
}

static void attribute(jti_text *out, const char *name, const char *value) {
  jti_text_printf(out, " %s=\"", name);
  escape(out, value, "&<>\"\t\n\r");
  jti_text_printf(out, "\"");
}

static void time_attribute(jti_text *out, double seconds) {
  jti_text_printf(out, " time=\"");
  jti_text_seconds(out, seconds);
  jti_text_printf(out, "\"");
}

// Lines of people's text stay lines.
static void content(jti_text *out, const char *s) {
  while (*s) {
    size_t size = strcspn(s, "\n");
    char *line = strndup(s, size);
    escape(out, line ? line : "", "&<>\r");
    free(line);
    s += size;
    if (*s) {
      jti_text_add(out, "\n", 1);
      ++s;
    }
  }
}

static void element(jti_text *out, const char *name, const char *text) {
  if (text && *text) {
    jti_text_printf(out, "      <%s>", name);
    content(out, text);
    jti_text_printf(out, "</%s>\n", name);
  }
}

// ---- Test cases ---------------------------------------------------------------------------------

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

// "file:line: expression: message", as far as there is one.
static char *summary_of(const jti_record *record) {
  jti_text text = {0};
  jti_text_printf(&text, "%s", "");
  if (!record) {
    return text.data;
  }
  if (record->file) {
    jti_text_printf(&text, "%s:%d: ", record->file, record->line);
  }
  if (record->set) {
    jti_text_printf(&text, "%s: ", record->set);
  }
  jti_text_printf(&text, "%s%s%s", record->expr ? record->expr : "",
                  record->expr && record->message ? ": " : "",
                  record->message ? record->message : "");
  return text.data;
}

static void verdict(jti_text *out, const jti_result *result) {
  static const char *const names[JTI_OUTCOMES] = {NULL,      "skipped", "skipped",
                                                  "skipped", "failure", "error"};
  const char *name = names[result->outcome];
  if (!name) {
    return;
  }
  const jti_record *record = jti_cause(result);
  char *summary = result->outcome == JTI_SKIP && record && record->message
                      ? jti_copy(record->message)
                      : summary_of(record);
  jti_text message = {0};
  if (result->outcome == JTI_SOFT || result->outcome == JTI_BROKEN) {
    jti_text_printf(&message, "%s: ", jti_outcome_name(result->outcome));
  }
  jti_text_printf(&message, "%s", summary);
  jti_text_printf(out, "      <%s", name);
  attribute(out, "message", message.data);
  if (result->outcome >= JTI_FAIL) {
    attribute(out, "type", jti_outcome_name(result->outcome));
  }
  jti_text_printf(out, ">");
  content(out, result->diagnostic.size ? result->diagnostic.data : "");
  if (result->unreported) {
    jti_text_printf(out, "    unreported: %zu\n", result->unreported);
  }
  jti_text_printf(out, "</%s>\n", name);
  jti_text_free(&message);
  free(summary);
}

static void output(jti_text *out, const jti_result *result) {
  jti_text text = {0};
  for (size_t i = 0; i < result->reason_count; ++i) {
    const jti_skipped *skipped = &result->reasons[i];
    jti_text_printf(&text, "skipped check: %s:%d: %s (%llu times)\n",
                    skipped->file ? skipped->file : "?", skipped->line, skipped->reason,
                    skipped->count);
  }
  jti_table_of(result, &text);
  element(out, "system-out", text.data);
  element(out, "system-err", result->stderr_tail.data);
  jti_text_free(&text);
}

void jti_junit_add(const jti_result *result) {
  if (!junit.path) {
    return;
  }
  jti_text *out = &junit.cases;
  jti_text_printf(out, "    <testcase");
  attribute(out, "name", result->name);
  attribute(out, "classname", base_name(jti_program()));
  if (result->file) {
    attribute(out, "file", result->file);
    jti_text_printf(out, " line=\"%d\"", result->line);
  }
  jti_text_printf(out, " assertions=\"%llu\"", result->counts.passed + result->counts.told);
  time_attribute(out, result->seconds);
  jti_text_printf(out, ">\n");
  verdict(out, result);
  output(out, result);
  jti_text_printf(out, "    </testcase>\n");
  junit.tests[result->outcome]++;
}

// ---- The file -----------------------------------------------------------------------------------

static char *temporary_name(void) {
  jti_text text = {0};
  jti_text_printf(&text, "%s.%ld.tmp", junit.path, (long)getpid());
  return text.data;
}

static int create(const char *path) {
  return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

static bool complain(int problem) {
  fprintf(stderr, "%s: cannot write \"%s\": %s\n", jti_program(), junit.path, strerror(problem));
  free(junit.path);
  junit.path = NULL;
  return false;
}

static char *absolute(const char *path) {
  char *folder = *path == '/' || !*path ? NULL : getcwd(NULL, 0);
  jti_text text = {0};
  jti_text_printf(&text, "%s%s%s", folder ? folder : "", folder ? "/" : "", path);
  free(folder);
  return text.data;
}

bool jti_junit_open(const char *path) {
  junit.path = absolute(path);
  struct stat there;
  if (!*path) {
    return complain(ENOENT);
  }
  bool exists = stat(junit.path, &there) == 0;
  if (exists && !S_ISREG(there.st_mode)) {
    return complain(S_ISDIR(there.st_mode) ? EISDIR : EINVAL);
  }
  char *temporary = temporary_name();
  int fd = create(temporary);
  int problem = fd < 0 ? errno : 0;
  if (fd >= 0) {
    close(fd);
    unlink(temporary);
    // Yesterday's report must not be taken for that of a run that crashes.
    problem = unlink(junit.path) != 0 && errno != ENOENT ? errno : 0;
  }
  free(temporary);
  junit.started = jti_clock();
  junit.day = time(NULL);
  return problem ? complain(problem) : true;
}

static void totals(jti_text *out, const char *indent, const char *name) {
  const size_t *tests = junit.tests;
  size_t skipped = tests[JTI_SKIP] + tests[JTI_SOFT] + tests[JTI_BROKEN];
  jti_text_printf(out, "%s<%s", indent, name);
  attribute(out, "name", base_name(jti_program()));
  jti_text_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"",
                  tests[JTI_PASS] + tests[JTI_FAIL] + tests[JTI_ERROR] + skipped, tests[JTI_FAIL],
                  tests[JTI_ERROR], skipped);
  time_attribute(out, jti_clock() - junit.started);
}

static int write_all(const char *path, const jti_text *text) {
  int fd = create(path);
  if (fd < 0) {
    return errno;
  }
  int problem = 0;
  for (size_t done = 0; done < text->size && !problem;) {
    ssize_t written = write(fd, text->data + done, text->size - done);
    if (written >= 0) {
      done += (size_t)written;
    } else if (errno != EINTR) {
      problem = errno;
    }
  }
  return close(fd) != 0 && !problem ? errno : problem;
}

bool jti_junit_close(void) {
  if (!junit.path) {
    return true;
  }
  jti_text text = {0};
  jti_text_printf(&text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  totals(&text, "", "testsuites");
  jti_text_printf(&text, ">\n");
  totals(&text, "  ", "testsuite");
  struct tm day;
  char stamp[32] = "";
  if (gmtime_r(&junit.day, &day) && strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &day)) {
    attribute(&text, "timestamp", stamp);
  }
  jti_text_printf(&text,
                  ">\n    <properties>\n      <property name=\"seed\" value=\"%llu\"/>\n"
                  "    </properties>\n",
                  jt_seed());
  jti_text_add(&text, junit.cases.data, junit.cases.size);
  jti_text_printf(&text, "  </testsuite>\n</testsuites>\n");
  char *temporary = temporary_name();
  int problem = write_all(temporary, &text);
  if (!problem && rename(temporary, junit.path) != 0) {
    problem = errno;
  }
  if (problem) {
    unlink(temporary);
  }
  free(temporary);
  jti_text_free(&text);
  jti_text_free(&junit.cases);
  bool good = problem ? complain(problem) : true;
  free(junit.path);
  memset(&junit, 0, sizeof junit);
  return good;
}
