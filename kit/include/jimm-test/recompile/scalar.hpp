// scalar.hpp: a class that C code takes for `double` when it is compiled as C++.
//
// scalar<C> is a value together with what the core C keeps beside it: a tangent (dual.hpp) or a
// place on a tape (tape.hpp). It is trivial, as C's memcpy, memset, malloc, unions and goto demand;
// all bytes zero are the constant 0.
//
// A core has `value_type` (double, or a scalar again), a member `v` of that type, and
//   static C constant(value_type v);
//   bool active() const;                       // whether derivatives have to be followed
//   static C chain(value_type y, const C &a, value_type da);
//   static C chain(value_type y, const C &a, value_type da, const C &b, value_type db);
//   static C sum(const C &a, const C &b);      // a + b
//   static C difference(const C &a, const C &b);
// where chain makes the number y whose derivative by a is da (and by b, db).
//
// Conversions. Arithmetic types become scalars implicitly. The other way, casts such as (int)x are
// explicit conversions. `int k = x;` must work, too, but a conversion to int that is as good as the
// one from int would make `x > 0 ? x : 0` ambiguous. So it goes by way of a pointer: g++ calls the
// step from a pointer to an integer a bad one, prefers any other, and allows it if -fpermissive is
// given. The pointer holds the integer; it is never followed.
#ifndef JIMM_TEST_RECOMPILE_SCALAR_HPP
#define JIMM_TEST_RECOMPILE_SCALAR_HPP

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

// Types only: a call in the C code looks for functions in the namespace of its arguments' types,
// and must find its own.
namespace jti_scalar {

// What a scalar is on its way to an integer, or to a bool.
struct carrier {
  int member;
};

template <class A>
using if_number =
    typename std::enable_if<std::is_arithmetic<A>::value || std::is_enum<A>::value, int>::type;

template <class C>
struct scalar {
  using core = C;
  using value_type = typename C::value_type;
  C c;

  scalar() = default;
  constexpr explicit scalar(const C &from) : c(from) {}
  template <class A, if_number<A> = 0>
  constexpr scalar(A from) : c(C::constant(value_type(static_cast<double>(from)))) {}

  // The value as float64.
  double plain() const {
    if constexpr (std::is_same<value_type, double>::value) {
      return c.v;
    } else {
      return c.v.plain();
    }
  }

  template <class A, if_number<A> = 0>
  explicit operator A() const {
    return static_cast<A>(plain());
  }
  // Of the two, bool takes the one that is less qualified.
  operator int carrier::*() const {
    return plain() != 0 ? &carrier::member : nullptr;
  }
  operator carrier *() const volatile {
    double x = const_cast<const scalar &>(*this).plain();
    return reinterpret_cast<carrier *>(
        x < 0 ? static_cast<std::uintptr_t>(static_cast<std::intptr_t>(x))
              : static_cast<std::uintptr_t>(x));
  }

  friend scalar operator+(scalar a) {
    return a;
  }
  friend scalar operator-(scalar a) {
    value_type y = -a.c.v;
    return scalar(a.c.active() ? C::chain(y, a.c, value_type(-1.0)) : C::constant(y));
  }
  friend scalar operator+(scalar a, scalar b) {
    return scalar(C::sum(a.c, b.c));
  }
  friend scalar operator-(scalar a, scalar b) {
    return scalar(C::difference(a.c, b.c));
  }
  friend scalar operator*(scalar a, scalar b) {
    return scalar(C::chain(a.c.v * b.c.v, a.c, b.c.v, b.c, a.c.v));
  }
  friend scalar operator/(scalar a, scalar b) {
    value_type y = a.c.v / b.c.v;
    if (!a.c.active() && !b.c.active()) {
      return scalar(C::constant(y));
    }
    return scalar(C::chain(y, a.c, 1.0 / b.c.v, b.c, -y / b.c.v));
  }

  // Beside a scalar, every arithmetic type counts as double; `int += scalar` is computed in double
  // and converted back, as in C.
#define JTI_ARITHMETIC(op)                                   \
  template <class A, if_number<A> = 0>                       \
  friend scalar operator op(scalar a, A b) {                 \
    return a op scalar(b);                                   \
  }                                                          \
  template <class A, if_number<A> = 0>                       \
  friend scalar operator op(A a, scalar b) {                 \
    return scalar(a) op b;                                   \
  }                                                          \
  friend scalar &operator op##=(scalar &a, scalar b) {       \
    a = a op b;                                              \
    return a;                                                \
  }                                                          \
  template <class A, if_number<A> = 0>                       \
  friend scalar &operator op##=(scalar &a, A b) {            \
    a = a op scalar(b);                                      \
    return a;                                                \
  }                                                          \
  template <class A, if_number<A> = 0>                       \
  friend A &operator op##=(A &a, scalar b) {                 \
    a = static_cast<A>(static_cast<double>(a) op b.plain()); \
    return a;                                                \
  }
  JTI_ARITHMETIC(+)
  JTI_ARITHMETIC(-)
  JTI_ARITHMETIC(*)
  JTI_ARITHMETIC(/)
#undef JTI_ARITHMETIC

  // An int, as in C: a bool would make `x > 0 ? y : z > 0` ambiguous.
#define JTI_COMPARISON(op)                      \
  friend int operator op(scalar a, scalar b) {  \
    return a.plain() op b.plain();              \
  }                                             \
  template <class A, if_number<A> = 0>          \
  friend int operator op(scalar a, A b) {       \
    return a.plain() op static_cast<double>(b); \
  }                                             \
  template <class A, if_number<A> = 0>          \
  friend int operator op(A a, scalar b) {       \
    return static_cast<double>(a) op b.plain(); \
  }
  JTI_COMPARISON(==)
  JTI_COMPARISON(!=)
  JTI_COMPARISON(<)
  JTI_COMPARISON(<=)
  JTI_COMPARISON(>)
  JTI_COMPARISON(>=)
#undef JTI_COMPARISON

  friend scalar &operator++(scalar &a) {
    a = a + 1.0;
    return a;
  }
  friend scalar &operator--(scalar &a) {
    a = a - 1.0;
    return a;
  }
  friend scalar operator++(scalar &a, int) {
    scalar before = a;
    a = a + 1.0;
    return before;
  }
  friend scalar operator--(scalar &a, int) {
    scalar before = a;
    a = a - 1.0;
    return before;
  }
};

}  // namespace jti_scalar

#endif  // JIMM_TEST_RECOMPILE_SCALAR_HPP
