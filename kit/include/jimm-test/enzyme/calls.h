// calls.h: jt_recompiled's calls, made by Enzyme. Not for inclusion by anything but enzyme.h.
//
// Enzyme gets each pointer together with a shadow: of memory with values that with their tangents
// or adjoints. The shadow of a tree of arguments is a tree of the same form.
#ifndef JIMM_TEST_ENZYME_CALLS_H
#define JIMM_TEST_ENZYME_CALLS_H

// Markers of Enzyme's interface. They are known by their names and never defined.
extern int enzyme_dup, enzyme_const, enzyme_runtime_activity;
double __enzyme_fwddiff(void *function, ...);
void __enzyme_autodiff(void *function, ...);

#define JTI_INACTIVE __attribute__((enzyme_inactive, enzyme_nofree, __noinline__))

// The plugin takes what modf and frexp write through their pointers for unchanged (observed with
// LLVM 19), even in functions that are not differentiated.

static inline double jti_enzyme_modf(double x, double *integer) {
  *integer = trunc(x);
  return copysign(isinf(x) ? 0 : x - *integer, x);
}

static inline double jti_enzyme_frexp(double x, int *exponent) {
  *exponent = x == 0 || !isfinite(x) ? 0 : ilogb(x) + 1;
  return ldexp(x, -*exponent);
}

// ---- Arguments by name --------------------------------------------------------------------------

// The trees that functions get lie in one array (below), so that an argument of any depth is one
// element of it; Enzyme follows that more easily than a walk.

static JTI_INACTIVE ptrdiff_t jti_enzyme_index(const jt_args *args, const char *path) {
  const jt_arg *found = jt_find(args, path);
  return found ? found - args->items : -1;
}

// As jt_data does it: an error of the test, and its end.
static JTI_INACTIVE ptrdiff_t jti_enzyme_must_index(const jt_args *args, const char *path) {
  (void)jt_data(args, path);
  return jti_enzyme_index(args, path);
}

static inline const jt_arg *jti_enzyme_find(const jt_args *args, const char *path) {
  ptrdiff_t index = jti_enzyme_index(args, path);
  return index < 0 ? NULL : &args->items[index];
}

static inline void *jti_enzyme_data(const jt_args *args, const char *path) {
  return args->items[jti_enzyme_must_index(args, path)].data;
}

static JTI_INACTIVE size_t jti_enzyme_count(const jt_args *args, const char *path) {
  return jt_count(args, path);
}

// ---- Trees and their shadows --------------------------------------------------------------------

static size_t jti_enzyme_size(const jt_arg *items, size_t count) {
  size_t size = count;
  for (size_t i = 0; i < count; ++i) {
    if (items[i].type == JT_TREE) {
      size += jti_enzyme_size((const jt_arg *)items[i].data, items[i].count);
    }
  }
  return size;
}

typedef struct jti_enzyme_call {
  jt_args args, shadow;  // trees in one array each
  size_t size;           // of the arrays
  void **owned;          // by element: memory of the shadow's own, or NULL
  bool active;
  const char *why;
} jti_enzyme_call;

static bool jti_enzyme_has(const jt_arg *arg) {
  return arg && arg->data && arg->count > 0;
}

// The shadow of an array: what is to be its gradient, a copy of its tangent, or of a constant
// zeros. With runtime activity a constant is its own shadow.
static const char *jti_enzyme_array(jti_enzyme_call *c, size_t at, const jt_arg *tangent,
                                    const jt_arg *adjoint) {
  const jt_arg *of = &c->args.items[at];
  if (of->type == JT_OTHER || !of->data) {
    return NULL;
  }
  if (of->width != sizeof(double)) {
    return "a floating argument is not float64";
  }
  if ((jti_enzyme_has(tangent) && tangent->count != of->count) ||
      (jti_enzyme_has(adjoint) && adjoint->count != of->count)) {
    return "a gradient has another size than its argument";
  }
  if (jti_enzyme_has(adjoint)) {
    c->shadow.items[at].data = adjoint->data;
    return NULL;
  }
  if (!jti_enzyme_has(tangent) && c->active) {
    return NULL;
  }
  double *values = (double *)calloc(of->count + 1, sizeof *values);
  if (!values) {
    return "out of memory for the arguments";
  }
  if (jti_enzyme_has(tangent)) {
    memcpy(values, tangent->data, of->count * sizeof *values);
  }
  c->owned[at] = values;
  c->shadow.items[at].data = values;
  return NULL;
}

// Copies `count` arguments to the elements from `at` on, and what is below them to those from
// *next on. `tangent` and `adjoint` are beside them, or NULL.
static const char *jti_enzyme_copy(jti_enzyme_call *c, const jt_arg *items, size_t count, size_t at,
                                   size_t *next, const jt_arg *tangent, const jt_arg *adjoint) {
  const char *why = NULL;
  for (size_t i = 0; i < count && !why; ++i) {
    const jt_arg *t = tangent ? tangent + i : NULL;
    const jt_arg *a = adjoint ? adjoint + i : NULL;
    jt_arg *arg = &c->args.items[at + i], *shadow = &c->shadow.items[at + i];
    *arg = *shadow = items[i];
    if (arg->type != JT_TREE) {
      why = jti_enzyme_array(c, at + i, t, a);
      continue;
    }
    size_t below = *next;
    *next += arg->count;
    arg->data = &c->args.items[below];
    shadow->data = &c->shadow.items[below];
    why = jti_enzyme_copy(c, (const jt_arg *)items[i].data, arg->count, below, next,
                          jti_enzyme_has(t) ? (const jt_arg *)t->data : NULL,
                          jti_enzyme_has(a) ? (const jt_arg *)a->data : NULL);
  }
  return why;
}

static void jti_enzyme_open(jti_enzyme_call *c, const jt_args *args, const jt_args *tangent,
                            const jt_args *adjoint, bool active) {
  *c = (jti_enzyme_call){.size = jti_enzyme_size(args->items, args->count), .active = active};
  c->args = (jt_args){(jt_arg *)calloc(c->size + 1, sizeof(jt_arg)), args->count};
  c->shadow = (jt_args){(jt_arg *)calloc(c->size + 1, sizeof(jt_arg)), args->count};
  c->owned = (void **)calloc(c->size + 1, sizeof *c->owned);
  if (!c->args.items || !c->shadow.items || !c->owned) {
    c->why = "out of memory for the arguments";
    return;
  }
  size_t next = args->count;
  c->why = jti_enzyme_copy(c, args->items, args->count, 0, &next, tangent ? tangent->items : NULL,
                           adjoint ? adjoint->items : NULL);
}

static const char *jti_enzyme_close(jti_enzyme_call *c) {
  for (size_t i = 0; c->owned && i < c->size; ++i) {
    free(c->owned[i]);
  }
  free(c->owned);
  free(c->args.items);
  free(c->shadow.items);
  return c->why;
}

// ---- One call -----------------------------------------------------------------------------------

// Where Enzyme meets what it cannot differentiate, it has the derivative print a message and exit
// (-enzyme-runtime-error, which jimm-enzyme-cc gives). Its calls come here.
static _Thread_local jmp_buf jti_enzyme_way_out;
static _Thread_local bool jti_enzyme_running;
static _Thread_local char jti_enzyme_message[400];

__attribute__((__used__, __noinline__)) static int jti_enzyme_puts(const char *text) __asm__(
    "puts");
static int jti_enzyme_puts(const char *text) {
  if (!jti_enzyme_running) {
    return fprintf(stdout, "%s\n", text);
  }
  size_t size = strcspn(text, "\n");
  snprintf(jti_enzyme_message, sizeof jti_enzyme_message, "Enzyme cannot differentiate it: %.*s",
           (int)(size < 300 ? size : 300), text);
  return 0;
}

__attribute__((__used__, __noinline__, __noreturn__)) static void jti_enzyme_exit(
    int status) __asm__("exit");
static void jti_enzyme_exit(int status) {
  if (jti_enzyme_running && jti_enzyme_message[0]) {
    longjmp(jti_enzyme_way_out, 1);
  }
  fflush(NULL);
  _exit(status);
}

// What is done between the two may not return.
#define JTI_ENZYME_MAKE(why_not, ...)      \
  do {                                     \
    jti_enzyme_message[0] = '\0';          \
    jti_enzyme_running = true;             \
    if (setjmp(jti_enzyme_way_out) == 0) { \
      __VA_ARGS__;                         \
    } else {                               \
      c.why = jti_enzyme_message;          \
    }                                      \
    jti_enzyme_running = false;            \
  } while (0)

// Derivatives at which the compiler fails are left out: for each, jimm-enzyme-cc defines
// JT_ENZYME_NO_jvp_NAME or JT_ENZYME_NO_vjp_NAME as two arguments, the second being why.
#define JTI_ENZYME_SECOND(a, b, ...) b
#define JTI_ENZYME_THIRD(a, b, c, ...) c
#define JTI_ENZYME_OMIT(why_not, ...) c.why = why_not
#define JTI_ENZYME_APPLY(...) JTI_ENZYME_APPLY_(__VA_ARGS__)
#define JTI_ENZYME_APPLY_(pick, why_not, ...) pick(why_not, __VA_ARGS__)
#define JTI_ENZYME_PICK(...) JTI_ENZYME_THIRD(__VA_ARGS__)
#define JTI_ENZYME_WHY(...) JTI_ENZYME_SECOND(__VA_ARGS__)
#define JTI_ENZYME_UNLESS(no, ...)                                           \
  JTI_ENZYME_APPLY(JTI_ENZYME_PICK(no, JTI_ENZYME_OMIT, JTI_ENZYME_MAKE, ~), \
                   JTI_ENZYME_WHY(no, NULL, ~), __VA_ARGS__)

// ---- The calls of a function in each form -------------------------------------------------------

// The arguments after `plain`, the value, are what Enzyme is given after the function.
#define JTI_ENZYME_CALLS(name, plain, ...)                                                         \
  static const char *jti_enzyme_value_##name(const jt_args *args, void *ctx, double *value) {      \
    (void)ctx;                                                                                     \
    jti_enzyme_call c;                                                                             \
    jti_enzyme_open(&c, args, NULL, NULL, true);                                                   \
    if (!c.why) {                                                                                  \
      *value = plain;                                                                              \
    }                                                                                              \
    return jti_enzyme_close(&c);                                                                   \
  }                                                                                                \
  static const char *jti_enzyme_jvp_##name(const jt_args *args, const jt_args *tangent, void *ctx, \
                                           bool active, double *derivative) {                      \
    (void)ctx;                                                                                     \
    (void)derivative;                                                                              \
    jti_enzyme_call c;                                                                             \
    jti_enzyme_open(&c, args, tangent, NULL, active);                                              \
    if (!c.why && active) {                                                                        \
      JTI_ENZYME_UNLESS(                                                                           \
          JT_ENZYME_NO_jvp_##name,                                                                 \
          *derivative = __enzyme_fwddiff((void *)name, enzyme_runtime_activity, __VA_ARGS__));     \
    } else if (!c.why) {                                                                           \
      JTI_ENZYME_UNLESS(JT_ENZYME_NO_jvp_##name,                                                   \
                        *derivative = __enzyme_fwddiff((void *)name, __VA_ARGS__));                \
    }                                                                                              \
    return jti_enzyme_close(&c);                                                                   \
  }                                                                                                \
  static const char *jti_enzyme_vjp_##name(const jt_args *args, void *ctx, bool active,            \
                                           jt_args *gradient) {                                    \
    (void)ctx;                                                                                     \
    jti_enzyme_call c;                                                                             \
    jti_enzyme_open(&c, args, NULL, gradient, active);                                             \
    if (!c.why && active) {                                                                        \
      JTI_ENZYME_UNLESS(JT_ENZYME_NO_vjp_##name,                                                   \
                        __enzyme_autodiff((void *)name, enzyme_runtime_activity, __VA_ARGS__));    \
    } else if (!c.why) {                                                                           \
      JTI_ENZYME_UNLESS(JT_ENZYME_NO_vjp_##name, __enzyme_autodiff((void *)name, __VA_ARGS__));    \
    }                                                                                              \
    return jti_enzyme_close(&c);                                                                   \
  }

#define JTI_ENZYME_X(args) ((double *)(args).items[0].data)
#define JTI_ENZYME_CALLS_ARGS(name) \
  JTI_ENZYME_CALLS(name, name(&c.args), enzyme_dup, &c.args, &c.shadow)
#define JTI_ENZYME_CALLS_FLAT(name)                                                         \
  JTI_ENZYME_CALLS(name, name(JTI_ENZYME_X(c.args), args->items[0].count, ctx), enzyme_dup, \
                   JTI_ENZYME_X(c.args), JTI_ENZYME_X(c.shadow), enzyme_const,              \
                   args->items[0].count, enzyme_const, ctx)

#endif  // JIMM_TEST_ENZYME_CALLS_H
