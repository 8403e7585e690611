// The pipe between an isolated child and its parent carries frames: one byte for the kind, four for
// the length of what follows, in the machine's own byte order since both ends are one program. The
// child's end; relay.c is the parent's.
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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
  send_frame(fd, JTI_FRAME_RECORD, &payload);
  jti_text_free(&payload);
}

void jti_wire_note(int fd, const char *text) {
  jti_text payload = {0};
  put_string(&payload, text);
  send_frame(fd, JTI_FRAME_NOTE, &payload);
  jti_text_free(&payload);
}

void jti_wire_skipped(int fd, const char *file, int line, const char *reason) {
  jti_text payload = {0};
  int32_t number = (int32_t)line;
  jti_text_add(&payload, (const char *)&number, sizeof number);
  put_string(&payload, file);
  put_string(&payload, reason);
  send_frame(fd, JTI_FRAME_SKIPPED, &payload);
  jti_text_free(&payload);
}

void jti_wire_set(int fd, const char *name, unsigned long long passed, double now) {
  jti_text payload = {0};
  uint64_t number = passed;
  jti_text_add(&payload, (const char *)&number, sizeof number);
  jti_text_add(&payload, (const char *)&now, sizeof now);
  put_string(&payload, name);
  send_frame(fd, JTI_FRAME_SET, &payload);
  jti_text_free(&payload);
}

void jti_wire_end(int fd) {
  send_frame(fd, JTI_FRAME_END, &(jti_text){0});
}
