// headers.h: the headers of the system that C code may include when it is compiled once more
// (recompile.hpp, enzyme.h). They are read before the code is, so that its own lines find them
// read.
#ifndef JIMM_TEST_RECOMPILE_HEADERS_H
#define JIMM_TEST_RECOMPILE_HEADERS_H

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fenv.h>
#include <float.h>
#include <inttypes.h>
#include <iso646.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#endif  // JIMM_TEST_RECOMPILE_HEADERS_H
