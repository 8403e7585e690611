// enzyme.h: the functions that test_recompile.c differentiates by dual numbers and a tape, by
// Enzyme. Without its plugin each is a skipped check.
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "recompile_case.h"
#include "testkit_recompile.h"

// What Enzyme (0.0.79 with LLVM 19) does not do, and what it says or does instead.
typedef enum ad_mode { FORWARD = 1, REVERSE = 2, BOTH = 3 } ad_mode;

typedef struct limit {
  const char *function;
  ad_mode modes;
  const char *says;  // part of the message
  enum { REFUSED, WRONG, CRASH } what;
} limit;

static const limit limits_of_enzyme[] = {
    {"static_scratch", REVERSE, NULL, WRONG},
    {"heap", REVERSE, "Cannot deduce type of memset", REFUSED},
    {"sorting", BOTH, "found for qsort", REFUSED},
    {"searching", REVERSE, "found for qsort", REFUSED},
    {"beta_density", BOTH, "found for lgamma", REFUSED},
    {"pointer_walk", REVERSE, NULL, WRONG},
    {"function_pointers", REVERSE, NULL, CRASH},
};

static const limit *limit_of(const char *function, ad_mode mode) {
  for (size_t i = 0; i < sizeof limits_of_enzyme / sizeof *limits_of_enzyme; ++i) {
    const limit *l = &limits_of_enzyme[i];
    if (strcmp(l->function, function) == 0 && (l->modes & mode)) {
      return l;
    }
  }
  return NULL;
}

// A function at a point, with the derivatives that the tape has found.
typedef struct point_of {
  const jt_recompiled *f;
  jt_args args;
  void *ctx;
  jt_args want, got;
  double *w[ELEMENTS_MAX], *g[ELEMENTS_MAX];
  size_t n;
  double most;
} point_of;

static void open_point(point_of *c, const char *name, jt_args args, void *ctx) {
  *c = (point_of){.f = recompiled_by_enzyme(name), .args = args, .ctx = ctx};
  c->want = gradient_like(&args);
  c->got = gradient_like(&args);
  c->n = elements_of(&c->want, c->w, ELEMENTS_MAX);
  elements_of(&c->got, c->g, ELEMENTS_MAX);
  const char *why = recompiled(name)->tape_vjp(&args, ctx, &c->want);
  TEST_CHECK_MSG(!why, "%s: %s", name, why);
  for (size_t i = 0; i < c->n; ++i) {
    c->most = fmax(c->most, fabs(*c->w[i]));
  }
}

static void close_point(point_of *c) {
  free_gradient(&c->want);
  free_gradient(&c->got);
}

static void clear(point_of *c) {
  for (size_t i = 0; i < c->n; ++i) {
    *c->g[i] = 0;
  }
}

// NULL, or why not.
static const char *differentiate(point_of *c, ad_mode mode, bool active, double *got) {
  const char *why = NULL;
  clear(c);
  if (mode == REVERSE) {
    why = c->f->enzyme_vjp(&c->args, c->ctx, active, &c->got);
    for (size_t i = 0; i < c->n; ++i) {
      got[i] = *c->g[i];
    }
    return why;
  }
  for (size_t i = 0; i < c->n && !why; ++i) {
    *c->g[i] = 1;
    why = c->f->enzyme_jvp(&c->args, &c->got, c->ctx, active, &got[i]);
    *c->g[i] = 0;
  }
  return why;
}

static bool crashes(point_of *c, ad_mode mode, bool active) {
  double got[ELEMENTS_MAX];
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    differentiate(c, mode, active, got);
    _exit(0);
  }
  return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status);
}

static void check_mode(point_of *c, ad_mode mode, bool active) {
  const char *name = mode == FORWARD ? "forward" : "reverse";
  const limit *l = limit_of(c->f->function, mode);
  double got[ELEMENTS_MAX], worst = 0;
  if (l && l->what == CRASH) {
    TEST_CHECK_MSG(crashes(c, mode, active), "%s, %s: did not crash", c->f->function, name);
    return;
  }
  const char *why = differentiate(c, mode, active, got);
  for (size_t i = 0; i < c->n && !why; ++i) {
    double off = fabs(got[i] - *c->w[i]);
    worst = off <= worst ? worst : off;  // NaN counts
  }
  bool right = !why && worst <= 1e-9 * fmax(c->most, 1e-30);
  bool expected = !l ? right : l->what == REFUSED ? why && strstr(why, l->says) : !why && !right;
  TEST_CHECK_MSG(expected, "%s, %s: %s; %g off, of %g", c->f->function, name, why ? why : "", worst,
                 c->most);
}

static void check_enzyme(const char *name, jt_args args, void *ctx, double value) {
  if (recompiled_by_enzyme(name)->enzyme_missing) {
    TEST_SKIP_CHECK("%s", recompiled_by_enzyme(name)->enzyme_missing);
    return;
  }
  point_of c;
  open_point(&c, name, args, ctx);
  double got = recompiled_value(c.f, &args, ctx);
  TEST_CHECK_MSG(agree(got, value, 1e-14), "%s: %.17g, as C %.17g", name, got, value);
  for (int active = 0; active < 2; ++active) {
    check_mode(&c, FORWARD, active);
    check_mode(&c, REVERSE, active);
  }
  close_point(&c);
}

static void check_row_by_enzyme(void *data) {
  recompile_row r = *(const recompile_row *)data;
  jt_args args = flat_args(r.x, r.n);
  check_enzyme(r.name, args, recompile_degrees, r.plain(r.x, r.n, recompile_degrees));
}

#define NAME_OF(name) #name,
static const char *const not_for_enzyme[] = {NOT_FOR_ENZYME_FLAT(NAME_OF)};

static bool is_for_enzyme(const char *name) {
  for (size_t i = 0; i < sizeof not_for_enzyme / sizeof *not_for_enzyme; ++i) {
    if (strcmp(not_for_enzyme[i], name) == 0) {
      return false;
    }
  }
  return true;
}

TEST_SETUP() {
  for (size_t i = 0; i < recompile_row_count; ++i) {
    const recompile_row *r = &recompile_rows[i];
    char name[80];
    if (!is_for_enzyme(r->name)) {
      continue;
    }
    snprintf(name, sizeof name, "%s by Enzyme", r->name);
    jt_add(name, check_row_by_enzyme, (void *)(uintptr_t)r, &JT_OPTIONS(.timeout = 20));
  }
}

TEST(conv_net_by_enzyme) {
  conv_net_args d;
  make_conv_net(&d);
  check_enzyme("conv_net", d.args, NULL, conv_net(&d.args));
}

TEST(trees_by_enzyme) {
  double w[] = {1.5, -2, 0.5}, x[] = {0.3, 0.9, -1}, c[] = {2}, none[1];
  int signs[] = {1, -1, 1};
  jt_arg er = JT_NODE("er", JT_DOUBLES("w", w, 3));
  jt_arg deep = JT_NODE("deep", er, JT_SHAPED(JT_DOUBLES("x", x, 3), 1, 3));
  jt_arg fixed = JT_CONSTANT(JT_NODE("fixed", JT_DOUBLES("c", c, 1)));
  jt_args args = JT_ARGS(JT_DOUBLES("nothing", none, 0), deep, fixed, JT_OTHERS("signs", signs, 3));
  check_enzyme("weighted", args, NULL, weighted(&args));
  check_enzyme("nothing_active", args, NULL, nothing_active(&args));
  TEST_CHECK_DOUBLE(c[0], 2, 0, 0);
}
