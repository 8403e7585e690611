/* jimm: status codes and the message that explains the last failure.
 *
 * Every function that can fail returns a jimm_status. On anything but JIMM_OK the calling thread's
 * message says what failed, where, what was expected and what was found. The library never exits,
 * prints or aborts on input.
 */
#ifndef JIMM_STATUS_H
#define JIMM_STATUS_H

#if defined(__GNUC__)
#define JIMM_API __attribute__((visibility("default")))
#define JIMM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define JIMM_API
#define JIMM_PRINTF(fmt, args)
#endif

/* Exported for libjimm's sibling libraries (image, parity, hub) alone: not part of the interface,
 * may change at any time. */
#define JIMM_SIBLING JIMM_API

#ifdef __cplusplus
extern "C" {
#endif

typedef enum jimm_status {
  JIMM_OK = 0,
  JIMM_ERROR_INVALID_ARGUMENT = 1, /* the caller broke the contract of a function */
  JIMM_ERROR_OUT_OF_MEMORY = 2,
  JIMM_ERROR_IO = 3,          /* the operating system refused: open, read, write, map */
  JIMM_ERROR_FORMAT = 4,      /* a file is malformed, truncated or lies about itself */
  JIMM_ERROR_NOT_FOUND = 5,   /* an unknown model, operator, tensor, output or file */
  JIMM_ERROR_UNSUPPORTED = 6, /* well-formed, but not something jimm does */
  JIMM_ERROR_SHAPE = 7,       /* shapes that do not fit an operator, a parameter or a graph */
  JIMM_ERROR_MISMATCH = 8,    /* weights that do not belong to the graph */
  JIMM_ERROR_LIMIT = 9,       /* a safety limit, e.g. against decompression bombs */
  JIMM_ERROR_INTERNAL = 10,   /* a defect of jimm itself; please report it */
  JIMM_ERROR_NOT_FINITE = 11, /* NaN or infinity where finite numbers were asked for */
  /* of the hub (jimm/hub.h) */
  JIMM_ERROR_NETWORK = 12,            /* no connection, a time-out, a server that fails */
  JIMM_ERROR_REPO_NOT_FOUND = 13,     /* no such repository, or a private one */
  JIMM_ERROR_REVISION_NOT_FOUND = 14, /* the repository has no such branch, tag or commit */
  JIMM_ERROR_ENTRY_NOT_FOUND = 15,    /* the revision has no such file */
  JIMM_ERROR_GATED_REPO = 16,         /* the repository's terms have not been accepted */
  JIMM_ERROR_UNAUTHORIZED = 17,       /* the token is not valid, or may not read this */
  JIMM_ERROR_NOT_CACHED = 18,         /* not in the cache, and the hub can't be asked */
  JIMM_ERROR_INTEGRITY = 19, /* bytes that are not those that their hash or size promises */
  JIMM_ERROR_CANCELLED = 20  /* the caller's callback said so */
} jimm_status;

/* The code's name in words, e.g. "out of memory"; static, never NULL. */
JIMM_API const char *jimm_status_name(jimm_status status);

/* The message of the last failure on this thread, "" if there was none. UTF-8, one or more lines,
 * no trailing newline. Borrowed: valid until the next jimm call on this thread. */
JIMM_API const char *jimm_error_message(void);

/* Sets this thread's message and returns `status`, so that an operator or a family of your own can
 * write `return jimm_fail(JIMM_ERROR_SHAPE, "...", ...)`. */
JIMM_API jimm_status jimm_fail(jimm_status status, const char *format, ...) JIMM_PRINTF(2, 3);

/* Puts "context: " before this thread's message and returns `status` unchanged. */
JIMM_API jimm_status jimm_fail_context(jimm_status status, const char *format, ...)
    JIMM_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
