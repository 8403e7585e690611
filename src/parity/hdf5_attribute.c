/* The attributes of an HDF5 file. */
#include <string.h>

#include "base/alloc.h"
#include "parity/hdf5_read.h"

/* A text of less than `limit` bytes, in a new string; the attribute must be a single string. */
static jimm_status copy_text(const jimm_hdf5_walk *w, const char *name, const char *text,
                             size_t limit, char **result) {
  const size_t length = strnlen(text, limit);
  if (length == limit) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: the attribute %s has more than %zu bytes", w->path,
                     name, limit - 1);
  }
  *result = jimm_strndup(text, length);
  return *result == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

static jimm_status read_text(const jimm_hdf5_walk *w, hid_t attribute, hid_t type, const char *name,
                             char **result) {
  char fixed[JIMM_PARITY_TEXT_BYTES] = "";
  char *variable = NULL;
  jimm_status status;
  if (H5Tis_variable_str(type) > 0) {
    hid_t memory_type = H5Tcopy(H5T_C_S1);
    if (memory_type < 0 || H5Tset_size(memory_type, H5T_VARIABLE) < 0 ||
        H5Tset_cset(memory_type, H5Tget_cset(type)) < 0 ||
        H5Aread(attribute, memory_type, (void *)&variable) < 0) {
      status = jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "the attribute %s cannot be read", name);
    } else {
      status = copy_text(w, name, variable == NULL ? "" : variable, JIMM_PARITY_TEXT_BYTES, result);
      H5free_memory(variable);
    }
    if (memory_type >= 0) {
      H5Tclose(memory_type);
    }
    return status;
  }
  if (H5Tget_size(type) >= sizeof fixed) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: the attribute %s has more than %zu bytes", w->path,
                     name, sizeof fixed - 1);
  }
  return H5Aread(attribute, type, fixed) < 0
             ? jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "the attribute %s cannot be read", name)
             : copy_text(w, name, fixed, sizeof fixed, result);
}

jimm_status jimm_hdf5_read_attribute(const jimm_hdf5_walk *w, hid_t file, const char *name,
                                     char **result) {
  const htri_t there = H5Aexists(file, name);
  if (there == 0) {
    return JIMM_OK;
  }
  hid_t attribute = there < 0 ? -1 : H5Aopen(file, name, H5P_DEFAULT);
  hid_t type = attribute < 0 ? -1 : H5Aget_type(attribute);
  hid_t space = attribute < 0 ? -1 : H5Aget_space(attribute);
  jimm_status status = JIMM_OK;
  if (type < 0 || space < 0) {
    status = jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "the attribute %s cannot be read", name);
  } else if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) {
    status =
        jimm_fail(JIMM_ERROR_FORMAT, "%s: the attribute %s: expected one string", w->path, name);
  } else {
    status = read_text(w, attribute, type, name, result);
  }
  if (space >= 0) {
    H5Sclose(space);
  }
  if (type >= 0) {
    H5Tclose(type);
  }
  if (attribute >= 0) {
    H5Aclose(attribute);
  }
  return status;
}
