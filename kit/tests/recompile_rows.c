// Functions of testkit_recompile*.c and where they are differentiated.
#include <math.h>

#include "recompile_case.h"
#include "testkit_recompile.h"

int recompile_degrees[] = {0, 2, 3, 1, 4};

#define ROW(name, ...)                                               \
  {                                                                  \
#name, name, sizeof((double[]){__VA_ARGS__}) / sizeof(double), { \
      __VA_ARGS__                                                    \
    }                                                                \
  }
const recompile_row recompile_rows[] = {
    ROW(ternaries, 1.3, 0.7, 0.4),
    ROW(ternaries, -0.6, -1.2, 2.5),
    ROW(compound, 1.34, 0.7, 2.2),
    ROW(steps, 1.5, -0.7),
    ROW(comparisons, 1.7, 0.9),
    ROW(comparisons, -0.5, 2),
    ROW(comparisons, 3.5, 1.1),
    ROW(casts, 2.7, -3.4, 5.6),
    ROW(implicit_integers, 1.3, 2.6, 3.7),
    ROW(implicit_integers, -1.3, 0.6, -2.2),
    ROW(truth, 0.4, 0.3, 0.2),
    ROW(truth, 0.4, -0.7, 0.01),
    ROW(switches, -0.5, 0.5, 1.5, 2.5, -3.5),
    ROW(structs, 0.4, -1.2, 2.3, 0.9),
    ROW(unions, 0.4, -1.2),
    ROW(heap, 0.4, -1.2, 2.3, 0.9),
    ROW(variable_arrays, 0.4, -1.2, 2.3, 0.9),
    ROW(tables, 0.4, -1.2, 2.3),
    ROW(function_pointers, 0.3, -0.4, 0.8, 0.5),
    ROW(double_pointers, 0.4, -1.2, 2.3, 0.9),
    ROW(sorting, 2.4, -1.2, 7.5, 0.9, -3, 1.6),
    ROW(searching, 2.4, -1.2, 7.5, 0.9, -3),
    ROW(initialisers, 0.7, 1.3),
    ROW(restricted, 0.4, -1.2, 2.3, 0.9, 3),
    ROW(recursion, 1.4, 2.2, 0.3, 0.9, 3),
    ROW(printing, 1.23412, 0.5),
    ROW(limits, 1.5, -0.4, 2.2),
    ROW(limits, -1.5, 0.4, -2.2),
    ROW(static_scratch, 1.5, -0.4, 2.2, 0.8),
    ROW(gotos, 1.5, -0.4, 2.2),
    ROW(keywords, 1.5, -0.4),
    ROW(compensated, 1.5, -0.4, 1e3, 1e-3, 7),
    ROW(pointer_walk, 1.5, -0.4, 0.3, 2),
    ROW(linked_list, 1.5, -0.4, 0.3, 2),
    ROW(enumerations, 0.7, 1.3),
    ROW(enumerations, -0.7, 1.3),
    ROW(bit_patterns, 3.7, 1.2),
    ROW(out_parameters, 1.3, 2.1),
    ROW(classification, 1.7, -9.3),
    ROW(classification, 0.3, 5.2),
    ROW(own_names, 1.3, 0.8),
    ROW(rosenbrock, 1.1, -0.6, 0.3, 0.8, 1.4, 0.2),
    ROW(log_determinant, 0.3, 1.2, -0.7, 2, -1.1, 0.4, 0.9, 0.1, 1.7, -0.8, 0.5, 1, 0.2, 0.6, -2,
        1),
    ROW(newton_root, 1.5, 2.5),
    ROW(pendulum, 0.5, 1, 0.2),
    ROW(log_sum_exp, 0.4, -1.2, 2.3, 0.9, 3),
    ROW(fourier, 1.1, -0.6, 0.3, 0.8, 1.4, 0.2, -1, 0.5),
    ROW(polynomial, 0.7, 1.2, -0.6, 2, 1.1),
    ROW(spline, 1.3, 0.2, 1, -0.5, 2, 0.7, -1, 0.4),
    ROW(gravity, 0, 0.1, 1, 0.2, -0.7, 0.9),
    ROW(beta_density, 2.5, 1.5, 0.3),
    ROW(simpson, 0.7, 3, 0.5, 1.8),
    ROW(memo, 1.7),
};
const size_t recompile_row_count = sizeof recompile_rows / sizeof recompile_rows[0];

void make_conv_net(conv_net_args *d) {
  double *all[] = {d->image, d->first_w, d->first_b, d->second_w, d->second_b};
  size_t counts[] = {25, 36, 4, 216, 6};
  for (size_t k = 0; k < 5; ++k) {
    for (size_t i = 0; i < counts[k]; ++i) {
      all[k][i] = sin(1.7 * (double)i + (double)k) * 0.6;
    }
  }
  d->label = 2;
  d->first[0] = JT_DOUBLES("w", d->first_w, 36);
  d->first[1] = JT_DOUBLES("b", d->first_b, 4);
  d->second[0] = JT_DOUBLES("w", d->second_w, 216);
  d->second[1] = JT_DOUBLES("b", d->second_b, 6);
  d->items[0] = JT_CONSTANT(JT_DOUBLES("image", d->image, 25));
  d->items[1] = (jt_arg){.name = "first", .data = d->first, .count = 2, .width = sizeof(jt_arg)};
  d->items[2] = (jt_arg){.name = "second", .data = d->second, .count = 2, .width = sizeof(jt_arg)};
  d->items[3] = JT_OTHERS("label", &d->label, 1);
  d->args = (jt_args){d->items, 4};
}
