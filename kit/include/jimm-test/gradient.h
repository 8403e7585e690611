// gradient.h: is that gradient right?
//
//   static double loss(const jt_args *args) {
//     const double *w = jt_data(args, "w");
//     const double *x = jt_data(args, "x");
//     double sum = 0;
//     for (size_t i = 0; i < jt_count(args, "w"); ++i) sum += w[i] * w[i] * x[i];
//     return sum;
//   }
//
//   static void loss_gradient(const jt_args *args, jt_args *gradient) { ... }
//
//   TEST(loss_has_the_right_gradient) {
//     double w[] = {1, 2, 3}, x[] = {4, 5, 6};
//     TEST_GRADIENTS(loss, JT_ARGS(JT_DOUBLES("w", w, 3), JT_CONSTANT(JT_DOUBLES("x", x, 3))),
//                    .gradient = loss_gradient);
//   }
//
// Every backend that can differentiate the function is held against central differences in float64.
// A backend is one check. Each runs in a child process, so that a crash, an endless loop or a write
// into the arguments is an outcome of that backend and of nothing else.
//
//   backend      who has it
//   JT_REVERSE   functions of a kind with a vjp (jt_kind)
//   JT_FORWARD   functions of a kind with a jvp; at most JT_FORWARD_INPUTS inputs, more are a skip
//   JT_DUAL      C functions whose file was compiled once more as C++ (jimm-test/recompile.hpp)
//   JT_TAPE      the same, in reverse
//   JT_ENZYME    C functions whose file was compiled once more by Enzyme (jimm-test/enzyme.h)
//   JT_OWN       .gradient: what the author wrote
//
// The truth is the central difference (f(x+h) - f(x-h)) / 2h with h = cbrt(eps) max(1, |x|). Where
// a backend differs from it, Ridders' extrapolation over ever smaller steps is asked, too: it may
// say that the difference was inexact and the backend right; or that there is no derivative to be
// had
// ("a kink", "noise"), which is told apart from a wrong gradient.
#ifndef JIMM_TEST_GRADIENT_H
#define JIMM_TEST_GRADIENT_H

#include <stdint.h>

#include <jimm-test/jimm-test.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---- Arguments: trees of named arrays -----------------------------------------------------------

typedef enum jt_type {
  JT_TREE,  // other arguments
  JT_F64,
  JT_F32,
  JT_OTHER  // anything else: it gets no gradient
} jt_type;

enum { JT_RANK_MAX = 8 };

// Names have no dots; among those of one tree no two are equal. Everything is borrowed.
typedef struct jt_arg {
  const char *name;
  jt_type type;
  bool constant;  // gets no gradient, and nothing below it does
  void *data;     // the elements; of a tree its jt_arg
  size_t count;   // of elements, or of a tree's arguments; an empty array has no gradient
  size_t width;   // bytes of an element
  size_t rank;    // 0: one dimension of `count`
  size_t shape[JT_RANK_MAX];  // for messages: w[2, 0] in place of w[6]
} jt_arg;

typedef struct jt_args {
  jt_arg *items;
  size_t count;
} jt_args;

#ifndef __cplusplus
#define JT_ARRAY_(name, type, pointer, n) \
  ((jt_arg){(name), (type), false, (void *)(pointer), (size_t)(n), sizeof *(pointer), 0, {0}})
// Arrays of `n` elements.
#define JT_DOUBLES(name, pointer, n) JT_ARRAY_(name, JT_F64, 1 ? (pointer) : (double *)0, n)
#define JT_FLOATS(name, pointer, n) JT_ARRAY_(name, JT_F32, 1 ? (pointer) : (float *)0, n)
#define JT_OTHERS(name, pointer, n) JT_ARRAY_(name, JT_OTHER, pointer, n)
// A variable.
#define JT_DOUBLE(name, variable) JT_DOUBLES(name, &(variable), 1)
#define JT_FLOAT(name, variable) JT_FLOATS(name, &(variable), 1)
// JT_NODE("layer", JT_DOUBLES("w", w, 9), JT_DOUBLES("b", b, 3)): a tree; its leaves are named
// "layer.w" and "layer.b". Valid in the enclosing block.
#define JT_LIST_(...) ((jt_arg[]){__VA_ARGS__})
#define JT_LENGTH_(...) (sizeof JT_LIST_(__VA_ARGS__) / sizeof(jt_arg))
#define JT_NODE(name, ...)           \
  ((jt_arg){(name),                  \
            JT_TREE,                 \
            false,                   \
            JT_LIST_(__VA_ARGS__),   \
            JT_LENGTH_(__VA_ARGS__), \
            sizeof(jt_arg),          \
            0,                       \
            {0}})
#define JT_ARGS(...) ((jt_args){JT_LIST_(__VA_ARGS__), JT_LENGTH_(__VA_ARGS__)})
// The argument with a shape: JT_SHAPED(JT_DOUBLES("w", w, 6), 2, 3).
#define JT_SHAPED(arg, ...) \
  jt_shaped((arg), sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t), (const size_t[]){__VA_ARGS__})
#define JT_CONSTANT(arg) jt_constant(arg)
#endif
JT_API jt_arg jt_constant(jt_arg arg);
JT_API jt_arg jt_shaped(jt_arg arg, size_t rank, const size_t *shape);

// The argument at a path like "layer.w"; NULL when there is none.
JT_API const jt_arg *jt_find(const jt_args *args, const char *path);
// Its elements, for the function under test; a path that does not exist is an error of the test,
// and ends it. The elements of an empty array may be NULL.
JT_API void *jt_data(const jt_args *args, const char *path);
JT_API size_t jt_count(const jt_args *args, const char *path);

// ---- Functions ----------------------------------------------------------------------------------

// A kind of differentiable function: how a library's own objects (graphs, layers) are evaluated and
// differentiated. All values are scalar: an object with many outputs takes an inner product.
// A callback returns NULL, or why it could not; the text is copied. `gradient`, `tangent` and
// `product` are trees like `args` whose floating leaves have the type of those of `args`; leaves
// without a gradient, and there are none in a tree that is constant, have NULL and a count of 0.
typedef struct jt_kind {
  size_t size;  // sizeof(jt_kind)
  const char *name;
  // *value = f(args)
  const char *(*value)(const void *object, const jt_args *args, double *value);
  // gradient = seed f'(args); the arrays are zero before. May be NULL.
  const char *(*vjp)(const void *object, const jt_args *args, double seed, jt_args *gradient);
  // *derivative = f'(args) tangent. May be NULL. Written apart from vjp it proves more.
  const char *(*jvp)(const void *object, const jt_args *args, const jt_args *tangent,
                     double *derivative);
  // product = f''(args) tangent, for .second_order. May be NULL.
  const char *(*hvp)(const void *object, const jt_args *args, const jt_args *tangent,
                     jt_args *product);
} jt_kind;

typedef double jt_args_function(const jt_args *args);
typedef double jt_flat_function(const double *x, size_t n, void *ctx);
typedef float jt_flat_function_f(const float *x, size_t n, void *ctx);

// What is tested: one of a kind, or a plain C function.
typedef struct jt_function {
  const jt_kind *kind;  // NULL: a plain function
  const void *object;
  jt_args_function *plain;
} jt_function;

// ---- The test -----------------------------------------------------------------------------------

enum {
  JT_REVERSE = 1,
  JT_FORWARD = 2,
  JT_DUAL = 4,
  JT_TAPE = 8,
  JT_ENZYME = 16,
  JT_OWN = 32,
  JT_FINITE_DIFFERENCES = 64,  // only as .ground_truth
  JT_ALL = 63
};
enum { JT_FORWARD_INPUTS = 32 };

typedef struct jt_gradient_options {
  size_t size;
  unsigned skip_backends;    // these are not run, and counted as skipped
  unsigned broken_backends;  // these are expected to fail: broken, and right is an error
  unsigned soft_fail;        // these may fail: soft; JT_ALL. It is stronger than broken_backends
  double atol, rtol;         // |got - want| <= atol + rtol |want|; 0: 1e-8 and 1e-6, and for truth
                             // in float32 1e-3 and 1e-3
  unsigned ground_truth;     // a backend; 0: JT_FINITE_DIFFERENCES
  jt_type ground_truth_dtype;    // 0: JT_F64
  bool enzyme_runtime_activity;  // Enzyme decides at run time what is constant
  bool enable_enzyme_reverse;    // Enzyme's reverse mode, too
  // JT_OWN. The arrays of `gradient` are as for jt_kind.vjp.
  void (*gradient)(const jt_args *args, jt_args *gradient);
  void (*flat_gradient)(const double *x, size_t n, void *ctx, double *gradient);
  void (*flat_gradient_f)(const float *x, size_t n, void *ctx, float *gradient);
  // Inputs above which not each derivative is compared, but those along random directions; 0: 1000.
  size_t fast_above;
  size_t directions;    // how many; 0: 16, or two for each argument and all together
  bool second_order;    // also products with the second derivative, of backends that have them
  bool special_values;  // also at 0, -0, denormals, infinities and NaN: backends beside each other
  double timeout;       // seconds for each backend; 0: 60
  bool in_process;      // no child processes: for a debugger
  bool ctx_has_no_floats;  // a flat function's ctx is the same when recompiled with other scalars
  size_t ctx_size;         // bytes of a flat function's ctx: Enzyme's derivatives may not change it
  uint64_t seed;           // of the directions; 0: the program's (--seed)
} jt_gradient_options;

#ifndef __cplusplus
// TEST_GRADIENTS(f, args, .option = value...), with or without options: `f` is a jt_function or a
// `double f(const jt_args *)`, `args` a jt_args. Yields whether no backend failed.
#define TEST_GRADIENTS(f, ...) \
  JT_GRADIENTS_(#f, f, __VA_ARGS__, .size = sizeof(jt_gradient_options))
#define JT_GRADIENTS_(name, f, args, ...)             \
  jt_gradients(JT_HERE_, name,                        \
               _Generic((f), jt_function              \
                        : jt_function_itself, default \
                        : jt_function_of)(f),         \
               (args), &(jt_gradient_options){__VA_ARGS__})
// The same for a `double f(const double *x, size_t n, void *ctx)`, or with float in place of
// double.
#define TEST_GRADIENTS_FLAT(f, x, n, ...) \
  JT_GRADIENTS_FLAT_(#f, f, x, n, __VA_ARGS__, .size = sizeof(jt_gradient_options))
#define JT_GRADIENTS_FLAT_(name, f, x, n, ctx, ...)             \
  _Generic(*(x), double                                         \
           : jt_gradients_flat, float                           \
           : jt_gradients_flat_f)(JT_HERE_, name, f, x, n, ctx, \
                                  &(jt_gradient_options){__VA_ARGS__})
#endif
JT_API jt_function jt_function_itself(jt_function f);
JT_API jt_function jt_function_of(jt_args_function *f);

// What the macros call. `name` is the function's, for messages and to find its recompiled forms.
JT_API bool jt_gradients(const char *file, int line, const char *name, jt_function f, jt_args args,
                         const jt_gradient_options *options);
JT_API bool jt_gradients_flat(const char *file, int line, const char *name, jt_flat_function *f,
                              const double *x, size_t n, void *ctx,
                              const jt_gradient_options *options);
JT_API bool jt_gradients_flat_f(const char *file, int line, const char *name, jt_flat_function_f *f,
                                const float *x, size_t n, void *ctx,
                                const jt_gradient_options *options);

// ---- Functions whose file was compiled once more ------------------------------------------------

typedef enum jt_form { JT_FORM_ARGS, JT_FORM_FLAT, JT_FORM_FLAT_F } jt_form;

// A function by its name, in a form that can be differentiated: by dual numbers and a tape
// (jimm-test/recompile.hpp), or by Enzyme (jimm-test/enzyme.h), which of one function may both be
// there. In all calls the floating arrays of the trees, constant ones too, are float64 whatever
// they were; a flat function's array is the only argument. Otherwise as in jt_kind.
typedef struct jt_recompiled {
  size_t size;
  const char *function, *file;
  jt_form form;
  const char *(*value)(const jt_args *args, void *ctx, double *value);
  // JT_DUAL
  const char *(*dual_jvp)(const jt_args *args, const jt_args *tangent, void *ctx,
                          double *derivative);
  // JT_TAPE
  const char *(*tape_vjp)(const jt_args *args, void *ctx, jt_args *gradient);
  const char *(*tape_hvp)(const jt_args *args, const jt_args *tangent, void *ctx, jt_args *product);
  // JT_ENZYME. `active`: with runtime activity
  const char *(*enzyme_jvp)(const jt_args *args, const jt_args *tangent, void *ctx, bool active,
                            double *derivative);
  const char *(*enzyme_vjp)(const jt_args *args, void *ctx, bool active, jt_args *gradient);
  const char *enzyme_missing;  // why both are NULL in a form for Enzyme
  struct jt_recompiled *next;  // the kit's
} jt_recompiled;
// Called before main. The struct is borrowed for good.
JT_API void jt_register_recompiled(jt_recompiled *function);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // JIMM_TEST_GRADIENT_H
