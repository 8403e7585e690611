/* One dataset of an HDF5 file. */
#include <stdint.h>
#include <string.h>

#include "base/child.h"
#include "base/locale.h"
#include "parity/hdf5_read.h"
#include "tensor/tensor.h"

#define BYTES_LIMIT ((uint64_t)16 << 30) /* of all datasets of a fixture */
/* No filter of HDF5 shrinks data by more than about 1000: what claims more was never written. */
#define RATIO_LIMIT 2048

static const char *class_name(hid_t type) {
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return "an integer type of unusual layout";
    case H5T_FLOAT:
      return "a floating type of unusual layout";
    case H5T_STRING:
      return "a string";
    case H5T_COMPOUND:
      return "a compound type";
    case H5T_ENUM:
      return "an enumeration";
    case H5T_VLEN:
      return "a type of variable length";
    case H5T_ARRAY:
      return "an array type";
    default:
      return "another type";
  }
}

/* Storage that jimm does not follow: other files, and filters that are not there. */
static jimm_status check_storage(const jimm_hdf5_walk *w, hid_t dataset, const char *name) {
  jimm_status status = JIMM_OK;
  hid_t properties = H5Dget_create_plist(dataset);
  if (properties < 0) {
    return jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "%s", name);
  }
  if (H5Pget_layout(properties) == H5D_VIRTUAL || H5Pget_external_count(properties) > 0) {
    status =
        jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: %s: its data lie in other files", w->path, name);
  }
  const int filters = H5Pget_nfilters(properties);
  for (int i = 0; status == JIMM_OK && i < filters; i++) {
    char filter_name[64] = "";
    unsigned flags, config;
    size_t values = 0;
    H5Z_filter_t filter = H5Pget_filter2(properties, (unsigned)i, &flags, &values, NULL,
                                         sizeof filter_name, filter_name, &config);
    if (filter < 0 || H5Zfilter_avail(filter) <= 0) {
      char shown[JIMM_SHOW_TEXT];
      status = jimm_fail(
          JIMM_ERROR_UNSUPPORTED,
          "%s: %s: packed with the filter %s (%d), which this HDF5 library lacks", w->path, name,
          jimm_show(shown, sizeof shown, filter_name, strnlen(filter_name, sizeof filter_name)),
          (int)filter);
    }
  }
  H5Pclose(properties);
  return status;
}

/* The dataset's shape. */
static jimm_status read_shape(const jimm_hdf5_walk *w, hid_t dataset, const char *name,
                              jimm_shape *shape) {
  hid_t space = H5Dget_space(dataset);
  if (space < 0) {
    return jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "%s", name);
  }
  jimm_status status = JIMM_OK;
  const H5S_class_t kind = H5Sget_simple_extent_type(space);
  const int rank = H5Sget_simple_extent_ndims(space);
  hsize_t dims[H5S_MAX_RANK] = {0};
  if (kind != H5S_SCALAR && kind != H5S_SIMPLE) {
    status = jimm_fail(JIMM_ERROR_FORMAT, "%s: %s: a dataset without a shape", w->path, name);
  } else if (rank > JIMM_MAX_RANK) {
    status = jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: %s: rank %d, expected at most %d", w->path,
                       name, rank, JIMM_MAX_RANK);
  } else if (rank < 0 || H5Sget_simple_extent_dims(space, dims, NULL) < 0) {
    status = jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "%s: its shape cannot be read", name);
  }
  *shape = (jimm_shape){.rank = rank};
  for (int i = 0; status == JIMM_OK && i < rank; i++) {
    if (dims[i] > (hsize_t)INT64_MAX) {
      status = jimm_fail(JIMM_ERROR_FORMAT, "%s: %s: a dimension of %llu", w->path, name,
                         (unsigned long long)dims[i]);
    } else {
      shape->dim[i] = (int64_t)dims[i];
    }
  }
  H5Sclose(space);
  return status;
}

/* Makes the tensor after looking whether file and limits have room for what the shape claims. */
static jimm_status make_tensor(jimm_hdf5_walk *w, hid_t dataset, const char *name, jimm_dtype dtype,
                               const jimm_shape *shape, jimm_tensor *tensor) {
  size_t bytes;
  jimm_status status = jimm_tensor_check_type(dtype, shape, &bytes);
  if (status != JIMM_OK) {
    return jimm_fail_context(JIMM_ERROR_FORMAT, "%s: %s", w->path, name);
  }
  if (bytes > BYTES_LIMIT - w->bytes) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: %s: more than the limit of %llu bytes in all datasets",
                     w->path, name, (unsigned long long)BYTES_LIMIT);
  }
  const hsize_t stored = H5Dget_storage_size(dataset);
  if (bytes / RATIO_LIMIT > stored || (stored == 0 && bytes > 0)) {
    char text[JIMM_SHAPE_TEXT];
    return jimm_fail(JIMM_ERROR_FORMAT,
                     "%s: %s: %s %s takes %zu bytes, but only %llu were ever written", w->path,
                     name, jimm_dtype_name(dtype), jimm_shape_format(shape, text, sizeof text),
                     bytes, (unsigned long long)stored);
  }
  if (stored > w->size) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: %s: is said to take %llu bytes of a file of %llu",
                     w->path, name, (unsigned long long)stored, (unsigned long long)w->size);
  }
  jimm_child_expect(bytes);
  status = jimm_tensor_create(dtype, shape, tensor);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "%s: %s", w->path, name);
  }
  w->bytes += bytes;
  return JIMM_OK;
}

jimm_status jimm_hdf5_read_dataset(jimm_hdf5_walk *w, hid_t dataset, const char *name,
                                   jimm_tensor *tensor) {
  *tensor = (jimm_tensor){.dtype = JIMM_DTYPE_NONE};
  jimm_shape shape;
  hid_t type = H5Dget_type(dataset);
  if (type < 0) {
    return jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "%s: its type cannot be read", name);
  }
  const jimm_dtype dtype = jimm_hdf5_type_find(type);
  jimm_status status = JIMM_OK;
  if (dtype == JIMM_DTYPE_NONE) {
    status = jimm_fail(JIMM_ERROR_UNSUPPORTED,
                       "%s: %s: expected a bool, integer or floating type, found %s", w->path, name,
                       class_name(type));
  }
  H5Tclose(type);
  if (status == JIMM_OK) {
    status = check_storage(w, dataset, name);
  }
  if (status == JIMM_OK) {
    status = read_shape(w, dataset, name, &shape);
  }
  if (status == JIMM_OK) {
    status = make_tensor(w, dataset, name, dtype, &shape, tensor);
  }
  if (status != JIMM_OK || jimm_tensor_bytes(tensor) == 0) {
    return status;
  }
  hid_t memory_type = jimm_hdf5_type_make(dtype);
  if (memory_type < 0 ||
      H5Dread(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor->data) < 0) {
    jimm_tensor_close(tensor);
    status = jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "%s: its data cannot be read", name);
  }
  if (memory_type >= 0) {
    H5Tclose(memory_type);
  }
  return status;
}
