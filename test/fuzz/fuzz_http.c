/* A hub's answer to a HEAD: the header's lines, then what the hub makes of it. Whatever it says, a
 * result that is taken is fit for paths. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "hub/hub.h"

#define URL "https://hub.example/some/where/resolve/main/f.bin"

/* Lines of the input, each with its end. */
static void receive(jimm_http_response *response) {
  const char *text = (const char *)fuzz_data;
  const char *end = text + fuzz_size;
  bool complete = false;
  while (text < end && !complete && response->malformed == NULL) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    const size_t length = newline == NULL ? (size_t)(end - text) : (size_t)(newline + 1 - text);
    /* A copy of its own, so that a sanitizer sees one byte read too many. */
    char *line = malloc(length);
    fuzz_require(line != NULL);
    memcpy(line, text, length);
    complete = jimm_http_receive_line(response, line, length);
    free(line);
    text += length;
  }
}

static void check(const jimm_hub_metadata *metadata, const char *next) {
  if (next != NULL) {
    fuzz_require(strncmp(next, "https://", 8) == 0 || strncmp(next, "http://", 7) == 0);
    return;
  }
  fuzz_require(jimm_hub_is_commit(metadata->commit) && jimm_hub_is_etag(metadata->etag));
  fuzz_require(strchr(metadata->etag, '/') == NULL && strcmp(metadata->etag, "..") != 0);
  fuzz_require(metadata->size >= -1 && metadata->location != NULL);
}

void fuzz_one(void) {
  jimm_hub_call call = {.endpoint = "https://hub.example"};
  const jimm_hub_file file = {
      "some/where", "f.bin", "main", URL, "/cache/models--some--where", "models--some--where"};
  jimm_hub_metadata metadata = {.size = -1};
  jimm_hub_trouble trouble = {.wait = -1};
  jimm_http_response response = {0};
  char *next = NULL;
  receive(&response);
  if (response.malformed == NULL && !response.fields.failed) {
    const jimm_status status =
        jimm_hub_read_answer(&call, &file, URL, &response, &metadata, &trouble, &next);
    if (status == JIMM_OK) {
      check(&metadata, next);
    } else {
      fuzz_require(next == NULL && jimm_error_message()[0] != 0);
      fuzz_require(trouble.commit == NULL || jimm_hub_is_commit(trouble.commit));
      fuzz_require(trouble.wait >= -1 && trouble.wait <= 300);
    }
  }
  jimm_free(next);
  jimm_http_response_close(&response);
  jimm_arena_close(&call.arena);
}
