// Checkpoints made byte by byte, with what is wrong in them.
#ifndef TEST_CHECKPOINT_BUILD_H
#define TEST_CHECKPOINT_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/status.h>

// ---- zip archives ----

// What the archive says of an entry beyond what is so.
typedef struct zip_lie {
  const char *local_name;  // NULL: the name
  uint32_t size_more;      // in the directory
  uint32_t local_size_more, local_crc_more;
  uint16_t method, flags, local_flags_more;
  int64_t offset_more;  // of where the directory says the local header is
  bool wide;            // sizes of 64 bits in extra fields
} zip_lie;

// Begins an archive; its bytes are zip_bytes, zip_size of them after zip_end.
void zip_begin(void);
void zip_add(const char *name, const void *data, size_t size, const zip_lie *lie);
void zip_end(void);
extern unsigned char zip_bytes[1 << 20];
extern size_t zip_size, zip_directory;  // the directory's first byte

// ---- opening ----

// jimm_state_open of these bytes; closes the state. Leaves the library's message.
jimm_status open_bytes(const void *data, size_t size);
// The same of an archive with this pickle, the byte order, and a storage "0" of six floats 0 to 5.
jimm_status open_pickle(const void *pickle, size_t size);

// The first `count` values of tensor "a" of what was opened last, as floats.
extern float opened_values[64];
extern int64_t opened_count;  // of its elements; -1: no such tensor

// ---- pickles ----

#define PROTO2 "\x80\2"
#define TEXT1(C) "X\1\0\0\0" C
#define KEY_A TEXT1("a")
#define STORAGE_OF(CLASS, KEY, COUNT) \
  "(X\7\0\0\0storagectorch\n" CLASS "\n" KEY "X\3\0\0\0cpu" COUNT "tQ"
#define STORAGE STORAGE_OF("FloatStorage", TEXT1("0"), "K\6")
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n"
// A tensor: offset, sizes, strides as opcodes.
#define TENSOR_OF(STORED, OFFSET, SIZES, STRIDES) \
  REBUILD "(" STORED OFFSET "(" SIZES "t(" STRIDES "t\x89}tR"
#define TENSOR TENSOR_OF(STORAGE, "K\0", "K\6", "K\1")
#define STATE(ITEMS) PROTO2 "}(" ITEMS "u."
#define STATE_A(VALUE) STATE(KEY_A VALUE)

#endif
