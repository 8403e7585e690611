// TAP 14: https://testanything.org/tap-version-14-specification.html
// Every line is written at once and unbuffered, so that a crash finds nothing half done and a fork
// nothing to write twice.
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// TAP's directive for an expected failure.
#define EXPECTED " # TODO broken: "

static int report = -1;
static bool lost;
static bool colored;

static void put(jti_text *text) {
  const char *at = text->data;
  size_t left = text->size;
  while (left && report >= 0) {
    ssize_t written = write(report, at, left);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      if (!lost) {
        fprintf(stderr, "jimm-test: cannot write the report: %s\n", strerror(errno));
      }
      lost = true;
      break;
    }
    at += written;
    left -= (size_t)written;
  }
  jti_text_free(text);
}

const char *jti_tap_color(jti_color color) {
  static const char *const codes[] = {"\033[31m", "\033[32m", "\033[33m", "\033[2m", "\033[0m"};
  return colored ? codes[color] : "";
}

// NO_COLOR: https://no-color.org/
static bool wants_color(int fd, jti_when when) {
  const char *refused = getenv("NO_COLOR");
  const char *terminal = getenv("TERM");
  if (when != JTI_AUTO) {
    return when == JTI_ALWAYS;
  }
  return isatty(fd) && !(refused && *refused) && !(terminal && strcmp(terminal, "dumb") == 0);
}

void jti_tap_open(int fd, jti_when color) {
  report = fd;
  lost = false;
  colored = wants_color(fd, color);
  jti_text text = {0};
  // Test::Harness knew no version above 13 for long and refuses a whole report for it; all that is
  // written here is valid under both.
  jti_text_printf(&text, "TAP version %d\n", getenv("HARNESS_ACTIVE") ? 13 : 14);
  put(&text);
}

bool jti_tap_lost(void) {
  return lost;
}

void jti_tap_close(void) {
  report = -1;
}

void jti_tap_plan(size_t tests) {
  jti_text text = {0};
  jti_text_printf(&text, "1..%zu\n", tests);
  put(&text);
}

void jti_tap_note(const char *note) {
  if (report < 0) {
    fprintf(stderr, "# %s\n", note);
    return;
  }
  jti_text text = {0};
  for (const char *line = note; line;) {
    const char *end = strchr(line, '\n');
    size_t size = end ? (size_t)(end - line) : strlen(line);
    jti_text_printf(&text, "%s# ", jti_tap_color(JTI_DIM));
    jti_text_plain(&text, line, size);
    jti_text_printf(&text, "%s\n", jti_tap_color(JTI_PLAIN));
    line = end && end[1] ? end + 1 : NULL;
  }
  put(&text);
}

// A literal block, since this is for people. The mark in front of every line keeps a line "..."
// from ending the block, and Perl's reader from stumbling over indents and colons.
static void put_block(jti_text *out, const char *indent, const char *key, const char *text) {
  jti_text_printf(out, "%s%s: |\n", indent, key);
  for (const char *line = text; *line;) {
    size_t size = strcspn(line, "\n");
    jti_text_printf(out, "%s  > ", indent);
    jti_text_plain(out, line, size);
    jti_text_printf(out, "\n");
    line += size + (line[size] == '\n');
  }
}

static void pair(jti_text *out, const char *indent, const char *key, const char *value) {
  if (!value) {
    return;
  }
  jti_text_printf(out, "%s%s: ", indent, key);
  jti_text_yaml(out, value);
  jti_text_printf(out, "\n");
}

void jti_tap_diagnose(jti_text *out, const jti_record *record) {
  static const char indent[] = "      ";
  jti_text_printf(out, "    - outcome: %s\n", jti_outcome_name(record->outcome));
  pair(out, indent, "file", record->file);
  if (record->file) {
    jti_text_printf(out, "%sline: %d\n", indent, record->line);
  }
  pair(out, indent, "set", record->set);
  pair(out, indent, "expression", record->expr);
  pair(out, indent, "got", record->got);
  pair(out, indent, "want", record->want);
  if (record->message && strchr(record->message, '\n')) {
    put_block(out, indent, "message", record->message);
  } else {
    pair(out, indent, "message", record->message);
  }
}

static void title(jti_text *out, bool ok, const jti_result *result) {
  static const jti_color colors[JTI_OUTCOMES] = {JTI_GREEN,  JTI_YELLOW, JTI_YELLOW,
                                                 JTI_YELLOW, JTI_RED,    JTI_RED};
  // The line of a crash is made while all is well.
  jti_color color = ok || result->outcome != JTI_PASS ? colors[result->outcome] : JTI_RED;
  jti_text_printf(out, "%s%s %zu - ", jti_tap_color(color), ok ? "ok" : "not ok", result->number);
  jti_text_tap(out, result->name);
}

char *jti_tap_crash_line(const jti_result *result) {
  jti_text text = {0};
  title(&text, false, result);
  jti_text_printf(&text, "%s\n", jti_tap_color(JTI_PLAIN));
  return text.data;
}

static void directive(jti_text *out, const jti_result *result) {
  const jti_record *record = jti_cause(result);
  const char *why = !record ? NULL : record->expr ? record->expr : record->message;
  if (result->outcome == JTI_SKIP) {
    jti_text_printf(out, " # SKIP ");
  } else if (result->outcome == JTI_SOFT) {
    jti_text_printf(out, EXPECTED "soft: ");
  } else if (result->outcome == JTI_BROKEN) {
    jti_text_printf(out, EXPECTED);
  } else {
    return;
  }
  jti_text_tap(out, why && *why ? why : "no reason given");
}

void jti_tap_skipped(const jti_result *result) {
  jti_text text = {0};
  unsigned long long others = result->counts.skipped;
  for (size_t i = 0; i < result->reason_count; ++i) {
    const jti_skipped *skipped = &result->reasons[i];
    others -= skipped->count;
    jti_text_printf(&text, "skipped check: %s:%d: ", skipped->file ? skipped->file : "?",
                    skipped->line);
    jti_text_plain(&text, skipped->reason, strlen(skipped->reason));
    if (skipped->count > 1) {
      jti_text_printf(&text, " (%llu times)", skipped->count);
    }
    jti_text_add(&text, "\n", 1);
  }
  if (others) {
    jti_text_printf(&text, "skipped checks with other reasons: %llu\n", others);
  }
  if (text.size) {
    jti_tap_note(text.data);
  }
  jti_text_free(&text);
}

void jti_tap_result(const jti_result *result) {
  jti_text text = {0};
  title(&text, result->outcome <= JTI_SKIP, result);
  directive(&text, result);
  jti_text_printf(&text, "%s\n", jti_tap_color(JTI_PLAIN));
  if (result->outcome > JTI_SKIP) {
    jti_text_printf(&text, "  ---\n  outcome: %s\n  checks: %llu\n",
                    jti_outcome_name(result->outcome),
                    result->counts.passed + result->counts.told + result->counts.skipped);
    if (result->counts.skipped) {
      jti_text_printf(&text, "  skipped: %llu\n", result->counts.skipped);
    }
    if (result->repeat && result->outcome >= JTI_FAIL) {
      jti_text_printf(&text, "%s", result->repeat);
    }
    if (result->unreported) {
      jti_text_printf(&text, "  unreported: %zu\n", result->unreported);
    }
    if (result->diagnostic.size) {
      jti_text_printf(&text, "  findings:\n");
      jti_text_add(&text, result->diagnostic.data, result->diagnostic.size);
    }
    if (result->stderr_tail.size) {
      put_block(&text, "  ", "stderr", result->stderr_tail.data);
    }
    jti_text_printf(&text, "  ...\n");
  }
  put(&text);
  jti_tap_skipped(result);
}

void jti_tap_summary(const jti_summary *summary) {
  const size_t *tests = summary->tests;
  jti_text text = {0};
  jti_text_printf(&text,
                  "%zu passed, %zu failed, %zu errors, %zu broken, %zu soft, %zu skipped"
                  " (%llu checks",
                  tests[JTI_PASS], tests[JTI_FAIL], tests[JTI_ERROR], tests[JTI_BROKEN],
                  tests[JTI_SOFT], tests[JTI_SKIP], summary->checks);
  if (summary->skipped) {
    jti_text_printf(&text, ", %llu of them skipped", summary->skipped);
  }
  jti_text_printf(&text, ")\n");
  size_t all = 0;
  for (int i = 0; i < JTI_OUTCOMES; ++i) {
    all += tests[i];
  }
  if (all == tests[JTI_SKIP]) {
    jti_text_printf(&text, "nothing was executed: all of the %zu tests were skipped\n", all);
  }
  jti_tap_note(text.data);
  jti_text_free(&text);
}
