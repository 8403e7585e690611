// enzyme.h: differentiates unmodified C code with Enzyme, the compiler plugin
// (https://enzyme.mit.edu), by compiling it once more.
//
//   // net_enzyme.c: the functions `loss`, `rosenbrock` and `energy` of net.c
//   #define JT_SOURCE "net.c"
//   #define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) ARGS(loss) FLAT(rosenbrock) FLAT_F(energy)
//   #include <jimm-test/enzyme.h>
//
//   jimm-enzyme-cc -I. -c net_enzyme.c -o net_enzyme.o
//
// Link the object into the test program: TEST_GRADIENTS (jimm-test/gradient.h) finds the functions
// by their names, static ones too, for the backend JT_ENZYME. One such file for each C file; it
// must be the only thing in it. JT_FUNCTIONS and JT_SOURCE_2 to JT_SOURCE_4 are as in recompile.hpp
// (but without JT_GUARDS: the file is compiled once), so that both can be made of one list.
//
// jimm-enzyme-cc calls the clang that fits the plugin. Where there is none, or it does not work, it
// compiles the file without the functions: each check by this backend is then a skip with the
// reason. So does every other compiler that this file is given to.
//
// The functions are compiled with `float` meaning `double`, so that the derivatives of float32
// functions can be held against float64 truth. Headers of the system that are not in
// recompile/headers.h have to be included before this one, and those of libraries whose functions
// are called. docs/enzyme.md says what Enzyme takes, and its pitfalls.
#ifndef JIMM_TEST_ENZYME_H
#define JIMM_TEST_ENZYME_H
#ifndef JT_SOURCE
#error "define JT_SOURCE, the C file, before enzyme.h is included"
#endif
#ifndef JT_FUNCTIONS
#error "define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) before enzyme.h is included"
#endif

#ifdef JTI_ENZYME_LIST  // jimm-enzyme-cc asks for the functions
#define JTI_ENZYME_NAME(name) jti_enzyme_function name;
JT_FUNCTIONS(JTI_ENZYME_NAME, JTI_ENZYME_NAME, JTI_ENZYME_NAME)
#else

#include <jimm-test/gradient.h>

#ifdef ENZYME_VERSION_MAJOR  // defined by the plugin

#include "recompile/headers.h"

#include "enzyme/calls.h"

#include "enzyme/source.h"
JT_FUNCTIONS(JTI_ENZYME_CALLS_ARGS, JTI_ENZYME_CALLS_FLAT, JTI_ENZYME_CALLS_FLAT)

#define JTI_ENZYME_RECORD(name, which)                                                       \
  {                                                                                          \
    .function = #name, .file = JT_SOURCE, .form = (which), .value = jti_enzyme_value_##name, \
    .enzyme_jvp = jti_enzyme_jvp_##name, .enzyme_vjp = jti_enzyme_vjp_##name                 \
  }

#else

#ifndef JT_ENZYME_MISSING
#define JT_ENZYME_MISSING "compiled without Enzyme's plugin"
#endif
#define JTI_ENZYME_RECORD(name, which) \
  { .function = #name, .file = JT_SOURCE, .form = (which), .enzyme_missing = JT_ENZYME_MISSING }

#endif

#define JTI_ENZYME_ENTRY(name, which)                                             \
  __attribute__((__constructor__)) static void jti_enzyme_register_##name(void) { \
    static jt_recompiled record = JTI_ENZYME_RECORD(name, which);                 \
    record.size = sizeof record;                                                  \
    jt_register_recompiled(&record);                                              \
  }
#define JTI_ENZYME_ARGS(name) JTI_ENZYME_ENTRY(name, JT_FORM_ARGS)
#define JTI_ENZYME_FLAT(name) JTI_ENZYME_ENTRY(name, JT_FORM_FLAT)
#define JTI_ENZYME_FLAT_F(name) JTI_ENZYME_ENTRY(name, JT_FORM_FLAT_F)
JT_FUNCTIONS(JTI_ENZYME_ARGS, JTI_ENZYME_FLAT, JTI_ENZYME_FLAT_F)

#endif  // JTI_ENZYME_LIST
#else
#error "enzyme.h takes one JT_SOURCE: write a file for each, or use JT_SOURCE_2"
#endif  // JIMM_TEST_ENZYME_H
