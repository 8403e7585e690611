/* jimm: version, memory, logging, processor and threads: what every other room stands on.
 *
 * Structs that may grow (options, results, the allocator, rows of registries) begin with `size_t
 * size`, their size as the caller was compiled. Options and results have a JIMM_..._INIT macro:
 * initialise with it, then set fields. One rule holds for all: `size` must be more than
 * sizeof(size), so that a forgotten macro is found out, and at most the library's own, so that no
 * field is lost without a word; else JIMM_ERROR_INVALID_ARGUMENT. Fields that the caller's struct
 * lacks have their defaults, or are not written. Rows that are registered (jimm_op, jimm_family)
 * are not copied but kept: their size must be the library's own.
 *
 * Thread contract: graphs, states and models are immutable once made and may be shared by threads.
 * A plan has one caller at a time. Messages are thread-local. The process-wide settings below are
 * made before the first other call and not changed afterwards.
 */
#ifndef JIMM_BASE_H
#define JIMM_BASE_H

#include <stddef.h>
#include <stdint.h>

#include <jimm/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define JIMM_VERSION_MAJOR 0
#define JIMM_VERSION_MINOR 2
#define JIMM_VERSION_PATCH 0
#define JIMM_VERSION_STRING "0.2.0"

/* The version of the library that is linked, e.g. "0.2.0"; compare with JIMM_VERSION_STRING, which
 * is that of the headers. Before 1.0, libraries of different minor versions are not compatible. */
JIMM_API const char *jimm_version(void);

/* ---- memory ---- */

/* Where jimm's memory comes from. `allocate` returns `bytes` (> 0) bytes aligned to `alignment` (a
 * power of two) or NULL; `release` takes what allocate returned (never NULL). Both may be called
 * from any thread. libspng takes its memory here, too; HDF5, libdeflate, libjpeg, libwebp,
 * pthreadpool and libc take their own. */
typedef struct jimm_allocator {
  size_t size;
  void *(*allocate)(void *context, size_t bytes, size_t alignment);
  void (*release)(void *context, void *pointer);
  void *context;
} jimm_allocator;

/* Installs a copy of `allocator`; NULL restores the default (aligned_alloc and free). Call it
 * before any object exists: memory goes back to the allocator that is installed at that moment. */
JIMM_API jimm_status jimm_set_allocator(const jimm_allocator *allocator);

/* Releases a text that a function of jimm handed over ("freed with jimm_text_free"); accepts NULL.
 */
JIMM_API void jimm_text_free(char *text);

/* ---- files ---- */

/* Writes `size` bytes of `data`, which stays the caller's (NULL when size is 0), to `path`, whole
 * or not at all. A folder or file that cannot be written, or a full disk: the message names the
 * path, and an old file stays as it was. */
JIMM_API jimm_status jimm_write_file(const char *path, const void *data, size_t size);

/* Every file that jimm writes appears whole or not at all: it is written beside its place as
 * ".jimm-NUMBER.tmp", then renamed. A program that a signal ends calls this in its handler, so that
 * no such file stays: it removes the temporary files of this process (of at most 64 writes at
 * once); a write that goes on after that fails. Async-signal-safe. The library installs no
 * handlers. */
JIMM_API void jimm_remove_temporaries(void);

/* ---- logging ---- */

typedef enum jimm_log_level {
  JIMM_LOG_DEBUG = 0,
  JIMM_LOG_INFO = 1,
  JIMM_LOG_WARNING = 2
} jimm_log_level;

/* Receives one line without a newline; may be called from any thread. */
typedef void (*jimm_log_callback)(void *context, jimm_log_level level, const char *message);

/* Installs the receiver of log lines at `least` and above; NULL (the default) drops them. */
JIMM_API void jimm_set_log(jimm_log_callback callback, void *context, jimm_log_level least);

/* ---- processor ---- */

/* Instruction-set levels, each containing those before it: names for people, each for a set of
 * features. A processor has features beyond its level, which kernels ask for one by one. */
typedef enum jimm_isa {
  JIMM_ISA_BEST = -1,    /* no level: all features that there are */
  JIMM_ISA_BASELINE = 0, /* what the compiler targets: SSE2 on x86-64, NEON on aarch64 */
  JIMM_ISA_AVX2 = 1,     /* AVX2, FMA, F16C, BMI */
  JIMM_ISA_AVX512 = 2    /* AVX-512 F, BW, DQ, VL, CD */
} jimm_isa;

#define JIMM_ISA_COUNT 3

/* The highest level that the processor and the operating system support (CPUID and XCR0) and that
 * the environment variable JIMM_CPU does not mask: a level (baseline, avx2, avx512) stands for its
 * features; several, joined by commas, and single features (avx512_bf16) for all of theirs. An
 * unknown name in JIMM_CPU masks nothing and is logged. */
JIMM_API jimm_isa jimm_cpu_isa(void);

/* The level's name as JIMM_CPU spells it; NULL when there is no such level. */
JIMM_API const char *jimm_isa_name(jimm_isa isa);

/* ---- precision ---- */

/* How exactly a plan computes. The words are those of PyTorch's set_float32_matmul_precision. */
typedef enum jimm_precision {
  JIMM_PRECISION_HIGHEST = 0 /* as float32 does, or better */
} jimm_precision;

#define JIMM_PRECISION_COUNT 1

/* "highest"; NULL when there is no such precision. */
JIMM_API const char *jimm_precision_name(jimm_precision precision);

/* The house bar: the error that an output may have against the same network in float64, relative to
 * the largest value, where timm's own float32 run has `timm_error`: some times that (at highest,
 * three times), but never less than a floor (2e-6). 0 when there is no such precision. */
JIMM_API double jimm_house_bar(jimm_precision precision, double timm_error);

/* ---- threads ---- */

#define JIMM_THREADS_DEFAULT 0
#define JIMM_THREADS_MAX 1024

/* The number of threads that JIMM_THREADS_DEFAULT stands for: the processors that this process may
 * use (its affinity mask), cut to the quota of its control group, at least 1. */
JIMM_API int jimm_default_threads(void);

#ifdef __cplusplus
}
#endif
#endif
