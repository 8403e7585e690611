// gradient.h: what the files of the gradient checks share. The walk of one check through them:
//
//   gradient_args.c      trees of arguments, their leaves
//   gradient_tree.c      copies of such trees, vectors of what gets a gradient
//   gradient_options.c   options and their defaults
//   gradient_problem.c   the forms of a function, and what is close enough
//   gradient_check.c     which backends there are, the order of things
//   gradient_direction.c random directions
//   gradient_child.c     a piece of work in a process of its own, with a result in shared memory
//   gradient_truth.c     values and their differences: central, Ridders', one-sided
//   gradient_backend.c   gradients and directional derivatives of each backend
//   gradient_judge.c     got beside want: right, wrong, or not to be told
//   gradient_more.c      second derivatives, special values, forward beside reverse
//   gradient_outcome.c   what a check counts as, and its record
#ifndef JIMM_TEST_GRADIENT_INTERNAL_H
#define JIMM_TEST_GRADIENT_INTERNAL_H

#include "internal.h"

#include "jimm-test/gradient.h"

// ---- gradient_args.c ----------------------------------------------------------------------------

// An array of the arguments, in the order of the tree.
typedef struct jti_leaf {
  const jt_arg *arg;
  char *path;        // "layer.w"
  bool has_tangent;  // floating and not constant
  size_t offset;     // of its first element in the vector of inputs
} jti_leaf;

typedef struct jti_leaves {
  jti_leaf *items;
  size_t count, capacity;
  size_t inputs;   // elements with a tangent, of all leaves
  bool has_float;  // one of them has type JT_F32
} jti_leaves;

// Reads the tree. False, with what is wrong in *problem (owned by the caller), when it is not one.
bool jti_leaves_read(const jt_args *args, jti_leaves *leaves, char **problem);
void jti_leaves_free(jti_leaves *leaves);
// "layer.w[2, 0]" for an input's index.
char *jti_leaves_name(const jti_leaves *leaves, size_t input);

// ---- gradient_tree.c ----------------------------------------------------------------------------

// What the leaves of a copied tree are.
typedef enum jti_tree_type {
  JTI_TREE_SAME,        // as the arguments
  JTI_TREE_F64,         // floating leaves in float64, constant ones too
  JTI_TREE_TANGENT,     // leaves with a tangent, zero; the others empty
  JTI_TREE_TANGENT_F64  // the same in float64
} jti_tree_type;

// A tree like the arguments with arrays of its own.
typedef struct jti_tree {
  jt_args args;
  jt_arg **leaves;  // in the order of jti_leaves
  size_t leaf_count;
  void **owned;
  size_t owned_count;
} jti_tree;

jti_tree *jti_tree_make(const jt_args *args, const jti_leaves *leaves, jti_tree_type type);
void jti_tree_free(jti_tree *tree);
// The vector of inputs into the tree's leaves with a tangent, and back. float32 leaves round.
void jti_tree_put(jti_tree *tree, const jti_leaves *leaves, const double *x);
void jti_tree_get(const jti_tree *tree, const jti_leaves *leaves, double *x);
void jti_tree_clear(jti_tree *tree, const jti_leaves *leaves);
// The first leaf beside whose array, up to 64 bytes away, something was written; NULL: none.
const jti_leaf *jti_tree_overrun(const jti_tree *tree, const jti_leaves *leaves);
bool jti_same_bits(double a, double b);
// The first leaf that is no longer what it was: the inputs `x`, and elsewhere what `before` has.
// NULL when there is none.
const jti_leaf *jti_tree_change(const jti_tree *tree, const jti_tree *before,
                                const jti_leaves *leaves, const double *x, size_t *element);
// The first leaf whose elements, bit for bit, are not those of the other; NULL when there is none.
const jti_leaf *jti_tree_difference(const jti_tree *a, const jti_tree *b, const jti_leaves *leaves,
                                    size_t *element);

// ---- gradient_problem.c -------------------------------------------------------------------------

typedef struct jti_gradient_problem {
  const char *file;
  int line;
  const char *name;  // of the function, as it was written
  jt_form form;
  jt_function f;
  jt_flat_function *flat;
  jt_flat_function_f *flat_f;
  void *ctx;
  const jt_recompiled *recompiled;  // for dual and tape; NULL: there is none
  const jt_recompiled *enzyme;      // for Enzyme
  jt_args args;                     // of a flat function: its array
  jti_leaves leaves;
  jt_gradient_options options;  // with the defaults in place
  const double *x;              // the inputs
  double value;                 // f(x)
  bool truth_is_float;          // the truth's values are float32's
} jti_gradient_problem;

// Sets `recompiled` and `enzyme` to what is registered under the function's name.
void jti_find_recompiled(jti_gradient_problem *p);
// The truth is what the recompiled function says: a float32 function in float64.
bool jti_truth_is_recompiled(const jti_gradient_problem *p);
double jti_gradient_tolerance(const jti_gradient_problem *p, double want);

// ---- gradient_options.c -------------------------------------------------------------------------

// The given ones with the defaults in place, once the leaves are read.
void jti_gradient_set_options(jti_gradient_problem *p, const jt_gradient_options *given);
bool jti_gradient_check_options(const jti_gradient_problem *p);  // concludes when they are wrong

// ---- gradient_outcome.c -------------------------------------------------------------------------

// Ordered: the worst of all inputs counts.
typedef enum jti_verdict {
  JTI_RIGHT,
  JTI_UNTOLD,  // there is no derivative to compare with
  JTI_WRONG
} jti_verdict;

// How a comparison ended. The texts are owned; NULL when it is right.
typedef struct jti_judgement {
  jti_verdict verdict;
  char *got, *want;  // of the worst
  char *message;
  char *problem;  // why it could not be judged; NULL: it could
} jti_judgement;
void jti_judgement_free(jti_judgement *judgement);

unsigned jti_backend_bit(unsigned backend);  // of the options: what stands for the backend
// One check of the problem is done: "loss: tape". `outcome` is JTI_PASS, JTI_FAIL or JTI_ERROR;
// broken_backends and soft_fail make of it what it counts as. The texts are copied. Yields whether
// it is no failure.
bool jti_gradient_conclude(const jti_gradient_problem *p, unsigned backend, const char *what,
                           jti_outcome outcome, const jti_judgement *judgement,
                           const char *problem);

// The check itself is wrong: an error. Yields false.
bool jti_gradient_refuse(const jti_gradient_problem *p, const char *format, ...) JT_PRINTF(2, 3);
// The backend's check, or (backend 0) all of it, cannot be made.
void jti_gradient_skip(const jti_gradient_problem *p, unsigned backend, const char *reason);
typedef struct jti_shared jti_shared;
// jti_gradient_run as a check. False: the work was not done, which has been concluded,
// and *good is what that yielded.
bool jti_gradient_do(const jti_gradient_problem *p, unsigned backend, const char *what,
                     void (*work)(void *ctx, jti_shared *shared), void *ctx, jti_shared *shared,
                     bool *good);

// ---- gradient_direction.c -----------------------------------------------------------------------

size_t jti_count_tangents(const jti_leaves *leaves);  // leaves that have one
// A random direction of length 1; the same for the same seed and number. Numbers in turn are along
// each argument and along all; from JTI_ALL_TOGETHER on, along all.
#define JTI_ALL_TOGETHER (UINT64_C(1) << 32)
void jti_gradient_direction(const jti_gradient_problem *p, uint64_t number, double *direction);

// ---- gradient_more.c ----------------------------------------------------------------------------

// Products with the second derivative beside differences of gradients, and their symmetry.
bool jti_gradient_second_order(const jti_gradient_problem *p, unsigned backends);
// Backends beside each other where inputs are 0, -0, denormal, infinite or NaN.
bool jti_gradient_special_values(const jti_gradient_problem *p, unsigned backends);
// forward . direction is reverse . direction.
bool jti_gradient_dot(const jti_gradient_problem *p);

// ---- gradient_child.c ---------------------------------------------------------------------------

enum { JTI_MESSAGE_BYTES = 1000 };

// What a piece of work gives back, in memory that parent and child share.
struct jti_shared {
  char message[JTI_MESSAGE_BYTES];  // why it could not do what it was for; "": it could
  double value;
  unsigned long long checks;
  size_t count;
  double data[];
};

jti_shared *jti_shared_make(size_t count);
void jti_shared_free(jti_shared *shared);
void jti_shared_say(jti_shared *shared, const char *format, ...) JT_PRINTF(2, 3);

// Does work(ctx, shared) in a child process, or in this one if the options say so. NULL, or how it
// ended otherwise: "crashed with SIGSEGV (signal 11)"; owned by the caller.
char *jti_gradient_run(const jti_gradient_problem *p, void (*work)(void *ctx, jti_shared *shared),
                       void *ctx, jti_shared *shared);
// ---- gradient_truth.c ---------------------------------------------------------------------------

// Evaluates the function. One thread.
typedef struct jti_evaluator {
  const jti_gradient_problem *p;
  bool recompiled;  // by its recompiled form, in float64
  jti_tree *tree, *before;
  double *point;
  char *problem;  // the first thing that went wrong; owned
} jti_evaluator;

void jti_evaluator_open(jti_evaluator *e, const jti_gradient_problem *p, bool recompiled);
void jti_evaluator_close(jti_evaluator *e);
// The value at `x`; NaN, and e->problem says why, when the function could not be evaluated, or
// wrote into its arguments.
double jti_evaluate(jti_evaluator *e, const double *x);

// Central difference along `direction` (of all inputs), or of one input when it is NULL.
double jti_central(jti_evaluator *e, const double *direction, size_t input);

typedef struct jti_slope {
  double central;       // as above
  double value, error;  // Ridders' extrapolation and what it thinks of itself
  double left, right;   // one-sided
  double close_left, close_right, close_error;  // the same with the least step, and their rounding
  bool kink;
} jti_slope;
jti_slope jti_slope_of(jti_evaluator *e, const double *direction, size_t input);

// ---- gradient_backend.c -------------------------------------------------------------------------

// Enzyme's reverse mode is a backend of its own here.
enum { JTI_ENZYME_REVERSE = 128 };
const char *jti_backend_name(unsigned backend);
// NULL: the function has that backend; "": it is nothing of its kind; else why it cannot be used.
const char *jti_backend_missing(const jti_gradient_problem *p, unsigned backend);
// All derivatives into `gradient`. NULL, or why not; owned by the caller.
char *jti_backend_gradient(const jti_gradient_problem *p, unsigned backend, const double *x,
                           double *gradient);
// Derivatives along `count` directions, one after another.
char *jti_backend_along(const jti_gradient_problem *p, unsigned backend, const double *x,
                        const double *directions, size_t count, double *derivatives);
// Whether jti_backend_along is cheaper than a whole gradient.
bool jti_backend_is_forward(unsigned backend);
// Its product with the second derivative; a reason when it has none.
char *jti_backend_product(const jti_gradient_problem *p, unsigned backend, const double *x,
                          const double *direction, double *product);

// ---- gradient_judge.c ---------------------------------------------------------------------------

// Compares a backend's gradient with the truth, both of all inputs. Where they differ and the truth
// are finite differences, the function is looked at more closely.
jti_judgement jti_judge_gradient(const jti_gradient_problem *p, const double *got,
                                 const double *want);
// Compares derivatives along directions; where they differ, looks for one input that is wrong.
jti_judgement jti_judge_along(const jti_gradient_problem *p, unsigned backend,
                              const double *directions, size_t count, const double *got,
                              const double *want);

#endif  // JIMM_TEST_GRADIENT_INTERNAL_H
