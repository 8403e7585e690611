/* .npy files: NumPy's formats 1.0 to 3.0 (numpy/lib/format). The header is a Python dict literal;
 * what is read here is the subset that NumPy writes. */
#include <stdint.h>
#include <string.h>

#include <jimm/tensor.h>

#include "base/alloc.h"
#include "base/locale.h"
#include "base/os.h"
#include "tensor/tensor.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6

/* NumPy's type codes for our element types, without the byte order. */
static const struct {
  const char *code;
  jimm_dtype dtype;
} codes[] = {{"f8", JIMM_F64}, {"f4", JIMM_F32}, {"f2", JIMM_F16}, {"i8", JIMM_I64},
             {"i4", JIMM_I32}, {"i2", JIMM_I16}, {"i1", JIMM_I8},  {"u8", JIMM_U64},
             {"u4", JIMM_U32}, {"u2", JIMM_U16}, {"u1", JIMM_U8},  {"b1", JIMM_BOOL}};
#define CODE_COUNT (sizeof codes / sizeof codes[0])

/* The header's text while it is parsed. Offsets in messages count from the start of the file. */
typedef struct header {
  const char *path;
  const unsigned char *file;
  size_t at, end;
  jimm_dtype dtype;
  jimm_shape shape;
} header;

/* ---- reading ---- */

static jimm_status expected(const header *h, const char *what) {
  return jimm_fail(JIMM_ERROR_FORMAT, "%s: malformed .npy header at byte %zu: expected %s", h->path,
                   h->at, what);
}

static void skip_space(header *h) {
  while (h->at < h->end && (h->file[h->at] == ' ' || h->file[h->at] == '\t' ||
                            h->file[h->at] == '\n' || h->file[h->at] == '\r')) {
    h->at++;
  }
}

/* Takes `c` if it comes next, and the spaces after it. */
static bool take(header *h, char c) {
  if (h->at >= h->end || h->file[h->at] != (unsigned char)c) {
    return false;
  }
  h->at++;
  skip_space(h);
  return true;
}

static bool take_word(header *h, const char *word) {
  size_t length = strlen(word);
  if (h->end - h->at < length || memcmp(h->file + h->at, word, length) != 0) {
    return false;
  }
  h->at += length;
  skip_space(h);
  return true;
}

/* A string in single or double quotes, without escapes. Borrowed from the file. */
static jimm_status read_string(header *h, const char **string, size_t *length) {
  const unsigned char quote = h->at < h->end ? h->file[h->at] : 0;
  if (quote != '\'' && quote != '"') {
    return expected(h, "a string in quotes");
  }
  size_t end = h->at + 1;
  while (end < h->end && h->file[end] != quote && h->file[end] != '\\' && h->file[end] >= 0x20) {
    end++;
  }
  if (end >= h->end || h->file[end] != quote) {
    return expected(h, "a string that ends and has no escapes");
  }
  *string = (const char *)h->file + h->at + 1;
  *length = end - h->at - 1;
  h->at = end + 1;
  skip_space(h);
  return JIMM_OK;
}

static jimm_status read_descr(header *h) {
  if (h->at < h->end && h->file[h->at] == '[') {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: structured arrays are not supported", h->path);
  }
  const char *descr;
  size_t length;
  jimm_status status = read_string(h, &descr, &length);
  if (status != JIMM_OK) {
    return status;
  }
  char shown[JIMM_SHOW_TEXT];
  jimm_show(shown, sizeof shown, descr, length);
  if (length >= 2 && descr[1] == 'O') {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: arrays of Python objects are not supported",
                     h->path);
  }
  h->dtype = JIMM_DTYPE_NONE;
  for (size_t i = 0; length == 3 && i < CODE_COUNT; i++) {
    if (memcmp(descr + 1, codes[i].code, 2) == 0) {
      h->dtype = codes[i].dtype;
    }
  }
  const bool byte_order_matters = jimm_dtype_size(h->dtype) > 1;
  if (h->dtype != JIMM_DTYPE_NONE && byte_order_matters && descr[0] == '>') {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "%s: element type %s is big-endian, expected little-endian", h->path, shown);
  }
  if (h->dtype == JIMM_DTYPE_NONE || strchr(byte_order_matters ? "<=" : "|<>=", descr[0]) == NULL) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "%s: unsupported element type %s, expected a bool, integer or floating type",
                     h->path, shown);
  }
  return JIMM_OK;
}

static jimm_status read_fortran_order(header *h) {
  if (take_word(h, "True")) {
    return jimm_fail(
        JIMM_ERROR_UNSUPPORTED,
        "%s: the array is in Fortran order, expected C order (numpy.ascontiguousarray)", h->path);
  }
  return take_word(h, "False") ? JIMM_OK : expected(h, "True or False");
}

static jimm_status read_dimension(header *h, int64_t *dimension) {
  int64_t value = 0;
  const size_t start = h->at;
  for (; h->at < h->end && h->file[h->at] >= '0' && h->file[h->at] <= '9'; h->at++) {
    if (__builtin_mul_overflow(value, INT64_C(10), &value) ||
        __builtin_add_overflow(value, (int64_t)(h->file[h->at] - '0'), &value)) {
      return expected(h, "a dimension below 2^63");
    }
  }
  if (h->at == start) {
    return expected(h, "a dimension that is an integer from 0 on");
  }
  h->at += h->at < h->end && h->file[h->at] == 'L'; /* written by Python 2 */
  skip_space(h);
  *dimension = value;
  return JIMM_OK;
}

/* A tuple: (), (3,), (3, 4), (3, 4,). */
static jimm_status read_shape(header *h) {
  int64_t rank = 0;
  bool comma = false;
  if (!take(h, '(')) {
    return expected(h, "a tuple as shape");
  }
  while (!take(h, ')')) {
    if (rank > 0 && !comma) {
      return expected(h, "',' or ')'");
    }
    int64_t dimension = 0;
    jimm_status status = read_dimension(h, &dimension);
    if (status != JIMM_OK) {
      return status;
    }
    if (rank < JIMM_MAX_RANK) {
      h->shape.dim[rank] = dimension;
    }
    rank++;
    comma = take(h, ',');
  }
  if (rank == 1 && !comma) {
    return expected(h, "a tuple as shape, found a number in parentheses");
  }
  if (rank > JIMM_MAX_RANK) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: the array has rank %lld, expected at most %d",
                     h->path, (long long)rank, JIMM_MAX_RANK);
  }
  h->shape.rank = (int32_t)rank;
  return JIMM_OK;
}

static jimm_status read_dict(header *h) {
  static const struct {
    const char *key;
    jimm_status (*read)(header *h);
  } members[] = {
      {"descr", read_descr}, {"fortran_order", read_fortran_order}, {"shape", read_shape}};
  unsigned seen = 0;
  skip_space(h);
  if (!take(h, '{')) {
    return expected(h, "'{'");
  }
  while (!take(h, '}')) {
    const char *key;
    size_t length = 0, member = 0;
    const size_t start = h->at;
    jimm_status status = read_string(h, &key, &length);
    if (status != JIMM_OK) {
      return status;
    }
    while (member < 3 && (strlen(members[member].key) != length ||
                          memcmp(members[member].key, key, length) != 0)) {
      member++;
    }
    if (member == 3 || (seen & 1u << member) != 0) {
      h->at = start;
      return expected(h, "the keys descr, fortran_order and shape, each once");
    }
    seen |= 1u << member;
    if (!take(h, ':')) {
      return expected(h, "':'");
    }
    status = members[member].read(h);
    if (status != JIMM_OK) {
      return status;
    }
    if (!take(h, ',') && (h->at >= h->end || h->file[h->at] != '}')) {
      return expected(h, "',' or '}'");
    }
  }
  if (seen != 7) {
    return expected(h, "the keys descr, fortran_order and shape, each once");
  }
  return h->at == h->end ? JIMM_OK : expected(h, "nothing after '}'");
}

/* Magic, version, header. Leaves h->end at the first byte of the data. */
static jimm_status read_header(header *h, const jimm_mapping *mapping) {
  if (mapping->size < MAGIC_SIZE + 2 || memcmp(mapping->data, MAGIC, MAGIC_SIZE) != 0) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: not a .npy file: it does not begin with \\x93NUMPY",
                     h->path);
  }
  const unsigned major = mapping->data[6], minor = mapping->data[7];
  if (major < 1 || major > 3 || minor != 0) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED,
                     "%s: .npy format version %u.%u, expected 1.0, 2.0 or 3.0", h->path, major,
                     minor);
  }
  const size_t length_bytes = major == 1 ? 2 : 4;
  const size_t start = MAGIC_SIZE + 2 + length_bytes;
  if (mapping->size < start) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: truncated .npy file: %zu bytes", h->path,
                     mapping->size);
  }
  size_t length = 0;
  for (size_t i = 0; i < length_bytes; i++) {
    length |= (size_t)mapping->data[MAGIC_SIZE + 2 + i] << 8 * i;
  }
  if (length > mapping->size - start) {
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: truncated .npy file: a header of %zu bytes, but only %zu follow", h->path,
                     length, mapping->size - start);
  }
  h->file = mapping->data;
  h->at = start;
  h->end = start + length;
  return read_dict(h);
}

jimm_status jimm_npy_read(const char *path, jimm_tensor *tensor) {
  if (path == NULL || tensor == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_npy_read: path or tensor is NULL");
  }
  *tensor = (jimm_tensor){.dtype = JIMM_DTYPE_NONE};
  header h = {.path = path};
  jimm_mapping mapping;
  jimm_status status = jimm_os_map(path, &mapping);
  if (status == JIMM_OK) {
    status = read_header(&h, &mapping);
  }
  if (status != JIMM_OK) {
    jimm_os_unmap(&mapping);
    return status;
  }
  char text[JIMM_SHAPE_TEXT];
  const size_t have = mapping.size - h.end;
  const int64_t count = jimm_shape_count(&h.shape);
  size_t bytes = 0;
  if (count < 0 || __builtin_mul_overflow((size_t)count, jimm_dtype_size(h.dtype), &bytes)) {
    status = jimm_fail(JIMM_ERROR_FORMAT, "%s: the size of %s %s overflows", path,
                       jimm_dtype_name(h.dtype), jimm_shape_format(&h.shape, text, sizeof text));
  } else if (bytes != have) {
    status = jimm_fail(JIMM_ERROR_FORMAT, "%s: %s: %s %s takes %zu bytes, found %zu", path,
                       have < bytes ? "truncated .npy file" : "bytes after the array",
                       jimm_dtype_name(h.dtype), jimm_shape_format(&h.shape, text, sizeof text),
                       bytes, have);
  } else {
    status = jimm_tensor_create(h.dtype, &h.shape, tensor);
    if (status == JIMM_OK && bytes > 0) {
      memcpy(tensor->data, mapping.data + h.end, bytes);
    } else if (status != JIMM_OK) {
      jimm_fail_context(status, "%s", path);
    }
  }
  jimm_os_unmap(&mapping);
  return status;
}

/* ---- writing ---- */

/* The header as NumPy writes it: room for the first dimension to grow to 21 digits, then spaces so
 * that the data begin at a multiple of 64 bytes. */
static size_t make_header(const jimm_tensor *tensor, const char *code, char *out, size_t size) {
  const jimm_shape *shape = &tensor->shape;
  const size_t start = MAGIC_SIZE + 4;
  size_t at = start, first_digits = 21;
  at += (size_t)jimm_snprintf(out + at, size - at,
                              "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                              jimm_dtype_size(tensor->dtype) == 1 ? '|' : '<', code);
  for (int32_t i = 0; i < shape->rank; i++) {
    int digits = jimm_snprintf(out + at, size - at, "%lld", (long long)shape->dim[i]);
    first_digits = i == 0 ? (size_t)digits : first_digits;
    at += (size_t)digits;
    at += (size_t)jimm_snprintf(out + at, size - at, "%s",
                                i + 1 < shape->rank ? ", "
                                : shape->rank == 1  ? ","
                                                    : "");
  }
  at += (size_t)jimm_snprintf(out + at, size - at, "), }");
  for (; first_digits < 21; first_digits++) {
    out[at++] = ' ';
  }
  do {
    out[at++] = ' ';
  } while ((at + 1) % 64 != 0);
  out[at++] = '\n';
  memcpy(out, MAGIC "\x01\x00", MAGIC_SIZE + 2);
  out[MAGIC_SIZE + 2] = (char)((at - start) & 0xFF);
  out[MAGIC_SIZE + 3] = (char)((at - start) >> 8);
  return at;
}

jimm_status jimm_npy_write(const char *path, const jimm_tensor *tensor) {
  size_t bytes;
  if (path == NULL || tensor == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_npy_write: path or tensor is NULL");
  }
  jimm_status status = jimm_tensor_check(tensor, &bytes);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "%s", path);
  }
  const char *code = NULL;
  for (size_t i = 0; i < CODE_COUNT; i++) {
    if (codes[i].dtype == tensor->dtype) {
      code = codes[i].code;
    }
  }
  if (code == NULL) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: NumPy has no element type %s", path,
                     jimm_dtype_name(tensor->dtype));
  }
  char text[512]; /* 8 dimensions of up to 19 digits and the words around them take at most 300 */
  const size_t length = make_header(tensor, code, text, sizeof text);
  jimm_writer writer;
  status = jimm_writer_open(path, &writer);
  if (status != JIMM_OK) {
    return status;
  }
  status = jimm_writer_write(&writer, text, length);
  if (status == JIMM_OK) {
    status = jimm_writer_write(&writer, tensor->data, bytes);
  }
  if (status != JIMM_OK) {
    jimm_writer_abandon(&writer);
    return status;
  }
  return jimm_writer_commit(&writer);
}
