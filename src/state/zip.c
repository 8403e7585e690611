/* Zip archives (PKWARE's APPNOTE 6.3), read-only: entries as they are, no decompression. The
 * directory at the end is the truth; every local header must agree with it. */
#include "state/zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/locale.h"
#include "state/bytes.h"

#define LOCAL_SIGNATURE 0x04034B50u
#define CENTRAL_SIGNATURE 0x02014B50u
#define END_SIGNATURE 0x06054B50u
#define END64_SIGNATURE 0x06064B50u
#define LOCATOR_SIGNATURE 0x07064B50u
#define LOCAL_SIZE 30
#define CENTRAL_SIZE 46
#define END_SIZE 22
#define END64_SIZE 56
#define LOCATOR_SIZE 20
#define COMMENT_LIMIT 65535
#define ENTRY_LIMIT ((uint64_t)1 << 20)
#define DIRECTORY_LIMIT ((uint64_t)1 << 28)
/* Fields that are too small hold this, and a field of 64 bits elsewhere holds the number. */
#define IN_64_BITS 0xFFFFFFFFu
#define EXTRA_64_BITS 1u
/* Bits of an entry's flags. */
#define FLAG_ENCRYPTED 0x0001u
#define FLAG_DESCRIPTOR 0x0008u /* checksum and sizes follow the data, not the local header */
#define FLAG_PATCH 0x0020u
#define FLAG_STRONG 0x0040u
#define FLAG_MASKED 0x2000u

typedef struct reader {
  const unsigned char *data;
  uint64_t size;
  uint64_t directory, directory_size, count; /* of the central directory */
  jimm_zip *zip;
} reader;

static uint32_t u16(const unsigned char *at) {
  return (uint32_t)jimm_little_endian(at, 2);
}

static uint32_t u32(const unsigned char *at) {
  return (uint32_t)jimm_little_endian(at, 4);
}

static uint64_t u64(const unsigned char *at) {
  return jimm_little_endian(at, 8);
}

/* ---- the end of the archive ---- */

/* The end record: the last one whose comment ends where the file ends. */
static jimm_status find_end(const reader *r, uint64_t *end) {
  for (uint64_t comment = 0; comment <= COMMENT_LIMIT && r->size >= END_SIZE + comment; comment++) {
    const uint64_t at = r->size - END_SIZE - comment;
    if (u32(r->data + at) == END_SIGNATURE && u16(r->data + at + 20) == comment) {
      *end = at;
      return JIMM_OK;
    }
  }
  return jimm_fail(JIMM_ERROR_FORMAT,
                   "%s: truncated: a zip archive without the record that ends it", r->zip->path);
}

/* The end record of 64 bits, which a locator just before the other one points to. */
static jimm_status read_end64(reader *r, uint64_t end) {
  const unsigned char *locator = r->data + end - LOCATOR_SIZE;
  const uint64_t at = u64(locator + 8);
  if (at > end - LOCATOR_SIZE || end - LOCATOR_SIZE - at < END64_SIZE ||
      u32(r->data + at) != END64_SIGNATURE) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: byte %llu: expected the end record of 64 bits at byte %llu, as its "
                     "locator says",
                     r->zip->path, (unsigned long long)(end - LOCATOR_SIZE),
                     (unsigned long long)at);
  }
  const unsigned char *record = r->data + at;
  if (u32(record + 16) != 0 || u32(record + 20) != 0 || u64(record + 24) != u64(record + 32)) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: a zip archive of several files", r->zip->path);
  }
  r->count = u64(record + 32);
  r->directory_size = u64(record + 40);
  r->directory = u64(record + 48);
  return JIMM_OK;
}

static jimm_status read_end(reader *r) {
  uint64_t end = 0;
  jimm_status status = find_end(r, &end);
  if (status != JIMM_OK) {
    return status;
  }
  const unsigned char *record = r->data + end;
  r->count = u16(record + 10);
  r->directory_size = u32(record + 12);
  r->directory = u32(record + 16);
  if (end >= LOCATOR_SIZE && u32(record - LOCATOR_SIZE) == LOCATOR_SIGNATURE) {
    status = read_end64(r, end);
  } else if (u16(record + 4) != 0 || u16(record + 6) != 0 || u16(record + 8) != r->count) {
    status = jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: a zip archive of several files", r->zip->path);
  }
  if (status != JIMM_OK) {
    return status;
  }
  if (r->directory > end || r->directory_size > end - r->directory) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: the directory (byte %llu, %llu bytes) reaches past its end at byte %llu",
                     r->zip->path, (unsigned long long)r->directory,
                     (unsigned long long)r->directory_size, (unsigned long long)end);
  }
  if (r->count > ENTRY_LIMIT || r->directory_size > DIRECTORY_LIMIT) {
    return jimm_fail(JIMM_ERROR_LIMIT,
                     "%s: a directory of %llu entries and %llu bytes, expected at most %llu "
                     "and %llu",
                     r->zip->path, (unsigned long long)r->count,
                     (unsigned long long)r->directory_size, (unsigned long long)ENTRY_LIMIT,
                     (unsigned long long)DIRECTORY_LIMIT);
  }
  if (r->count * CENTRAL_SIZE > r->directory_size) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: %llu entries do not fit a directory of %llu bytes",
                     r->zip->path, (unsigned long long)r->count,
                     (unsigned long long)r->directory_size);
  }
  return JIMM_OK;
}

/* ---- entries ---- */

/* An error of the entry `name` whose directory record or local header is at byte `at`. */
static jimm_status fail_entry(const reader *r, const char *name, uint64_t at, jimm_status status,
                              const char *what) {
  char shown[JIMM_SHOW_TEXT];
  return jimm_fail(status, "%s: entry %s (byte %llu): %s", r->zip->path,
                   jimm_show(shown, sizeof shown, name, strlen(name)), (unsigned long long)at,
                   what);
}

/* Whether a path stays below the folder that it starts from. */
static bool is_safe_name(const char *name) {
  if (name[0] == 0 || name[0] == '/' || strchr(name, '\\') != NULL || strchr(name, ':') != NULL) {
    return false;
  }
  for (const char *part = name; part != NULL; part = strchr(part, '/')) {
    part += *part == '/';
    const size_t length = strcspn(part, "/");
    if (length == 2 && part[0] == '.' && part[1] == '.') {
      return false;
    }
  }
  return true;
}

/* What one directory record says. */
typedef struct record {
  uint64_t at; /* in the file */
  uint32_t flags, method, crc;
  uint64_t stored, size, begin;
} record;

/* The numbers of 64 bits of a record's extra field: those whose short fields are full, in this
 * order. */
static bool read_extra(const unsigned char *extra, size_t length, record *to) {
  uint64_t *const fields[] = {&to->size, &to->stored, &to->begin};
  while (length >= 4) {
    const uint32_t id = u16(extra);
    size_t left = u16(extra + 2);
    extra += 4;
    length -= 4;
    if (left > length) {
      return false;
    }
    const unsigned char *at = extra;
    extra += left;
    length -= left;
    for (int i = 0; i < 3 && id == EXTRA_64_BITS; i++) {
      if (*fields[i] == IN_64_BITS) {
        if (left < 8) {
          return false;
        }
        *fields[i] = u64(at);
        at += 8;
        left -= 8;
      }
    }
    if (id == EXTRA_64_BITS) {
      return true;
    }
  }
  return to->size != IN_64_BITS && to->stored != IN_64_BITS && to->begin != IN_64_BITS;
}

/* What the format allows, but jimm does not read. */
static jimm_status check_kind(const reader *r, const char *name, const record *from) {
  if ((from->flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) != 0) {
    return fail_entry(r, name, from->at, JIMM_ERROR_UNSUPPORTED, "it is encrypted");
  }
  if ((from->flags & FLAG_PATCH) != 0) {
    return fail_entry(r, name, from->at, JIMM_ERROR_UNSUPPORTED, "it is a patch");
  }
  if (from->method == 0 && from->stored != from->size) {
    return fail_entry(r, name, from->at, JIMM_ERROR_FORMAT,
                      "it is stored, but its two sizes differ");
  }
  return JIMM_OK;
}

/* The local header must say what the directory says; the data follow it. */
static jimm_status read_local(const reader *r, const record *from, jimm_zip_entry *entry) {
  const char *name = entry->name;
  const size_t length = strlen(name);
  if (from->begin > r->directory || r->directory - from->begin < LOCAL_SIZE ||
      u32(r->data + from->begin) != LOCAL_SIGNATURE) {
    return fail_entry(r, name, from->at, JIMM_ERROR_FORMAT,
                      "there is no local header where the directory says");
  }
  const unsigned char *local = r->data + from->begin;
  const uint64_t head = LOCAL_SIZE + (uint64_t)u16(local + 26) + u16(local + 28);
  if (head > r->directory - from->begin || from->stored > r->directory - from->begin - head) {
    return fail_entry(r, name, from->at, JIMM_ERROR_FORMAT,
                      "its data reach into the directory (a truncated file?)");
  }
  if (u16(local + 26) != length || memcmp(local + LOCAL_SIZE, name, length) != 0 ||
      u16(local + 6) != from->flags || u16(local + 8) != from->method) {
    return fail_entry(r, name, from->begin, JIMM_ERROR_FORMAT,
                      "its local header has another name, method or flags than the directory");
  }
  record said = {.stored = u32(local + 18), .size = u32(local + 22)};
  const bool later = (from->flags & FLAG_DESCRIPTOR) != 0;
  const bool extra = read_extra(local + LOCAL_SIZE + length, u16(local + 28), &said);
  const bool sizes = extra && said.size == from->size && said.stored == from->stored;
  const bool none = later && said.size == 0 && said.stored == 0;
  const uint32_t crc = u32(local + 14);
  if (!(sizes || none) || !(crc == from->crc || (later && crc == 0))) {
    return fail_entry(r, name, from->begin, JIMM_ERROR_FORMAT,
                      "its local header has another size or checksum than the directory");
  }
  entry->data = local + head;
  entry->size = (size_t)from->stored;
  entry->method = from->method;
  entry->crc = from->crc;
  entry->begin = from->begin;
  return JIMM_OK;
}

/* Reads the directory record at *at, which it moves on. */
static jimm_status read_entry(reader *r, uint64_t *at, jimm_zip_entry *entry) {
  const uint64_t left = r->directory + r->directory_size - *at;
  const unsigned char *central = r->data + *at;
  if (left < CENTRAL_SIZE || u32(central) != CENTRAL_SIGNATURE) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: byte %llu: expected a record of the directory",
                     r->zip->path, (unsigned long long)*at);
  }
  const size_t length = u16(central + 28), extra = u16(central + 30), comment = u16(central + 32);
  if (length + extra + comment > left - CENTRAL_SIZE) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: byte %llu: a record reaches past the end of the directory", r->zip->path,
                     (unsigned long long)*at);
  }
  char *name = jimm_arena_alloc(&r->zip->names, length + 1);
  if (name == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  memcpy(name, central + CENTRAL_SIZE, length);
  entry->name = name;
  record from = {.at = *at,
                 .flags = u16(central + 8),
                 .method = u16(central + 10),
                 .crc = u32(central + 16),
                 .stored = u32(central + 20),
                 .size = u32(central + 24),
                 .begin = u32(central + 42)};
  if (strlen(name) != length || !is_safe_name(name)) {
    return fail_entry(r, name, *at, JIMM_ERROR_FORMAT,
                      "expected a relative name without \"..\", '\\', ':' and zero bytes");
  }
  if (!read_extra(central + CENTRAL_SIZE + length, extra, &from)) {
    return fail_entry(r, name, *at, JIMM_ERROR_FORMAT, "its sizes of 64 bits are not there");
  }
  jimm_status status = check_kind(r, name, &from);
  if (status == JIMM_OK) {
    status = read_local(r, &from, entry);
  }
  *at += CENTRAL_SIZE + length + extra + comment;
  return status;
}

/* ---- the archive ---- */

static int compare_begins(const void *left, const void *right) {
  const jimm_zip_entry *a = left, *b = right;
  return (a->begin > b->begin) - (a->begin < b->begin);
}

static jimm_status check_apart(const reader *r) {
  for (size_t i = 1; i < r->zip->count; i++) {
    const jimm_zip_entry *before = &r->zip->entries[i - 1], *entry = &r->zip->entries[i];
    if (before->data + before->size > r->data + entry->begin) {
      char shown[JIMM_SHOW_TEXT], text[JIMM_SHOW_TEXT + 32];
      jimm_snprintf(text, sizeof text, "it overlaps entry %s",
                    jimm_show(shown, sizeof shown, before->name, strlen(before->name)));
      return fail_entry(r, entry->name, entry->begin, JIMM_ERROR_FORMAT, text);
    }
  }
  return JIMM_OK;
}

static jimm_status add_names(const reader *r) {
  for (size_t i = 0; i < r->zip->count; i++) {
    const jimm_zip_entry *entry = &r->zip->entries[i];
    const jimm_status status = jimm_map_insert(&r->zip->index, entry->name, (int64_t)i);
    if (status == JIMM_ERROR_INVALID_ARGUMENT) {
      return fail_entry(r, entry->name, entry->begin, JIMM_ERROR_FORMAT, "the name is there twice");
    }
    if (status != JIMM_OK) {
      return status;
    }
  }
  return JIMM_OK;
}

jimm_status jimm_zip_open(const char *path, const unsigned char *data, size_t size, jimm_zip *zip) {
  *zip = (jimm_zip){.path = path};
  reader r = {.data = data, .size = size, .zip = zip};
  jimm_status status = read_end(&r);
  if (status != JIMM_OK) {
    return status;
  }
  zip->entries = jimm_calloc((size_t)r.count, sizeof *zip->entries);
  if (zip->entries == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  uint64_t at = r.directory;
  for (uint64_t i = 0; i < r.count && status == JIMM_OK; i++) {
    status = read_entry(&r, &at, &zip->entries[zip->count++]);
  }
  if (status == JIMM_OK && at != r.directory + r.directory_size) {
    status = jimm_fail(JIMM_ERROR_FORMAT, "%s: the directory has %llu bytes after its %zu entries",
                       path, (unsigned long long)(r.directory + r.directory_size - at), zip->count);
  }
  if (status == JIMM_OK) {
    zip->first = zip->count == 0 ? NULL : zip->entries[0].name;
    qsort(zip->entries, zip->count, sizeof *zip->entries, compare_begins);
    status = check_apart(&r);
  }
  return status == JIMM_OK ? add_names(&r) : status;
}

void jimm_zip_close(jimm_zip *zip) {
  jimm_free(zip->entries);
  jimm_map_close(&zip->index);
  jimm_arena_close(&zip->names);
  *zip = (jimm_zip){.path = NULL};
}

const jimm_zip_entry *jimm_zip_find(const jimm_zip *zip, const char *name) {
  const int64_t index = jimm_map_find(&zip->index, name);
  return index < 0 ? NULL : &zip->entries[index];
}

jimm_status jimm_zip_check_stored(const jimm_zip *zip) {
  for (size_t i = 0; i < zip->count; i++) {
    const jimm_zip_entry *entry = &zip->entries[i];
    if (entry->method != 0) {
      char shown[JIMM_SHOW_TEXT];
      return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                       "%s: entry %s (byte %llu): it is compressed (method %u), expected entries "
                       "that are stored, as torch.save writes them",
                       zip->path, jimm_show(shown, sizeof shown, entry->name, strlen(entry->name)),
                       (unsigned long long)entry->begin, (unsigned)entry->method);
    }
  }
  return JIMM_OK;
}

/* CRC-32 (ISO 3309), four bits at a time. */
static uint32_t checksum(const unsigned char *data, size_t size) {
  static const uint32_t table[16] = {0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu,
                                     0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
                                     0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
                                     0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    crc = crc >> 4 ^ table[crc & 15u];
    crc = crc >> 4 ^ table[crc & 15u];
  }
  return ~crc;
}

jimm_status jimm_zip_check_crc(const jimm_zip *zip, const jimm_zip_entry *entry) {
  const uint32_t got = checksum(entry->data, entry->size);
  if (got == entry->crc) {
    return JIMM_OK;
  }
  char shown[JIMM_SHOW_TEXT];
  return jimm_fail(JIMM_ERROR_FORMAT,
                   "%s: entry %s (byte %llu): damaged: its checksum is %08lx, expected %08lx",
                   zip->path, jimm_show(shown, sizeof shown, entry->name, strlen(entry->name)),
                   (unsigned long long)entry->begin, (unsigned long)got, (unsigned long)entry->crc);
}
