#include "net/curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "base/locale.h"

/* Every libcurl since 7.16 (2006) has this name and this interface. */
#define LIBRARY "libcurl.so.4"
/* CURLOPT_PROTOCOLS_STR */
#define OLDEST 0x075500
#define OLDEST_NAME "7.85.0"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static jimm_curl functions;
/* Why it could not be loaded; "" when it was. */
static char failure[256];

static void load_functions(void *library) {
  static const struct {
    const char *name;
    size_t offset;
  } rows[] = {
#define ROW(name) {"curl_" #name, offsetof(jimm_curl, name)},
      JIMM_CURL_FUNCTIONS(ROW)
#undef ROW
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    void *symbol = dlsym(library, rows[i].name);
    if (symbol == NULL) {
      jimm_snprintf(failure, sizeof failure, "%s has no %s", LIBRARY, rows[i].name);
      return;
    }
    memcpy((char *)&functions + rows[i].offset, &symbol, sizeof symbol);
  }
}

static void load(void) {
  void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const char *reason = dlerror();
    jimm_snprintf(failure, sizeof failure, "%s", reason == NULL ? LIBRARY : reason);
    return;
  }
  load_functions(library);
  if (failure[0] != 0) {
    return;
  }
  const curl_version_info_data *version = functions.version_info(CURLVERSION_NOW);
  if (version->version_num < OLDEST) {
    jimm_snprintf(failure, sizeof failure, "expected libcurl " OLDEST_NAME " or newer, found %s",
                  version->version);
  } else if (functions.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    jimm_snprintf(failure, sizeof failure, "libcurl cannot be initialised");
  }
}

jimm_status jimm_curl_load(const jimm_curl **curl) {
  pthread_once(&once, load);
  if (failure[0] != 0) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "a download needs libcurl, which cannot be used here: %s", failure);
  }
  *curl = &functions;
  return JIMM_OK;
}
