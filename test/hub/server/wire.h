/* What the server and its callers share: the fields of rules, files and requests in JSON, and the
 * bytes of a file. Texts in JSON are bytes: the characters U+0001 to U+00FF. */
#ifndef TEST_HUB_WIRE_H
#define TEST_HUB_WIRE_H

#include <jansson.h>

#include "server.h"

typedef enum hub_kind { HUB_NUMBER, HUB_SWITCH, HUB_TEXT } hub_kind;

typedef struct hub_field {
  const char *name; /* NULL: the end of the table */
  hub_kind kind;
  size_t offset;
} hub_field;

extern const hub_field hub_rule_fields[], hub_file_fields[], hub_request_fields[];

/* Fields that are zero are left out. */
json_t *hub_to_json(const void *item, const hub_field *fields);
/* Zeroes the item first; texts become its own. False: a member that is unknown or of another kind,
 * which `problem` (of 200 bytes) names. */
bool hub_from_json(const json_t *object, const hub_field *fields, void *item, char *problem);
void hub_free_texts(void *item, const hub_field *fields);

/* Where the bytes of an answer come from. */
typedef struct hub_content {
  const char *body;
  int64_t seed, size;
  int file; /* -1: none */
} hub_content;

/* One of the three; false when the file can't be opened. */
bool hub_content_open(hub_content *content, const char *body, int64_t size, int64_t seed,
                      const char *file);
void hub_content_close(hub_content *content);
/* `size` bytes from `offset`, which are there. */
bool hub_content_read(const hub_content *content, int64_t offset, void *bytes, size_t size);
bool hub_content_name(const hub_content *content, bool lfs, char name[65]);

#endif
