#include "parity/hdf5.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "base/locale.h"

/* ---- the library's lock and errors ---- */

static pthread_mutex_t library = PTHREAD_MUTEX_INITIALIZER;

void jimm_hdf5_enter(jimm_hdf5_session *session) {
  pthread_mutex_lock(&library);
  H5Eget_auto2(H5E_DEFAULT, &session->printer, &session->printer_data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void jimm_hdf5_leave(const jimm_hdf5_session *session) {
  H5Eclear2(H5E_DEFAULT);
  H5Eset_auto2(H5E_DEFAULT, session->printer, session->printer_data);
  pthread_mutex_unlock(&library);
}

/* The first record of the stack that says something is the innermost reason. */
static herr_t copy_reason(unsigned n, const H5E_error2_t *error, void *context) {
  char *reason = context;
  (void)n;
  if (reason[0] == 0 && error->desc != NULL) {
    jimm_snprintf(reason, 256, "%s", error->desc);
  }
  return 0;
}

jimm_status jimm_hdf5_fail(jimm_status status, const char *path, const char *format, ...) {
  char reason[256] = "", what[768];
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, copy_reason, reason);
  va_list args;
  va_start(args, format);
  jimm_vsnprintf(what, sizeof what, format, args);
  va_end(args);
  return jimm_fail(status, "%s: %s%s%s", path, what, reason[0] == 0 ? "" : ": ", reason);
}

bool jimm_parity_has_hdf5(void) {
  return true;
}

/* ---- element types ---- */

/* The layouts of floating types: sizes in bits, from the least significant bit. */
static const struct {
  jimm_dtype dtype;
  size_t bytes, exponent_bits, fraction_bits, bias;
} floats[] = {{JIMM_F64, 8, 11, 52, 1023},
              {JIMM_F32, 4, 8, 23, 127},
              {JIMM_F16, 2, 5, 10, 15},
              {JIMM_BF16, 2, 8, 7, 127}};
#define FLOAT_COUNT (sizeof floats / sizeof floats[0])

static const char *const bool_names[] = {"FALSE", "TRUE"};

static hid_t make_float(size_t row) {
  const size_t fraction = floats[row].fraction_bits, exponent = floats[row].exponent_bits;
  hid_t type = H5Tcopy(floats[row].bytes == 8 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE);
  if (type >= 0 && floats[row].bytes == 2 &&
      (H5Tset_fields(type, exponent + fraction, fraction, exponent, 0, fraction) < 0 ||
       H5Tset_size(type, 2) < 0 || H5Tset_ebias(type, floats[row].bias) < 0)) {
    H5Tclose(type);
    return -1;
  }
  return type;
}

static hid_t make_bool(void) {
  hid_t type = H5Tenum_create(H5T_STD_I8LE);
  for (signed char value = 0; value < 2 && type >= 0; value++) {
    if (H5Tenum_insert(type, bool_names[value], &value) < 0) {
      H5Tclose(type);
      type = -1;
    }
  }
  return type;
}

hid_t jimm_hdf5_type_make(jimm_dtype dtype) {
  for (size_t i = 0; i < FLOAT_COUNT; i++) {
    if (floats[i].dtype == dtype) {
      return make_float(i);
    }
  }
  switch (dtype) {
    case JIMM_I64:
      return H5Tcopy(H5T_STD_I64LE);
    case JIMM_I32:
      return H5Tcopy(H5T_STD_I32LE);
    case JIMM_I16:
      return H5Tcopy(H5T_STD_I16LE);
    case JIMM_I8:
      return H5Tcopy(H5T_STD_I8LE);
    case JIMM_U64:
      return H5Tcopy(H5T_STD_U64LE);
    case JIMM_U32:
      return H5Tcopy(H5T_STD_U32LE);
    case JIMM_U16:
      return H5Tcopy(H5T_STD_U16LE);
    case JIMM_U8:
      return H5Tcopy(H5T_STD_U8LE);
    case JIMM_BOOL:
      return make_bool();
    default:
      return -1;
  }
}

static jimm_dtype find_float(hid_t type) {
  size_t sign, exponent, exponent_bits, fraction, fraction_bits;
  if (H5Tget_fields(type, &sign, &exponent, &exponent_bits, &fraction, &fraction_bits) < 0 ||
      H5Tget_norm(type) != H5T_NORM_IMPLIED) {
    return JIMM_DTYPE_NONE;
  }
  for (size_t i = 0; i < FLOAT_COUNT; i++) {
    if (H5Tget_size(type) == floats[i].bytes && sign == 8 * floats[i].bytes - 1 &&
        exponent_bits == floats[i].exponent_bits && exponent == floats[i].fraction_bits &&
        fraction == 0 && fraction_bits == floats[i].fraction_bits &&
        H5Tget_ebias(type) == floats[i].bias) {
      return floats[i].dtype;
    }
  }
  return JIMM_DTYPE_NONE;
}

static jimm_dtype find_integer(hid_t type) {
  static const jimm_dtype signed_types[] = {JIMM_I8, JIMM_I16, JIMM_I32, JIMM_I64};
  static const jimm_dtype unsigned_types[] = {JIMM_U8, JIMM_U16, JIMM_U32, JIMM_U64};
  const size_t bytes = H5Tget_size(type);
  if (H5Tget_precision(type) != 8 * bytes || H5Tget_offset(type) != 0) {
    return JIMM_DTYPE_NONE;
  }
  for (size_t i = 0; i < 4; i++) {
    if (bytes == (size_t)1 << i) {
      return H5Tget_sign(type) == H5T_SGN_2 ? signed_types[i] : unsigned_types[i];
    }
  }
  return JIMM_DTYPE_NONE;
}

/* h5py's bool: a byte with the members FALSE = 0 and TRUE = 1. */
static bool is_bool(hid_t type) {
  if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2) {
    return false;
  }
  for (unsigned i = 0; i < 2; i++) {
    signed char value = -1;
    char *name = H5Tget_member_name(type, i);
    bool fits = name != NULL && H5Tget_member_value(type, i, &value) >= 0 && value >= 0 &&
                value < 2 && strcmp(name, bool_names[(size_t)value]) == 0;
    if (name != NULL) {
      H5free_memory(name);
    }
    if (!fits) {
      return false;
    }
  }
  return true;
}

jimm_dtype jimm_hdf5_type_find(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return find_float(type);
    case H5T_INTEGER:
      return find_integer(type);
    case H5T_ENUM:
      return is_bool(type) ? JIMM_BOOL : JIMM_DTYPE_NONE;
    default:
      return JIMM_DTYPE_NONE;
  }
}
