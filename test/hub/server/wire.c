#include "wire.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- fields ---- */

#define NUMBER(of, name) \
  { #name, HUB_NUMBER, offsetof(of, name) }
#define SWITCH(of, name) \
  { #name, HUB_SWITCH, offsetof(of, name) }
#define TEXT(of, name) \
  { #name, HUB_TEXT, offsetof(of, name) }
#define END \
  { NULL, HUB_NUMBER, 0 }

const hub_field hub_rule_fields[] = {
    TEXT(hub_rule, method),     TEXT(hub_rule, target),  SWITCH(hub_rule, prefix),
    NUMBER(hub_rule, port),     TEXT(hub_rule, header),  NUMBER(hub_rule, times),
    SWITCH(hub_rule, first),    SWITCH(hub_rule, hub),   NUMBER(hub_rule, status),
    TEXT(hub_rule, headers),    TEXT(hub_rule, raw),     TEXT(hub_rule, before),
    TEXT(hub_rule, body),       NUMBER(hub_rule, size),  NUMBER(hub_rule, seed),
    TEXT(hub_rule, file),       TEXT(hub_rule, length),  SWITCH(hub_rule, chunked),
    TEXT(hub_rule, trailer),    TEXT(hub_rule, range),   SWITCH(hub_rule, body_on_head),
    TEXT(hub_rule, extra),      TEXT(hub_rule, endless), NUMBER(hub_rule, wait),
    NUMBER(hub_rule, pause_at), NUMBER(hub_rule, pause), NUMBER(hub_rule, drip),
    NUMBER(hub_rule, rate),     NUMBER(hub_rule, cut),   NUMBER(hub_rule, cut_head),
    SWITCH(hub_rule, reset),    SWITCH(hub_rule, close), END};

const hub_field hub_file_fields[] = {NUMBER(hub_file, type),   TEXT(hub_file, repo),
                                     TEXT(hub_file, commit),   TEXT(hub_file, revisions),
                                     TEXT(hub_file, name),     TEXT(hub_file, body),
                                     NUMBER(hub_file, size),   NUMBER(hub_file, seed),
                                     TEXT(hub_file, file),     SWITCH(hub_file, lfs),
                                     SWITCH(hub_file, cached), SWITCH(hub_file, no_size),
                                     SWITCH(hub_file, secure), TEXT(hub_file, token),
                                     SWITCH(hub_file, gated),  END};

const hub_field hub_request_fields[] = {NUMBER(hub_request, number),  NUMBER(hub_request, port),
                                        TEXT(hub_request, method),    TEXT(hub_request, target),
                                        TEXT(hub_request, headers),   NUMBER(hub_request, status),
                                        NUMBER(hub_request, sent),    SWITCH(hub_request, done),
                                        NUMBER(hub_request, time_ms), END};

static json_t *bytes_to_json(const char *bytes) {
  char *text = malloc(2 * strlen(bytes) + 1), *to = text;
  if (text == NULL) {
    abort();
  }
  for (const unsigned char *from = (const unsigned char *)bytes; *from != 0; from++) {
    if (*from >= 0x80) {
      *to++ = (char)(0xc0 | *from >> 6);
      *to++ = (char)(0x80 | (*from & 0x3f));
    } else {
      *to++ = (char)*from;
    }
  }
  json_t *value = json_stringn(text, (size_t)(to - text));
  free(text);
  return value;
}

/* NULL: a character that is no byte. */
static char *bytes_from_json(const json_t *value) {
  const unsigned char *from = (const unsigned char *)json_string_value(value);
  char *bytes = malloc(json_string_length(value) + 1), *to = bytes;
  if (bytes == NULL) {
    abort();
  }
  for (; *from != 0; from++) {
    if (*from >= 0x80) {
      if (*from > 0xc3) {
        free(bytes);
        return NULL;
      }
      *to++ = (char)(*from << 6 | (from[1] & 0x3f));
      from++;
    } else {
      *to++ = (char)*from;
    }
  }
  *to = 0;
  return bytes;
}

json_t *hub_to_json(const void *item, const hub_field *fields) {
  json_t *object = json_object();
  for (const hub_field *field = fields; field->name != NULL; field++) {
    const char *at = (const char *)item + field->offset;
    int64_t number;
    const char *text;
    switch (field->kind) {
      case HUB_NUMBER:
        memcpy(&number, at, sizeof number);
        if (number != 0) {
          json_object_set_new(object, field->name, json_integer(number));
        }
        break;
      case HUB_SWITCH:
        if (*(const bool *)at) {
          json_object_set_new(object, field->name, json_true());
        }
        break;
      case HUB_TEXT:
        memcpy(&text, at, sizeof text);
        if (text != NULL) {
          json_object_set_new(object, field->name, bytes_to_json(text));
        }
        break;
    }
  }
  return object;
}

static bool read_member(const char *name, const json_t *value, const hub_field *fields,
                        void *item) {
  for (const hub_field *field = fields; field->name != NULL; field++) {
    if (strcmp(name, field->name) == 0) {
      char *at = (char *)item + field->offset;
      if (field->kind == HUB_NUMBER && json_is_integer(value)) {
        *(int64_t *)(void *)at = json_integer_value(value);
        return true;
      }
      if (field->kind == HUB_SWITCH && json_is_boolean(value)) {
        *(bool *)at = json_is_true(value);
        return true;
      }
      if (field->kind == HUB_TEXT && json_is_string(value)) {
        *(char **)(void *)at = bytes_from_json(value);
        return *(char **)(void *)at != NULL;
      }
      return field->kind == HUB_TEXT && json_is_null(value);
    }
  }
  return false;
}

static size_t size_of(const hub_field *fields) {
  return fields == hub_rule_fields   ? sizeof(hub_rule)
         : fields == hub_file_fields ? sizeof(hub_file)
                                     : sizeof(hub_request);
}

bool hub_from_json(const json_t *object, const hub_field *fields, void *item, char *problem) {
  const char *name;
  json_t *value;
  memset(item, 0, size_of(fields));
  if (!json_is_object(object)) {
    snprintf(problem, 200, "no JSON object");
    return false;
  }
  json_object_foreach((json_t *)(uintptr_t)object, name, value) {
    if (!read_member(name, value, fields, item)) {
      snprintf(problem, 200, "the member %s is unknown or of another kind", name);
      hub_free_texts(item, fields);
      return false;
    }
  }
  return true;
}

void hub_free_texts(void *item, const hub_field *fields) {
  for (const hub_field *field = fields; field->name != NULL; field++) {
    if (field->kind == HUB_TEXT) {
      char **text = (char **)(void *)((char *)item + field->offset);
      free(*text);
      *text = NULL;
    }
  }
}

/* ---- bytes ---- */

static uint64_t mix(uint64_t value) {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  value = (value ^ value >> 27) * 0x94d049bb133111ebu;
  return value ^ value >> 31;
}

void hub_bytes(int64_t seed, int64_t offset, void *bytes, size_t size) {
  unsigned char *to = bytes;
  while (size > 0) {
    const uint64_t word = mix((uint64_t)seed * 0x9e3779b97f4a7c15u + (uint64_t)offset / 8);
    const size_t from = (size_t)(offset % 8);
    const size_t count = size < 8 - from ? size : 8 - from;
    memcpy(to, (const unsigned char *)&word + from, count);
    to += count;
    offset += (int64_t)count;
    size -= count;
  }
}

bool hub_content_open(hub_content *content, const char *body, int64_t size, int64_t seed,
                      const char *file) {
  *content = (hub_content){.body = body, .seed = seed, .size = size, .file = -1};
  if (body != NULL) {
    content->size = (int64_t)strlen(body);
  } else if (file != NULL) {
    struct stat info;
    content->file = open(file, O_RDONLY | O_CLOEXEC);
    if (content->file < 0 || fstat(content->file, &info) != 0) {
      return false;
    }
    content->size = info.st_size;
  }
  return true;
}

void hub_content_close(hub_content *content) {
  if (content->file >= 0) {
    close(content->file);
    content->file = -1;
  }
}

bool hub_content_read(const hub_content *content, int64_t offset, void *bytes, size_t size) {
  if (content->body != NULL) {
    memcpy(bytes, content->body + offset, size);
    return true;
  }
  if (content->file >= 0) {
    return pread(content->file, bytes, size, offset) == (ssize_t)size;
  }
  hub_bytes(content->seed, offset, bytes, size);
  return true;
}

bool hub_content_name(const hub_content *content, bool lfs, char name[65]) {
  unsigned char digest[EVP_MAX_MD_SIZE], block[65536];
  unsigned length = 0;
  EVP_MD_CTX *hash = EVP_MD_CTX_new();
  bool done = hash != NULL && EVP_DigestInit_ex(hash, lfs ? EVP_sha256() : EVP_sha1(), NULL) == 1;
  if (done && !lfs) {
    char prefix[64];
    const int size = snprintf(prefix, sizeof prefix, "blob %lld", (long long)content->size) + 1;
    done = EVP_DigestUpdate(hash, prefix, (size_t)size) == 1;
  }
  for (int64_t at = 0; done && at < content->size;) {
    const int64_t left = content->size - at;
    const size_t size = left < (int64_t)sizeof block ? (size_t)left : sizeof block;
    done = hub_content_read(content, at, block, size) && EVP_DigestUpdate(hash, block, size) == 1;
    at += (int64_t)size;
  }
  done = done && EVP_DigestFinal_ex(hash, digest, &length) == 1;
  EVP_MD_CTX_free(hash);
  for (unsigned i = 0; done && i < length; i++) {
    snprintf(name + 2 * i, 3, "%02x", digest[i]);
  }
  return done;
}

void hub_name_bytes(const void *bytes, size_t size, bool lfs, char name[65]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_MD_CTX *hash = EVP_MD_CTX_new();
  char prefix[64];
  const int prefix_size = snprintf(prefix, sizeof prefix, "blob %zu", size) + 1;
  if (hash == NULL || EVP_DigestInit_ex(hash, lfs ? EVP_sha256() : EVP_sha1(), NULL) != 1 ||
      (!lfs && EVP_DigestUpdate(hash, prefix, (size_t)prefix_size) != 1) ||
      EVP_DigestUpdate(hash, bytes, size) != 1 || EVP_DigestFinal_ex(hash, digest, &length) != 1) {
    abort();
  }
  EVP_MD_CTX_free(hash);
  for (unsigned i = 0; i < length; i++) {
    snprintf(name + 2 * i, 3, "%02x", digest[i]);
  }
}
