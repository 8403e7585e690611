/* Fixtures that are whole HDF5 files, but not what jimm expects: the input says which datasets,
 * types, shapes, storage and links to write; the reader must say what is wrong with them. */
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_hdf5.h"
#include "parity/hdf5.h"

static hid_t choose_type(void) {
  hid_t type;
  hsize_t two = 2;
  switch (fuzz_range(0, 15)) {
    case 0:
      return H5Tcopy(H5T_IEEE_F64LE);
    case 1:
      return H5Tcopy(H5T_IEEE_F32BE);
    case 2:
      return H5Tcopy(H5T_STD_I64LE);
    case 3:
      return H5Tcopy(H5T_STD_U16BE);
    case 4:
      return jimm_hdf5_type_make(JIMM_BF16);
    case 5:
      return jimm_hdf5_type_make(JIMM_BOOL);
    case 6:
      type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, (size_t)fuzz_range(1, 9));
      return type;
    case 7:
      type = H5Tcopy(H5T_C_S1);
      H5Tset_size(type, H5T_VARIABLE);
      return type;
    case 8:
      type = H5Tcreate(H5T_COMPOUND, 8);
      H5Tinsert(type, "re", 0, H5T_NATIVE_FLOAT);
      return type;
    case 9:
      return H5Tarray_create2(H5T_NATIVE_INT, 1, &two);
    case 10:
      type = H5Tcopy(H5T_STD_I32LE);
      H5Tset_precision(type, (size_t)fuzz_range(1, 32));
      return type;
    case 11:
      type = H5Tcopy(H5T_IEEE_F32LE);
      H5Tset_ebias(type, (size_t)fuzz_range(1, 255));
      return type;
    case 12:
      return H5Tvlen_create(H5T_NATIVE_INT);
    case 13:
      return H5Tcreate(H5T_OPAQUE, (size_t)fuzz_range(1, 4));
    default:
      return H5Tcopy(H5T_IEEE_F32LE);
  }
}

static hid_t choose_space(void) {
  hsize_t dims[12];
  const int rank = (int)fuzz_range(0, 11);
  for (int i = 0; i < 12; i++) {
    dims[i] = (hsize_t)fuzz_range(0, 3);
  }
  if (rank == 10) {
    return H5Screate(H5S_NULL);
  }
  if (rank == 11) { /* large, but never written */
    dims[0] = (hsize_t)fuzz_take(8) >> 1;
    return H5Screate_simple(1, dims, NULL);
  }
  return rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dims, NULL);
}

static hid_t choose_storage(hid_t space) {
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  hsize_t chunk[12] = {1, 2, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1};
  switch (fuzz_range(0, 5)) {
    case 0:
      H5Pset_layout(properties, H5D_COMPACT);
      break;
    case 1:
      H5Pset_chunk(properties, H5Sget_simple_extent_ndims(space), chunk);
      H5Pset_shuffle(properties);
      H5Pset_deflate(properties, 1);
      break;
    case 2:
      H5Pset_chunk(properties, H5Sget_simple_extent_ndims(space), chunk);
      H5Pset_fletcher32(properties);
      break;
    case 3:
      H5Pset_external(properties, "/dev/null", 0, H5F_UNLIMITED);
      break;
    default:
      break;
  }
  return properties;
}

static void add_dataset(hid_t file, hid_t links, const char *name) {
  static const uint8_t data[4096] = {1, 0, 0, 64};
  const hid_t type = choose_type(), space = choose_space(), storage = choose_storage(space);
  const hid_t dataset = H5Dcreate2(file, name, type, space, links, storage, H5P_DEFAULT);
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  const int write = (int)fuzz_range(0, 3);
  if (dataset >= 0 && write > 0 && count > 0 && count <= (hssize_t)sizeof(data) &&
      H5Tdetect_class(type, H5T_VLEN) == 0 && H5Tis_variable_str(type) == 0 &&
      (uint64_t)count * H5Tget_size(type) <= sizeof(data)) {
    H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
  }
  H5Dclose(dataset);
  H5Pclose(storage);
  H5Sclose(space);
  H5Tclose(type);
}

/* Some names are what jimm looks for, some are not. */
static const char *choose_name(void) {
  static const char *const names[] = {"input",
                                      "state_dict",
                                      "output",
                                      "state_dict/a",
                                      "state_dict/b.weight",
                                      "state_dict/g/h",
                                      "output/logits",
                                      "output/features",
                                      "other",
                                      "state_dict/g/h/i/j/k",
                                      "output/g/logits",
                                      "state_dict/a\nb",
                                      "state_dict/\xc3\xa9",
                                      "input/x",
                                      "stage",
                                      "stage/conv1",
                                      "feature_channels",
                                      "feature_reductions",
                                      "output/feat_01"};
  return names[fuzz_range(0, (int64_t)(sizeof names / sizeof names[0]) - 1)];
}

/* An attribute that jimm reads: a string, fixed or variable, or a number, one or two of them. Not
 * of any type and shape, for libhdf5 crashes when it writes some of those. */
static void add_attribute(hid_t file) {
  static const char *const texts[] = {"resnet18", "", "{\"output_stride\": 8}", "\xff\n"};
  static const char fixed[32] = "resnet18";
  const hsize_t count = (hsize_t)fuzz_range(0, 2);
  const char *name = fuzz_range(0, 1) == 0 ? "variant" : "options";
  const char *text = texts[fuzz_range(0, 3)];
  const char *const two[] = {text, text};
  const int kind = (int)fuzz_range(0, 2);
  const hid_t type = H5Tcopy(kind == 0 ? H5T_IEEE_F64LE : H5T_C_S1);
  if (kind > 0) {
    H5Tset_size(type, kind == 1 ? (size_t)fuzz_range(1, 16) : H5T_VARIABLE);
  }
  const hid_t space = count == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, NULL);
  const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute >= 0) {
    H5Awrite(attribute, type, kind == 2 ? (const void *)two : fixed);
    H5Aclose(attribute);
  }
  H5Sclose(space);
  H5Tclose(type);
}

static void add_something(hid_t file, hid_t links) {
  const char *name = choose_name();
  hid_t object;
  switch (fuzz_range(0, 8)) {
    case 8:
      add_attribute(file);
      break;
    case 0:
      object = H5Gcreate2(file, name, links, H5P_DEFAULT, H5P_DEFAULT);
      H5Gclose(object);
      break;
    case 1:
      H5Lcreate_hard(file, choose_name(), file, name, links, H5P_DEFAULT);
      break;
    case 2:
      H5Lcreate_soft(choose_name(), file, name, links, H5P_DEFAULT);
      break;
    case 3:
      H5Lcreate_external("other.h5", "/x", file, name, links, H5P_DEFAULT);
      break;
    default:
      add_dataset(file, links, name);
      break;
  }
}

/* The image of the file that the input describes; the caller frees it. */
static void *make_image(size_t *size) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS), links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_fapl_core(access, 4096, 0);
  H5Pset_create_intermediate_group(links, 1);
  const int64_t shape = fuzz_range(0, 3);
  if (shape == 3) {
    H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  }
  const hid_t file = H5Fcreate("made", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  void *image = NULL;
  if (shape > 0) { /* a good beginning, so that the walk goes further */
    const hsize_t dims[4] = {1, 1, 1, 2};
    const float x[2] = {1, 2};
    const hid_t space = H5Screate_simple(4, dims, NULL);
    const hid_t input =
        H5Dcreate2(file, "input", H5T_IEEE_F32LE, space, links, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(input, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
    H5Dclose(input);
    H5Sclose(space);
    H5Gclose(H5Gcreate2(file, "state_dict", links, H5P_DEFAULT, H5P_DEFAULT));
    H5Gclose(H5Gcreate2(file, "output", links, H5P_DEFAULT, H5P_DEFAULT));
  }
  for (int i = 0; i < 6 && fuzz_size > 0; i++) {
    add_something(file, links);
  }
  H5Fflush(file, H5F_SCOPE_GLOBAL);
  const ssize_t length = H5Fget_file_image(file, NULL, 0);
  if (length > 0) {
    image = malloc((size_t)length);
    fuzz_require(image != NULL && H5Fget_file_image(file, image, (size_t)length) == length);
    *size = (size_t)length;
  }
  H5Fclose(file);
  H5Pclose(links);
  H5Pclose(access);
  return image;
}

void fuzz_one(void) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  void *image = make_image(&fuzz_hdf5_size);
  H5Eclear2(H5E_DEFAULT);
  fuzz_hdf5_image = image;
  jimm_parity parity;
  if (image != NULL && jimm_hdf5_read_fixture("made", &parity) == JIMM_OK) {
    fuzz_touch_fixture(&parity);
  } else if (image != NULL) {
    fuzz_require(parity.state == NULL && parity.outputs == NULL && jimm_error_message()[0] != 0);
  }
  fuzz_hdf5_image = NULL;
  free(image);
}
