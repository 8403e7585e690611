#include "checkpoint_build.h"

#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/state.h>

#include "folder.h"

unsigned char zip_bytes[1 << 20];
size_t zip_size, zip_directory;
static unsigned char directory[1 << 16];
static size_t directory_size;
static uint16_t entries;

static uint32_t crc32_of(const unsigned char *data, size_t size) {
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) {
      crc = crc >> 1 ^ ((crc & 1u) != 0 ? 0xEDB88320u : 0u);
    }
  }
  return ~crc;
}

static void put(unsigned char *to, size_t *at, size_t room, const void *data, size_t size) {
  TEST_REQUIRE(size <= room - *at);
  if (size > 0) {
    memcpy(to + *at, data, size);
  }
  *at += size;
}

#define PUT(BITS, VALUE)                                   \
  do {                                                     \
    const uint##BITS##_t value_ = (uint##BITS##_t)(VALUE); \
    put(to, at, room, &value_, sizeof value_);             \
  } while (0)

void zip_begin(void) {
  zip_size = zip_directory = directory_size = 0;
  entries = 0;
}

static void put_local(const char *name, const void *data, size_t size, const zip_lie *lie) {
  unsigned char *to = zip_bytes;
  size_t *at = &zip_size;
  const size_t room = sizeof zip_bytes;
  const char *shown = lie->local_name == NULL ? name : lie->local_name;
  const uint32_t stated = (uint32_t)size + lie->local_size_more;
  PUT(32, 0x04034B50u);
  PUT(16, 20);
  PUT(16, lie->flags + lie->local_flags_more);
  PUT(16, lie->method);
  PUT(32, 0);
  PUT(32, crc32_of(data, size) + lie->local_crc_more);
  PUT(32, lie->wide ? UINT32_MAX : stated);
  PUT(32, lie->wide ? UINT32_MAX : stated);
  PUT(16, strlen(shown));
  PUT(16, lie->wide ? 20 : 0);
  put(to, at, room, shown, strlen(shown));
  if (lie->wide) {
    PUT(16, 1);
    PUT(16, 16);
    PUT(64, stated);
    PUT(64, stated);
  }
  put(to, at, room, data, size);
}

void zip_add(const char *name, const void *data, size_t size, const zip_lie *lie) {
  static const zip_lie none = {.local_name = NULL};
  lie = lie == NULL ? &none : lie;
  const int64_t begin = (int64_t)zip_size + lie->offset_more;
  put_local(name, data, size, lie);
  unsigned char *to = directory;
  size_t *at = &directory_size;
  const size_t room = sizeof directory;
  const uint32_t stated = (uint32_t)size + lie->size_more;
  PUT(32, 0x02014B50u);
  PUT(16, 20);
  PUT(16, 20);
  PUT(16, lie->flags);
  PUT(16, lie->method);
  PUT(32, 0);
  PUT(32, crc32_of(data, size));
  PUT(32, lie->wide ? UINT32_MAX : stated);
  PUT(32, lie->wide ? UINT32_MAX : stated);
  PUT(16, strlen(name));
  PUT(16, lie->wide ? 28 : 0);
  PUT(16, 0);
  PUT(16, 0);
  PUT(16, 0);
  PUT(32, 0);
  PUT(32, lie->wide ? UINT32_MAX : (uint32_t)begin);
  put(to, at, room, name, strlen(name));
  if (lie->wide) {
    PUT(16, 1);
    PUT(16, 24);
    PUT(64, stated);
    PUT(64, stated);
    PUT(64, begin);
  }
  entries++;
}

void zip_end(void) {
  unsigned char *to = zip_bytes;
  size_t *at = &zip_size;
  const size_t room = sizeof zip_bytes;
  zip_directory = zip_size;
  put(to, at, room, directory, directory_size);
  PUT(32, 0x06054B50u);
  PUT(32, 0);
  PUT(16, entries);
  PUT(16, entries);
  PUT(32, directory_size);
  PUT(32, zip_directory);
  PUT(16, 0);
}

float opened_values[64];
int64_t opened_count;

jimm_status open_bytes(const void *data, size_t size) {
  jimm_state *state = (jimm_state *)(uintptr_t)1;
  const char *path = in_folder("hostile.pt");
  opened_count = -1;
  TEST_REQUIRE(write_bytes(path, data, size));
  const jimm_status status = jimm_state_open(path, &state);
  if (status != JIMM_OK) {
    TEST_CHECK(state == NULL);
    TEST_CHECK_CONTAINS(jimm_error_message(), "hostile.pt: ");
    return status;
  }
  const jimm_tensor *tensor = jimm_state_find(state, "a");
  if (tensor != NULL) {
    jimm_tensor converted;
    TEST_REQUIRE_INT(jimm_tensor_convert(tensor, JIMM_F32, &converted), JIMM_OK);
    opened_count = jimm_shape_count(&tensor->shape);
    for (int64_t i = 0; i < opened_count && i < 64; i++) {
      opened_values[i] = ((float *)converted.data)[i];
    }
    jimm_tensor_close(&converted);
  }
  jimm_state_close(&state);
  return status;
}

jimm_status open_pickle(const void *pickle, size_t size) {
  static const float floats[] = {0, 1, 2, 3, 4, 5};
  zip_begin();
  zip_add("x/data.pkl", pickle, size, NULL);
  zip_add("x/byteorder", "little", 6, NULL);
  zip_add("x/data/0", floats, sizeof floats, NULL);
  zip_end();
  return open_bytes(zip_bytes, zip_size);
}
