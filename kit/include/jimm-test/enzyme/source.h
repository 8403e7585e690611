// source.h: includes the C source for Enzyme. Not for inclusion by anything but enzyme.h.
//
// `float` is `double`, and so are the functions of <math.h>. jimm-enzyme-cc makes the symbols of
// the object local ones, so that it can be linked beside that of the source itself.
#ifndef JIMM_TEST_ENZYME_SOURCE_H
#define JIMM_TEST_ENZYME_SOURCE_H

#define modf jti_enzyme_modf
#define frexp jti_enzyme_frexp
#define jt_find jti_enzyme_find
#define jt_data jti_enzyme_data
#define jt_count jti_enzyme_count

#define acosf acos
#define acoshf acosh
#define asinf asin
#define asinhf asinh
#define atanf atan
#define atan2f atan2
#define atanhf atanh
#define cbrtf cbrt
#define ceilf ceil
#define copysignf copysign
#define cosf cos
#define coshf cosh
#define erff erf
#define erfcf erfc
#define expf exp
#define exp2f exp2
#define expm1f expm1
#define fabsf fabs
#define fdimf fdim
#define floorf floor
#define fmaf fma
#define fmaxf fmax
#define fminf fmin
#define fmodf fmod
#define frexpf frexp
#define hypotf hypot
#define ilogbf ilogb
#define j0f j0
#define j1f j1
#define jnf jn
#define ldexpf ldexp
#define lgammaf lgamma
#define llrintf llrint
#define llroundf llround
#define logf log
#define log10f log10
#define log1pf log1p
#define log2f log2
#define logbf logb
#define lrintf lrint
#define lroundf lround
#define modff modf
#define nearbyintf nearbyint
#define nextafterf nextafter
#define powf pow
#define remainderf remainder
#define remquof remquo
#define rintf rint
#define roundf round
#define scalblnf scalbln
#define scalbnf scalbn
#define sinf sin
#define sinhf sinh
#define sqrtf sqrt
#define tanf tan
#define tanhf tanh
#define tgammaf tgamma
#define truncf trunc
#define y0f y0
#define y1f y1
#define ynf yn
#define float double
#define main jti_enzyme_main

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

#undef modf
#undef frexp
#undef jt_find
#undef jt_data
#undef jt_count
#undef float
#undef main

#endif  // JIMM_TEST_ENZYME_SOURCE_H
