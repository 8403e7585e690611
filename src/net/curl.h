/* libcurl, loaded when the first request is made: it brings thirty shared libraries, which every
 * start of a program that asks nobody anything would pay for. */
#ifndef JIMM_NET_CURL_H
#define JIMM_NET_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include <jimm/status.h>

/* The functions that are used, one a row. */
#define JIMM_CURL_FUNCTIONS(ROW) \
  ROW(easy_cleanup)              \
  ROW(easy_getinfo)              \
  ROW(easy_init)                 \
  ROW(easy_perform)              \
  ROW(easy_reset)                \
  ROW(easy_setopt)               \
  ROW(easy_strerror)             \
  ROW(free)                      \
  ROW(global_init)               \
  ROW(slist_append)              \
  ROW(slist_free_all)            \
  ROW(url)                       \
  ROW(url_cleanup)               \
  ROW(url_get)                   \
  ROW(url_set)                   \
  ROW(version_info)

typedef struct jimm_curl {
#define ROW(name) __typeof__(curl_##name) *name;
  JIMM_CURL_FUNCTIONS(ROW)
#undef ROW
} jimm_curl;

/* The library, loaded and initialised once for the process. From any thread. */
jimm_status jimm_curl_load(const jimm_curl **curl);

#endif
