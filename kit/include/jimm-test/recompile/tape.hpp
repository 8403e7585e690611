// tape.hpp: reverse mode. A value and its place on a tape of what was computed.
//
// An operation on active numbers appends a node of at most two parents, with the derivatives by
// them. Operations that change no derivative (x + 1, fmax) append nothing, and neither do those on
// constants. The handle's place counts on from one tape to the next, so that what C code keeps in
// static variables between calls is a constant in the next call and not a wrong place.
//
// Nothing here throws or needs C++'s library: where there is no memory, recording stops and the
// tape says why.
#ifndef JIMM_TEST_RECOMPILE_TAPE_HPP
#define JIMM_TEST_RECOMPILE_TAPE_HPP

#include <cstdlib>

#include "dual.hpp"

namespace jti_recompile {

using jti_scalar::dual;

// Adjoints begin as -0, which says that nothing has been added; what is added is never -0.
inline bool untouched(double adjoint) {
  return bits(adjoint) == bits(-0.0);
}
inline bool untouched(const dual &adjoint) {
  return untouched(adjoint.c.v);
}
inline void add(double &adjoint, double term) {
  adjoint += term + 0.0;
}
inline void add(dual &adjoint, const dual &term) {
  adjoint.c = {adjoint.c.v + (term.c.v + 0.0), tangent_sum(adjoint.c.d, term.c.d)};
}

// T: double, or dual for second derivatives.
template <class T>
struct tape {
  struct node {
    T slope[2];
    std::uint32_t parent[2];  // 0: none; 1...leaves: an input; above: leaves + 1 + index
  };
  node *nodes;
  std::size_t size, capacity, leaves;
  std::size_t limit;   // bytes
  std::uint64_t base;  // the place of the first input is base + 1
  bool recording;
  const char *failure;

  static thread_local tape current;
  static bool lost;  // a thread without a tape met an active number

  static void begin(std::size_t limit) {
    std::uint64_t base = current.base;
    current = tape();
    current.base = base;
    current.limit = limit;
    current.recording = true;
    __atomic_store_n(&lost, false, __ATOMIC_RELAXED);
  }
  static void end() {
    std::free(current.nodes);
    std::uint64_t base = current.base + current.leaves + current.size;
    current = tape();
    current.base = base;
  }
  static const char *why() {
    return __atomic_load_n(&lost, __ATOMIC_RELAXED) ? "another thread computed with active numbers"
                                                    : current.failure;
  }

  bool grow() {
    if (!recording) {
      __atomic_store_n(&lost, true, __ATOMIC_RELAXED);
      return false;
    }
    std::size_t most = limit / sizeof(node);
    most = most < UINT32_MAX - leaves ? most : UINT32_MAX - leaves;
    std::size_t more = capacity ? 2 * capacity : 1024;
    more = more < most ? more : most;
    if (failure || more <= capacity) {
      failure = failure ? failure : "the tape would become larger than JT_TAPE_BYTES";
      return false;
    }
    void *grown = std::realloc(nodes, more * sizeof(node));
    if (!grown) {
      failure = "out of memory for the tape";
      return false;
    }
    nodes = static_cast<node *>(grown);
    capacity = more;
    return true;
  }

  // The place relative to this tape; 0 for a constant.
  std::uint32_t parent_of(std::uint64_t place) const {
    return place > base ? static_cast<std::uint32_t>(place - base) : 0;
  }

  std::uint64_t record(std::uint32_t a, const T &da, std::uint32_t b, const T &db) {
    if (size == capacity && !grow()) {
      return 0;
    }
    nodes[size++] = {{da, db}, {a, b}};
    return base + leaves + size;
  }

  std::uint64_t input() {
    return base + ++leaves;
  }

  // The adjoints of the inputs are adjoints[1...leaves]; to be freed. NULL: no memory.
  T *sweep(std::uint64_t output) const {
    std::size_t count = leaves + size + 1;
    T *adjoints = static_cast<T *>(std::malloc(count * sizeof(T)));
    if (!adjoints) {
      return nullptr;
    }
    for (std::size_t i = 0; i < count; ++i) {
      adjoints[i] = T(-0.0);
    }
    std::size_t last = parent_of(output);
    add(adjoints[last], T(last ? 1.0 : 0.0));
    for (std::size_t i = last; i > leaves; --i) {
      T adjoint = adjoints[i];
      if (!untouched(adjoint)) {
        const node &n = nodes[i - leaves - 1];
        add(adjoints[n.parent[0]], n.slope[0] * adjoint);
        add(adjoints[n.parent[1]], n.slope[1] * adjoint);
      }
    }
    return adjoints;
  }
};

template <class T>
thread_local tape<T> tape<T>::current = {};
template <class T>
bool tape<T>::lost = false;

}  // namespace jti_recompile

namespace jti_scalar {

template <class T>
struct tape_core {
  using value_type = T;
  T v;
  std::uint64_t place;

  static constexpr tape_core constant(T v) {
    return {v, 0};
  }
  bool active() const {
    return place > jti_recompile::tape<T>::current.base;
  }
  static tape_core chain(T y, const tape_core &a, T da) {
    jti_recompile::tape<T> &t = jti_recompile::tape<T>::current;
    return {y, t.record(t.parent_of(a.place), da, 0, T(0.0))};
  }
  static tape_core chain(T y, const tape_core &a, T da, const tape_core &b, T db) {
    jti_recompile::tape<T> &t = jti_recompile::tape<T>::current;
    std::uint32_t pa = t.parent_of(a.place);
    std::uint32_t pb = t.parent_of(b.place);
    return {y, pa | pb ? t.record(pa, da, pb, db) : 0};
  }
  static tape_core sum(const tape_core &a, const tape_core &b) {
    T y = a.v + b.v;
    return !b.active()   ? tape_core{y, a.place}
           : !a.active() ? tape_core{y, b.place}
                         : chain(y, a, T(1.0), b, T(1.0));
  }
  static tape_core difference(const tape_core &a, const tape_core &b) {
    T y = a.v - b.v;
    return !b.active() ? tape_core{y, a.place} : chain(y, a, T(1.0), b, T(-1.0));
  }
};

using tape_scalar = scalar<tape_core<double>>;
using tape_dual = scalar<tape_core<dual>>;

}  // namespace jti_scalar

#endif  // JIMM_TEST_RECOMPILE_TAPE_HPP
