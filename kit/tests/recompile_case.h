// What the tests of recompile.hpp share: the functions that were registered, and one check that
// holds all of a function's derivatives against each other and against differences.
#ifndef RECOMPILE_CASE_H
#define RECOMPILE_CASE_H

#include <jimm-test/gradient.h>

enum { ELEMENTS_MAX = 512 };

// The registered function, for dual numbers and the tape; without it the test ends.
const jt_recompiled *recompiled(const char *name);
// The same for Enzyme.
const jt_recompiled *recompiled_by_enzyme(const char *name);

// ---- Functions and where they are differentiated (recompile_rows.c) ---

// A plain function at a point where it is smooth; its ctx is recompile_degrees.
typedef struct recompile_row {
  const char *name;
  jt_flat_function *plain;
  size_t n;
  double x[16];
} recompile_row;
extern const recompile_row recompile_rows[];
extern const size_t recompile_row_count;
extern int recompile_degrees[];

// What conv_net takes: 262 parameters and an image.
typedef struct conv_net_args {
  double image[25], first_w[36], first_b[4], second_w[216], second_b[6];
  int label;
  jt_arg first[2], second[2], items[4];
  jt_args args;
} conv_net_args;
void make_conv_net(conv_net_args *d);

// ---- Trees ---

// A tree for the gradient, as jt_kind says; to be given to free_gradient.
jt_args gradient_like(const jt_args *args);
void free_gradient(jt_args *gradient);
// Pointers to all elements of a tree that have a gradient, in order; returns how many.
size_t elements_of(const jt_args *args, double **pointers, size_t max);

// {"x", ...} as the tree of a flat function; valid until the next call.
jt_args flat_args(double *x, size_t n);

bool same_bits(double a, double b);
// Both NaN, or equal up to `rtol` of the larger.
bool agree(double a, double b, double rtol);

// The value of the recompiled function; failures are checked.
double recompiled_value(const jt_recompiled *f, const jt_args *args, void *ctx);

// Dual numbers beside the tape, both beside central differences of the value, and products with
// second derivatives beside differences of the gradient.
void check_derivatives(const char *name, jt_args args, void *ctx);

#endif
