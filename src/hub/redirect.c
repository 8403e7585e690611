/* Redirects: what the HEAD and the download share of them. */
#include "hub/hub.h"

bool jimm_hub_is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

jimm_status jimm_hub_follow(const char *what, const char *url, const char *location, char **next) {
  const jimm_status status = jimm_http_join(url, location, next);
  if (status != JIMM_OK || !jimm_http_is_secure(url) || jimm_http_is_secure(*next)) {
    return status;
  }
  jimm_free(*next);
  *next = NULL;
  return jimm_fail(JIMM_ERROR_NETWORK, "%s: leads from https to http", what);
}

jimm_status jimm_hub_too_many_redirects(const char *what) {
  return jimm_fail(JIMM_ERROR_NETWORK, "%s: more than %d redirects", what, JIMM_HUB_REDIRECTS_MOST);
}
