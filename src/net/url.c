/* Where a redirect leads. */
#include <string.h>

#include "base/locale.h"
#include "net/curl.h"
#include "net/http.h"

int jimm_http_shown(const char *url) {
  return (int)strcspn(url, "?#");
}

bool jimm_http_is_secure(const char *url) {
  return strncmp(url, "https://", 8) == 0;
}

/* A part of a parsed url; NULL when it has none. For curl->free. */
static char *part_of(const jimm_curl *curl, CURLU *url, CURLUPart part, unsigned int flags) {
  char *text = NULL;
  return curl->url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool has_part(const jimm_curl *curl, CURLU *url, CURLUPart part) {
  char *text = part_of(curl, url, part, 0);
  const bool has = text != NULL;
  curl->free(text);
  return has;
}

/* http or https, and nobody's name in it. */
static bool is_plain(const jimm_curl *curl, CURLU *url) {
  char *scheme = part_of(curl, url, CURLUPART_SCHEME, 0);
  const bool known =
      scheme != NULL && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
  curl->free(scheme);
  return known && !has_part(curl, url, CURLUPART_USER) && !has_part(curl, url, CURLUPART_PASSWORD);
}

jimm_status jimm_http_join(const char *base, const char *location, char **absolute) {
  const jimm_curl *curl = NULL;
  *absolute = NULL;
  const jimm_status status = jimm_curl_load(&curl);
  if (status != JIMM_OK) {
    return status;
  }
  CURLU *url = curl->url();
  if (url == NULL) {
    return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: a url");
  }
  char *text = NULL;
  if (curl->url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
      curl->url_set(url, CURLUPART_URL, location, CURLU_URLENCODE) == CURLUE_OK &&
      is_plain(curl, url) && curl->url_set(url, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK) {
    text = part_of(curl, url, CURLUPART_URL, 0);
  }
  curl->url_cleanup(url);
  if (text == NULL) {
    char shown[JIMM_SHOW_TEXT];
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%.*s: leads to %s: expected an http or https url without a user name",
                     jimm_http_shown(base), base,
                     jimm_show(shown, sizeof shown, location, (size_t)jimm_http_shown(location)));
  }
  *absolute = jimm_strdup(text);
  curl->free(text);
  return *absolute == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

/* Scheme, host in small letters, port: "https://host:443"; NULL for what is no url. */
static jimm_status origin_of(const jimm_curl *curl, const char *text, char **origin) {
  jimm_status status = JIMM_OK;
  CURLU *url = curl->url();
  *origin = NULL;
  if (url == NULL) {
    return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: a url");
  }
  if (curl->url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
    curl->url_cleanup(url);
    return JIMM_OK;
  }
  char *scheme = part_of(curl, url, CURLUPART_SCHEME, 0);
  char *host = part_of(curl, url, CURLUPART_HOST, 0);
  char *port = part_of(curl, url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (scheme != NULL && host != NULL && port != NULL) {
    for (char *c = host; *c != 0; c++) {
      *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    }
    *origin = jimm_format("%s://%s:%s", scheme, host, port);
    status = *origin == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  }
  curl->free(scheme);
  curl->free(host);
  curl->free(port);
  curl->url_cleanup(url);
  return status;
}

jimm_status jimm_http_same_origin(const char *a, const char *b, bool *same) {
  const jimm_curl *curl = NULL;
  char *first = NULL;
  char *second = NULL;
  *same = false;
  jimm_status status = jimm_curl_load(&curl);
  if (status == JIMM_OK) {
    status = origin_of(curl, a, &first);
  }
  if (status == JIMM_OK) {
    status = origin_of(curl, b, &second);
  }
  *same = first != NULL && second != NULL && strcmp(first, second) == 0;
  jimm_free(first);
  jimm_free(second);
  return status;
}
