// The functions of testkit_recompile*.c by form.
#ifndef TESTKIT_RECOMPILE_LIST_H
#define TESTKIT_RECOMPILE_LIST_H

#define LANGUAGE_FLAT(X) \
  X(ternaries)           \
  X(compound)            \
  X(steps)               \
  X(comparisons)         \
  X(casts)               \
  X(implicit_integers)   \
  X(truth)               \
  X(switches)            \
  X(structs)             \
  X(unions)              \
  X(heap)                \
  X(variable_arrays)     \
  X(tables)              \
  X(function_pointers)   \
  X(double_pointers)     \
  X(sorting)             \
  X(searching)           \
  X(initialisers)        \
  X(restricted)          \
  X(recursion)           \
  X(limits)              \
  X(static_scratch)      \
  X(gotos)               \
  X(keywords)            \
  X(compensated)         \
  X(pointer_walk)        \
  X(linked_list)         \
  X(enumerations)        \
  X(bit_patterns)        \
  X(out_parameters)      \
  X(classification)      \
  X(own_names)

#define NUMERIC_FLAT(X) \
  X(rosenbrock)         \
  X(log_determinant)    \
  X(newton_root)        \
  X(pendulum)           \
  X(log_sum_exp)        \
  X(fourier)            \
  X(polynomial)         \
  X(spline)             \
  X(gravity)            \
  X(beta_density)       \
  X(simpson)            \
  X(wide)               \
  X(endless)            \
  X(memory)             \
  X(larger_root)        \
  X(root_sum)           \
  X(memo)               \
  X(in_a_thread)        \
  X(meeting)            \
  X(runs_away)

// Enzyme does not compile these.
#define NOT_FOR_ENZYME_FLAT(X) X(printing)

#define NUMERIC_ARGS(X) X(conv_net) X(weighted) X(nothing_active)

#endif
