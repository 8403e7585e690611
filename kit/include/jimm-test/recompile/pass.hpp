// pass.hpp: includes the C source once, in the namespace at this place, where `jt_double` is the
// type that stands for double and float. Not for inclusion by anything but recompile.hpp.
//
// The C code's own headers have to be read again in each pass, and their include guards forgotten
// (JT_GUARDS). They must also not see that this is C++, or their `extern "C"` would make functions
// of different passes one. C++'s keywords may be C identifiers; the standard headers have been
// read.
#pragma push_macro("__cplusplus")
#undef __cplusplus
#define JTI_PRAGMA(...) _Pragma(#__VA_ARGS__)
#define JTI_PUSH(guard) JTI_PRAGMA(push_macro(#guard))
#define JTI_POP(guard) JTI_PRAGMA(pop_macro(#guard))
JT_GUARDS(JTI_PUSH)

#define double jt_double
#define float jt_double
#define restrict __restrict__
#define volatile
#define register
#define typeof __typeof__
#define _Bool bool
#define _Alignas alignas
#define _Alignof alignof
#define _Noreturn __attribute__((__noreturn__))
#define _Static_assert static_assert
#define _Thread_local thread_local
#define catch jt_c_catch
#define class jt_c_class
#define delete jt_c_delete
#define explicit jt_c_explicit
#define export jt_c_export
#define friend jt_c_friend
#define mutable jt_c_mutable
#define namespace jt_c_namespace
#define new jt_c_new
#define operator jt_c_operator
#define private jt_c_private
#define protected jt_c_protected
#define public jt_c_public
#define template jt_c_template
#define this jt_c_this
#define throw jt_c_throw
#define try jt_c_try
#define typename jt_c_typename
#define using jt_c_using
#define virtual jt_c_virtual

#include JT_SOURCE
#ifdef JT_SOURCE_2
#include JT_SOURCE_2
#endif
#ifdef JT_SOURCE_3
#include JT_SOURCE_3
#endif
#ifdef JT_SOURCE_4
#include JT_SOURCE_4
#endif

#undef double
#undef float
#undef restrict
#undef volatile
#undef register
#undef typeof
#undef _Bool
#undef _Alignas
#undef _Alignof
#undef _Noreturn
#undef _Static_assert
#undef _Thread_local
#undef catch
#undef class
#undef delete
#undef explicit
#undef export
#undef friend
#undef mutable
#undef namespace
#undef new
#undef operator
#undef private
#undef protected
#undef public
#undef template
#undef this
#undef throw
#undef try
#undef typename
#undef using
#undef virtual
#undef static_assert  // C's <assert.h> defines it

JT_GUARDS(JTI_POP)
#undef JTI_PUSH
#undef JTI_POP
#undef JTI_PRAGMA
#pragma pop_macro("__cplusplus")
