#include <string.h>

#include "base/locale.h"
#include "base/os.h"
#include "parity/hdf5.h"
#include "tensor/tensor.h"

/* What every dataset is made with. */
typedef struct properties {
  hid_t link;    /* names are UTF-8 */
  hid_t dataset; /* contiguous; without times, so that equal content gives equal files */
} properties;

/* HDF5 takes '/' for a path and "." for the group itself. */
static jimm_status check_name(const char *path, const char *name) {
  if (name[0] == 0 || strcmp(name, ".") == 0 || strchr(name, '/') != NULL) {
    char shown[JIMM_SHOW_TEXT];
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "%s: %s cannot name a dataset: it is empty, \".\" or has a '/'", path,
                     jimm_show(shown, sizeof shown, name, strlen(name)));
  }
  return JIMM_OK;
}

static jimm_status write_dataset(const char *path, hid_t group, const char *name,
                                 const properties *p, const jimm_tensor *tensor) {
  size_t bytes;
  jimm_status status = jimm_tensor_check(tensor, &bytes);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "%s: %s", path, name);
  }
  hsize_t dims[JIMM_MAX_RANK];
  for (int32_t i = 0; i < tensor->shape.rank; i++) {
    dims[i] = (hsize_t)tensor->shape.dim[i];
  }
  hid_t type = jimm_hdf5_type_make(tensor->dtype);
  hid_t space = tensor->shape.rank == 0 ? H5Screate(H5S_SCALAR)
                                        : H5Screate_simple(tensor->shape.rank, dims, NULL);
  hid_t dataset = type < 0 || space < 0
                      ? -1
                      : H5Dcreate2(group, name, type, space, p->link, p->dataset, H5P_DEFAULT);
  if (dataset < 0 ||
      (bytes > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor->data) < 0)) {
    status = jimm_hdf5_fail(JIMM_ERROR_IO, path, "%s cannot be written", name);
  }
  if (dataset >= 0 && H5Dclose(dataset) < 0 && status == JIMM_OK) {
    status = jimm_hdf5_fail(JIMM_ERROR_IO, path, "%s cannot be written", name);
  }
  if (space >= 0) {
    H5Sclose(space);
  }
  if (type >= 0) {
    H5Tclose(type);
  }
  return status;
}

static jimm_status write_group(const char *path, hid_t file, const char *name, const properties *p,
                               const jimm_state *state) {
  hid_t group = H5Gcreate2(file, name, p->link, H5P_DEFAULT, H5P_DEFAULT);
  if (group < 0) {
    return jimm_hdf5_fail(JIMM_ERROR_IO, path, "/%s cannot be written", name);
  }
  jimm_status status = JIMM_OK;
  for (int64_t i = 0; status == JIMM_OK && i < jimm_state_count(state); i++) {
    const char *key = jimm_state_name(state, i);
    status = check_name(path, key);
    if (status == JIMM_OK) {
      status = write_dataset(path, group, key, p, jimm_state_tensor(state, i));
    }
  }
  if (H5Gclose(group) < 0 && status == JIMM_OK) {
    status = jimm_hdf5_fail(JIMM_ERROR_IO, path, "/%s cannot be written", name);
  }
  return status;
}

/* A string of variable length, UTF-8, as h5py writes it; NULL: none. */
static jimm_status write_attribute(const char *path, hid_t file, const char *name,
                                   const char *text) {
  if (text == NULL) {
    return JIMM_OK;
  }
  if (strlen(text) >= JIMM_PARITY_TEXT_BYTES) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: the attribute %s has more than %d bytes",
                     path, name, JIMM_PARITY_TEXT_BYTES - 1);
  }
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), attribute = -1;
  if (type >= 0 && space >= 0 && H5Tset_size(type, H5T_VARIABLE) >= 0 &&
      H5Tset_cset(type, H5T_CSET_UTF8) >= 0) {
    attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  }
  jimm_status status = JIMM_OK;
  if (attribute < 0 || H5Awrite(attribute, type, (const void *)&text) < 0) {
    status = jimm_hdf5_fail(JIMM_ERROR_IO, path, "the attribute %s cannot be written", name);
  }
  if (attribute >= 0) {
    H5Aclose(attribute);
  }
  if (space >= 0) {
    H5Sclose(space);
  }
  if (type >= 0) {
    H5Tclose(type);
  }
  return status;
}

static jimm_status write_content(const char *path, hid_t file, const jimm_parity *parity) {
  properties p = {H5Pcreate(H5P_LINK_CREATE), H5Pcreate(H5P_DATASET_CREATE)};
  jimm_status status = JIMM_OK;
  if (p.link < 0 || p.dataset < 0 || H5Pset_char_encoding(p.link, H5T_CSET_UTF8) < 0 ||
      H5Pset_obj_track_times(p.dataset, false) < 0) {
    status = jimm_hdf5_fail(JIMM_ERROR_INTERNAL, path, "cannot be prepared");
  }
  if (status == JIMM_OK) {
    status = write_dataset(path, file, "input", &p, &parity->input);
  }
  if (status == JIMM_OK) {
    status = write_group(path, file, "state_dict", &p, parity->state);
  }
  if (status == JIMM_OK) {
    status = write_group(path, file, "output", &p, parity->outputs);
  }
  if (status == JIMM_OK && parity->stages != NULL) {
    status = write_group(path, file, "stage", &p, parity->stages);
  }
  if (status == JIMM_OK && parity->channels.dtype != JIMM_DTYPE_NONE) {
    status = write_dataset(path, file, "feature_channels", &p, &parity->channels);
  }
  if (status == JIMM_OK && parity->reductions.dtype != JIMM_DTYPE_NONE) {
    status = write_dataset(path, file, "feature_reductions", &p, &parity->reductions);
  }
  if (status == JIMM_OK) {
    status = write_attribute(path, file, "variant", parity->variant);
  }
  if (status == JIMM_OK) {
    status = write_attribute(path, file, "options", parity->options);
  }
  if (p.dataset >= 0) {
    H5Pclose(p.dataset);
  }
  if (p.link >= 0) {
    H5Pclose(p.link);
  }
  return status;
}

jimm_status jimm_parity_write(const char *path, const jimm_parity *parity) {
  if (parity->input.shape.rank != 4 || parity->state == NULL || parity->outputs == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT,
                     "%s: a fixture needs an input [N, C, H, W], a state and outputs", path);
  }
  jimm_writer writer;
  jimm_status status = jimm_writer_open(path, &writer);
  if (status != JIMM_OK) {
    return status;
  }
  jimm_hdf5_session session;
  jimm_hdf5_enter(&session);
  hid_t file = H5Fcreate(jimm_writer_path(&writer), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  if (file < 0) {
    status = jimm_hdf5_fail(JIMM_ERROR_IO, path, "cannot be written");
  } else {
    status = write_content(path, file, parity);
    if (H5Fclose(file) < 0 && status == JIMM_OK) {
      status = jimm_hdf5_fail(JIMM_ERROR_IO, path, "cannot be written");
    }
  }
  jimm_hdf5_leave(&session);
  if (status == JIMM_OK) {
    return jimm_writer_commit(&writer);
  }
  jimm_writer_abandon(&writer);
  return status;
}
