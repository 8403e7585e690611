/* The header of an answer, line by line. */
#include <string.h>
#include <strings.h>

#include "net/http.h"

/* More header than any server sends. */
#define FIELDS_LIMIT ((size_t)262144)
#define FIELD_COUNT_LIMIT 1000

const char *jimm_http_field(const jimm_http_response *response, const char *name, bool *conflict) {
  const char *found = NULL;
  const char *at = response->fields.data;
  const char *end = at == NULL ? NULL : at + response->fields.length;
  while (at != end) {
    const char *value = at + strlen(at) + 1;
    if (strcasecmp(at, name) == 0) {
      if (found != NULL && strcmp(found, value) != 0) {
        *conflict = true;
        return "";
      }
      found = value;
    }
    at = value + strlen(value) + 1;
  }
  return found;
}

int64_t jimm_http_read_number(const char **text, int64_t largest) {
  const size_t digits = strspn(*text, "0123456789");
  int64_t value = digits == 0 ? -1 : 0;
  for (size_t i = 0; i < digits && value >= 0; i++) {
    const int digit = (*text)[i] - '0';
    value = value > (largest - digit) / 10 ? -1 : 10 * value + digit;
  }
  *text += digits;
  return value;
}

int64_t jimm_http_number(const char *text, int64_t largest) {
  const int64_t value = jimm_http_read_number(&text, largest);
  return *text == 0 ? value : -1;
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The status of "HTTP/1.1 200 OK"; 0 when the line is none. */
static int read_status(const char *line, size_t size) {
  size_t at = 0;
  while (at < size && line[at] != ' ') {
    at++;
  }
  if (size < at + 4 || strncmp(line, "HTTP/", 5) != 0) {
    return 0;
  }
  int status = 0;
  for (size_t i = at + 1; i < at + 4; i++) {
    if (line[i] < '0' || line[i] > '9') {
      return 0;
    }
    status = 10 * status + (line[i] - '0');
  }
  return status;
}

static void add_field(jimm_http_response *response, const char *line, size_t size) {
  jimm_text *fields = &response->fields;
  const char *colon = memchr(line, ':', size);
  if (is_space(line[0])) {
    response->malformed = "a field that is continued on the next line";
    return;
  }
  if (colon == NULL) {
    return; /* no field; libcurl lets such lines be, and so do browsers */
  }
  for (size_t i = 0; i < size; i++) {
    const unsigned char c = (unsigned char)line[i];
    if ((c < ' ' && c != '\t') || c == 127) {
      response->malformed = "a control character";
      return;
    }
  }
  if (++response->field_count > FIELD_COUNT_LIMIT || fields->length + size > FIELDS_LIMIT) {
    response->malformed = "more than 256 KiB or 1000 fields";
    return;
  }
  const char *value = colon + 1;
  const char *end = line + size;
  while (value < end && is_space(*value)) {
    value++;
  }
  while (end > value && is_space(end[-1])) {
    end--;
  }
  jimm_text_append_bytes(fields, line, (size_t)(colon - line));
  jimm_text_append_bytes(fields, "", 1);
  jimm_text_append_bytes(fields, value, (size_t)(end - value));
  jimm_text_append_bytes(fields, "", 1);
}

bool jimm_http_receive_line(jimm_http_response *response, const char *line, size_t size) {
  size_t length = size;
  while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
    length--;
  }
  if (length >= 5 && strncmp(line, "HTTP/", 5) == 0) {
    response->status = read_status(line, length);
    response->fields.length = 0;
    response->field_count = 0;
    if (response->status < 100) {
      response->malformed = "a status that is no number of three digits";
    }
  } else if (length > 0) {
    add_field(response, line, length);
  }
  return length == 0;
}
