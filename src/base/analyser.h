/* Included before everything else in every file of src/ (meson.build: room_deps): clang's analyser
 * does not look into functions of variable arguments, so this tells it what the two return. Other
 * compilers see an empty file. */
#ifndef JIMM_BASE_ANALYSER_H
#define JIMM_BASE_ANALYSER_H

#ifdef __clang_analyzer__
#include <jimm/status.h>

static inline jimm_status jimm_failed(jimm_status returned, jimm_status status) {
  (void)returned;
  return status;
}
#define jimm_fail(status, ...) jimm_failed(jimm_fail(status, __VA_ARGS__), status)
#define jimm_fail_context(status, ...) jimm_failed(jimm_fail_context(status, __VA_ARGS__), status)
#endif

#endif
