// calls.hpp: jt_recompiled's calls, made of a function that takes scalars.
//
// A tree of arguments is copied; its floating arrays become arrays of the scalar type. They keep
// the type JT_F64, and have a width of sizeof(scalar), so that jt_data gives the function what it
// expects. All else is passed as it is.
#ifndef JIMM_TEST_RECOMPILE_CALLS_HPP
#define JIMM_TEST_RECOMPILE_CALLS_HPP

#include <cstdlib>

#include <jimm-test/gradient.h>

#include "tape.hpp"

// A tape that would be larger is an error. Define it before including recompile.hpp for another
// limit; the reverse sweep needs a third more.
#ifndef JT_TAPE_BYTES
#define JT_TAPE_BYTES (std::size_t(4) << 30)
#endif

namespace jti_recompile {

using jti_scalar::tape_dual;
using jti_scalar::tape_scalar;

// An input of each type, `direction` being the tangent.
inline void set_input(double *x, double value, double) {
  *x = value;
}
inline void set_input(dual *x, double value, double direction) {
  *x = dual(dual::core::input(value, direction));
}
inline void set_input(tape_scalar *x, double value, double) {
  *x = tape_scalar(tape_scalar::core{value, tape<double>::current.input()});
}
inline void set_input(tape_dual *x, double value, double direction) {
  *x = tape_dual(
      tape_dual::core{dual(dual::core::input(value, direction)), tape<dual>::current.input()});
}

// A gradient's argument beside that of the arguments; NULL: it has none.
inline const jt_arg *beside(const jt_arg *of, std::size_t i) {
  return of && of->data && i < of->count ? static_cast<const jt_arg *>(of->data) + i : nullptr;
}

inline bool has_elements(const jt_arg *arg) {
  return arg && arg->data && arg->count > 0;
}

template <class S>
void free_arg(jt_arg *arg) {
  if (arg->type == JT_TREE) {
    jt_arg *items = static_cast<jt_arg *>(arg->data);
    for (std::size_t i = 0; items && i < arg->count; ++i) {
      free_arg<S>(&items[i]);
    }
  }
  if (arg->type != JT_OTHER) {
    std::free(arg->data);
  }
}

template <class S>
const char *copy_array(jt_arg *to, const jt_arg *from, const jt_arg *wanted,
                       const jt_arg *tangent) {
  if (from->width != sizeof(double)) {
    return "a floating argument is not float64";
  }
  if ((has_elements(wanted) && wanted->count != from->count) ||
      (has_elements(tangent) && tangent->count != from->count)) {
    return "a gradient has another size than its argument";
  }
  to->type = JT_F64;
  to->width = sizeof(S);
  to->data = from->data ? std::malloc((from->count + 1) * sizeof(S)) : nullptr;
  if (from->data && !to->data) {
    return "out of memory for the arguments";
  }
  const double *values = static_cast<const double *>(from->data);
  const double *directions =
      has_elements(tangent) ? static_cast<const double *>(tangent->data) : nullptr;
  S *elements = static_cast<S *>(to->data);
  for (std::size_t i = 0; values && i < from->count; ++i) {
    if (has_elements(wanted)) {
      set_input(&elements[i], values[i], directions ? directions[i] : 0);
    } else {
      elements[i] = S(values[i]);
    }
  }
  return nullptr;
}

// Whatever `to` holds after an error can be freed.
template <class S>
const char *copy_arg(jt_arg *to, const jt_arg *from, const jt_arg *wanted, const jt_arg *tangent) {
  *to = *from;
  if (from->type == JT_OTHER) {
    return nullptr;
  }
  to->data = nullptr;
  if (from->type != JT_TREE) {
    return copy_array<S>(to, from, wanted, tangent);
  }
  jt_arg *items = static_cast<jt_arg *>(std::calloc(from->count + 1, sizeof *items));
  if (!items) {
    return "out of memory for the arguments";
  }
  to->data = items;
  for (std::size_t i = 0; i < from->count; ++i) {
    items[i].type = JT_OTHER;  // nothing to free yet
  }
  for (std::size_t i = 0; i < from->count; ++i) {
    const jt_arg *item = static_cast<const jt_arg *>(from->data) + i;
    const char *why = copy_arg<S>(&items[i], item, beside(wanted, i), beside(tangent, i));
    if (why) {
      return why;
    }
  }
  return nullptr;
}

// The root of a tree as an argument of its own.
inline jt_arg root_of(const jt_args *args) {
  jt_arg root = {};
  root.type = JT_TREE;
  root.data = args ? args->items : nullptr;
  root.count = args ? args->count : 0;
  root.width = sizeof(jt_arg);
  return root;
}

// Calls the function with copied arguments; those of which `wanted` has elements are inputs.
template <class S, class F>
const char *call(const jt_args *args, const jt_args *wanted, const jt_args *tangent, void *ctx,
                 S *value) {
  jt_arg from = root_of(args);
  jt_arg wanted_root = root_of(wanted);
  jt_arg tangent_root = root_of(tangent);
  jt_arg to;
  const char *why = copy_arg<S>(&to, &from, &wanted_root, &tangent_root);
  if (!why) {
    jt_args copied = {static_cast<jt_arg *>(to.data), to.count};
    *value = S(F::call(&copied, ctx));
  }
  free_arg<S>(&to);
  return why;
}

// The adjoints in the order of the inputs, into the arrays that want them.
inline double adjoint_of(double adjoint) {
  return adjoint + 0.0;
}
inline double adjoint_of(const dual &adjoint) {
  return adjoint.c.d + 0.0;
}
template <class T>
void gather(const jt_arg *args, const jt_arg *wanted, const T **adjoint) {
  for (std::size_t i = 0; i < args->count; ++i) {
    const jt_arg *item = static_cast<const jt_arg *>(args->data) + i;
    const jt_arg *into = beside(wanted, i);
    if (item->type == JT_TREE && into) {
      gather(item, into, adjoint);
    } else if (item->type != JT_TREE && item->type != JT_OTHER && has_elements(into)) {
      for (std::size_t k = 0; k < into->count; ++k) {
        static_cast<double *>(into->data)[k] = adjoint_of(*(*adjoint)++);
      }
    }
  }
}

template <class T, class F>
const char *reverse(const jt_args *args, const jt_args *tangent, void *ctx, jt_args *result) {
  using S = jti_scalar::scalar<jti_scalar::tape_core<T>>;
  S y = S(0.0);
  tape<T>::begin(JT_TAPE_BYTES);
  const char *why = call<S, F>(args, result, tangent, ctx, &y);
  if (!why) {
    why = tape<T>::why();
  }
  if (!why) {
    T *adjoints = tape<T>::current.sweep(y.c.place);
    const T *next = adjoints + 1;
    if (adjoints) {
      jt_arg from = root_of(args);
      jt_arg into = root_of(result);
      gather(&from, &into, &next);
    } else {
      why = "out of memory for the reverse sweep";
    }
    std::free(adjoints);
  }
  tape<T>::end();
  return why;
}

// ---- The two forms of functions ---

template <class S, auto Function>
struct args_form {
  static S call(const jt_args *args, void *) {
    return S(Function(args));
  }
};

template <class S, auto Function>
struct flat_form {
  static S call(const jt_args *args, void *ctx) {
    return S(Function(static_cast<S *>(args->items[0].data), args->items[0].count, ctx));
  }
};

// ---- The calls ---

template <class F>
const char *value_call(const jt_args *args, void *ctx, double *value) {
  return call<double, F>(args, nullptr, nullptr, ctx, value);
}

template <class F>
const char *dual_call(const jt_args *args, const jt_args *tangent, void *ctx, double *derivative) {
  dual y = dual(0.0);
  const char *why = call<dual, F>(args, tangent, tangent, ctx, &y);
  *derivative = y.c.d + 0.0;
  return why;
}

template <class F>
const char *tape_call(const jt_args *args, void *ctx, jt_args *gradient) {
  return reverse<double, F>(args, nullptr, ctx, gradient);
}

template <class F>
const char *second_call(const jt_args *args, const jt_args *tangent, void *ctx, jt_args *product) {
  return reverse<dual, F>(args, tangent, ctx, product);
}

// Registers a function before main.
struct entry {
  jt_recompiled record;

  entry(const char *function, const char *file, jt_form form, decltype(jt_recompiled::value) value,
        decltype(jt_recompiled::dual_jvp) dual_jvp, decltype(jt_recompiled::tape_vjp) tape_vjp,
        decltype(jt_recompiled::tape_hvp) tape_hvp)
      : record() {
    record.size = sizeof record;
    record.function = function;
    record.file = file;
    record.form = form;
    record.value = value;
    record.dual_jvp = dual_jvp;
    record.tape_vjp = tape_vjp;
    record.tape_hvp = tape_hvp;
    jt_register_recompiled(&record);
  }
};

}  // namespace jti_recompile

#endif  // JIMM_TEST_RECOMPILE_CALLS_HPP
