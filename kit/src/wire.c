// The pipe between an isolated child and its parent carries frames: one byte for the kind, four for
// the length of what follows, in the machine's own byte order since both ends are one program.
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 5, RECORD = 'R', SKIPPED = 'S', SET = 'T', NOTE = 'N', END = 'E' };

static void send_frame(int fd, int kind, const jti_text *payload) {
  jti_text frame = {0};
  char kind_byte = (char)kind;
  uint32_t size = (uint32_t)payload->size;
  jti_text_add(&frame, &kind_byte, 1);
  jti_text_add(&frame, (const char *)&size, sizeof size);
  jti_text_add(&frame, payload->data, payload->size);
  const char *at = frame.data;
  size_t left = frame.size;
  while (left) {
    ssize_t written = write(fd, at, left);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      break;  // the parent has gone: nobody is left to tell
    }
    at += written;
    left -= (size_t)written;
  }
  jti_text_free(&frame);
}

// Length + 1, so that 0 can stand for NULL.
static void put_string(jti_text *out, const char *s) {
  uint32_t code = s ? (uint32_t)strlen(s) + 1 : 0;
  jti_text_add(out, (const char *)&code, sizeof code);
  if (s) {
    jti_text_add(out, s, code - 1);
  }
}

void jti_wire_record(int fd, const jti_record *record) {
  jti_text payload = {0};
  int32_t numbers[3] = {(int32_t)record->outcome, record->check, (int32_t)record->line};
  jti_text_add(&payload, (const char *)numbers, sizeof numbers);
  put_string(&payload, record->file);
  put_string(&payload, record->expr);
  put_string(&payload, record->got);
  put_string(&payload, record->want);
  put_string(&payload, record->message);
  send_frame(fd, RECORD, &payload);
  jti_text_free(&payload);
}

void jti_wire_note(int fd, const char *text) {
  jti_text payload = {0};
  put_string(&payload, text);
  send_frame(fd, NOTE, &payload);
  jti_text_free(&payload);
}

void jti_wire_skipped(int fd, const char *file, int line, const char *reason) {
  jti_text payload = {0};
  int32_t number = (int32_t)line;
  jti_text_add(&payload, (const char *)&number, sizeof number);
  put_string(&payload, file);
  put_string(&payload, reason);
  send_frame(fd, SKIPPED, &payload);
  jti_text_free(&payload);
}

void jti_wire_set(int fd, const char *name, unsigned long long passed, double now) {
  jti_text payload = {0};
  uint64_t number = passed;
  jti_text_add(&payload, (const char *)&number, sizeof number);
  jti_text_add(&payload, (const char *)&now, sizeof now);
  put_string(&payload, name);
  send_frame(fd, SET, &payload);
  jti_text_free(&payload);
}

void jti_wire_end(int fd) {
  send_frame(fd, END, &(jti_text){0});
}

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
  while (good && input->size - used >= HEADER) {
    uint32_t size;
    memcpy(&size, input->data + used + 1, sizeof size);
    if (input->size - used - HEADER < size) {
      break;
    }
    cursor payload = {.at = input->data + used + HEADER, .left = size};
    switch (input->data[used]) {
      case RECORD:
        good = read_record(payload);
        break;
      case SKIPPED:
        good = read_skipped(payload);
        break;
      case SET:
        good = read_set(payload);
        break;
      case NOTE:
        good = read_note(payload);
        break;
      case END:
        *ended = true;
        break;
      default:
        good = false;
        break;
    }
    used += HEADER + size;
  }
  if (used) {
    memmove(input->data, input->data + used, input->size - used);
    input->size -= used;
  }
  return good;
}
