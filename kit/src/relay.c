// What an isolated child writes into the pipe (wire.c) goes into the running result.
#include "internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct cursor {
  const char *at;
  size_t left;
  bool bad;
} cursor;

static void take(cursor *c, void *out, size_t size) {
  if (c->bad || c->left < size) {
    c->bad = true;
    return;
  }
  memcpy(out, c->at, size);
  c->at += size;
  c->left -= size;
}

static char *take_string(cursor *c) {
  uint32_t code = 0;
  take(c, &code, sizeof code);
  if (code == 0) {
    return NULL;
  }
  if (c->bad || c->left < code - 1) {
    c->bad = true;
    return NULL;
  }
  char *s = jti_alloc(code);
  take(c, s, code - 1);
  return s;
}

static bool read_record(cursor c) {
  int32_t numbers[3] = {0};
  take(&c, numbers, sizeof numbers);
  if (numbers[0] < JTI_PASS || numbers[0] >= JTI_OUTCOMES) {
    c.bad = true;
  }
  jti_record record = {
      .outcome = (jti_outcome)numbers[0], .check = numbers[1] != 0, .line = numbers[2]};
  record.file = take_string(&c);
  record.expr = take_string(&c);
  record.got = take_string(&c);
  record.want = take_string(&c);
  record.message = take_string(&c);
  if (c.bad || c.left) {
    jti_free_record(&record);
    return false;
  }
  jti_add_record(&record);
  return true;
}

static bool read_note(cursor c) {
  char *text = take_string(&c);
  bool good = text && !c.bad && !c.left;
  if (good) {
    jt_note("%s", text);
  }
  free(text);
  return good;
}

static bool read_skipped(cursor c) {
  int32_t line = 0;
  take(&c, &line, sizeof line);
  char *file = take_string(&c);
  char *reason = take_string(&c);
  bool good = reason && !c.bad && !c.left;
  if (good) {
    jti_add_skipped(file, line, reason);
  }
  free(file);
  free(reason);
  return good;
}

static bool read_set(cursor c) {
  uint64_t passed = 0;
  double now = 0;
  take(&c, &passed, sizeof passed);
  take(&c, &now, sizeof now);
  char *name = take_string(&c);
  bool good = !c.bad && !c.left && jti_relay_set(name, passed, now);
  free(name);
  return good;
}

bool jti_wire_read(jti_text *input, bool *ended) {
  size_t used = 0;
  bool good = true;
  while (good && input->size - used >= JTI_FRAME_HEADER) {
    uint32_t size;
    memcpy(&size, input->data + used + 1, sizeof size);
    if (input->size - used - JTI_FRAME_HEADER < size) {
      break;
    }
    cursor payload = {.at = input->data + used + JTI_FRAME_HEADER, .left = size};
    switch (input->data[used]) {
      case JTI_FRAME_RECORD:
        good = read_record(payload);
        break;
      case JTI_FRAME_SKIPPED:
        good = read_skipped(payload);
        break;
      case JTI_FRAME_SET:
        good = read_set(payload);
        break;
      case JTI_FRAME_NOTE:
        good = read_note(payload);
        break;
      case JTI_FRAME_END:
        *ended = true;
        break;
      default:
        good = false;
        break;
    }
    used += JTI_FRAME_HEADER + size;
  }
  if (used) {
    memmove(input->data, input->data + used, input->size - used);
    input->size -= used;
  }
  return good;
}
