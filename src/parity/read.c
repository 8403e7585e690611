#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/child.h"
#include "base/locale.h"
#include "base/os.h"
#include "parity/hdf5.h"
#include "tensor/tensor.h"

#define DEPTH_LIMIT 16                   /* of groups in groups */
#define OBJECT_LIMIT 1000000             /* links may form circles: bounds the walk */
#define BYTES_LIMIT ((uint64_t)16 << 30) /* of all datasets of a fixture */
/* No filter of HDF5 shrinks data by more than about 1000: what claims more was never written. */
#define RATIO_LIMIT 2048
#define PATH_BYTES 1024

typedef struct walk {
  const char *path; /* of the file */
  hsize_t size;     /* of the file, in bytes */
  uint64_t bytes;   /* read so far */
  long objects;     /* seen so far */
} walk;

/* ---- one dataset ---- */

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
static jimm_status check_storage(const walk *w, hid_t dataset, const char *name) {
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
static jimm_status read_shape(const walk *w, hid_t dataset, const char *name, jimm_shape *shape) {
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
static jimm_status make_tensor(walk *w, hid_t dataset, const char *name, jimm_dtype dtype,
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

/* Reads an open dataset; `name` is its place for messages. */
static jimm_status read_dataset(walk *w, hid_t dataset, const char *name, jimm_tensor *tensor) {
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

/* ---- groups ---- */

typedef struct group_walk {
  walk *w;
  jimm_state *state;
  const char *prefix; /* of the keys: "" or "layer1." */
  const char *place;  /* of the group: "/state_dict" */
  int depth;
  jimm_status status;
} group_walk;

static herr_t visit_link(hid_t group, const char *link, const H5L_info_t *info, void *context);

static jimm_status read_group(walk *w, hid_t group, const char *place, const char *prefix,
                              int depth, jimm_state *state) {
  group_walk g = {w, state, prefix, place, depth, JIMM_OK};
  if (depth > DEPTH_LIMIT) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: %s: groups nest deeper than %d", w->path, place,
                     DEPTH_LIMIT);
  }
  if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_link, &g) < 0 &&
      g.status == JIMM_OK) {
    return jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "%s: the group cannot be read", place);
  }
  return g.status;
}

/* A dataset becomes the tensor of its key; a group inside gives keys joined by a dot. */
static jimm_status read_object(const group_walk *g, hid_t object, const char *place,
                               const char *key) {
  const H5I_type_t kind = H5Iget_type(object);
  if (kind == H5I_GROUP) {
    char prefix[PATH_BYTES];
    jimm_snprintf(prefix, sizeof prefix, "%s.", key); /* shorter than place, which fitted */
    return read_group(g->w, object, place, prefix, g->depth + 1, g->state);
  }
  if (kind != H5I_DATASET) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: %s: expected a dataset or a group", g->w->path, place);
  }
  jimm_tensor tensor;
  jimm_status status = read_dataset(g->w, object, place, &tensor);
  if (status != JIMM_OK) {
    return status;
  }
  status = jimm_state_add_owned(g->state, key, &tensor);
  if (status != JIMM_OK) {
    jimm_tensor_close(&tensor);
    status = status == JIMM_ERROR_INVALID_ARGUMENT ? JIMM_ERROR_FORMAT : status;
    return jimm_fail_context(status, "%s: %s", g->w->path, place);
  }
  return JIMM_OK;
}

static herr_t visit_link(hid_t group, const char *link, const H5L_info_t *info, void *context) {
  group_walk *g = context;
  char place[PATH_BYTES], key[PATH_BYTES];
  int place_length = jimm_snprintf(place, sizeof place, "%s/%s", g->place, link);
  int key_length = jimm_snprintf(key, sizeof key, "%s%s", g->prefix, link);
  if (place_length < 0 || key_length < 0 || (size_t)place_length >= sizeof place ||
      (size_t)key_length + 1 >= sizeof key) {
    g->status = jimm_fail(JIMM_ERROR_LIMIT, "%s: %s: a name of more than %d bytes", g->w->path,
                          g->place, PATH_BYTES - 2);
  } else if (++g->w->objects > OBJECT_LIMIT) {
    g->status = jimm_fail(JIMM_ERROR_LIMIT, "%s: %s: more than %d objects", g->w->path, g->place,
                          OBJECT_LIMIT);
  } else if (info->type != H5L_TYPE_HARD) {
    g->status =
        jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: %s: a link, expected a dataset", g->w->path, place);
  } else {
    hid_t object = H5Oopen(group, link, H5P_DEFAULT);
    if (object < 0) {
      g->status = jimm_hdf5_fail(JIMM_ERROR_FORMAT, g->w->path, "%s: cannot be opened", place);
    } else {
      g->status = read_object(g, object, place, key);
      H5Oclose(object);
    }
  }
  return g->status == JIMM_OK ? 0 : -1;
}

/* ---- the file ---- */

/* Opens an object of the root group that must be there and of that kind. */
static jimm_status open_member(const walk *w, hid_t file, const char *name, H5I_type_t kind,
                               hid_t *object) {
  const char *what = kind == H5I_DATASET ? "dataset" : "group";
  H5L_info_t info;
  *object = -1;
  const htri_t there = H5Lexists(file, name, H5P_DEFAULT);
  if (there < 0) {
    return jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "/%s cannot be looked up", name);
  }
  if (there == 0) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: the %s /%s is missing", w->path, what, name);
  }
  if (H5Lget_info(file, name, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD ||
      (*object = H5Oopen(file, name, H5P_DEFAULT)) < 0) {
    return jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "/%s cannot be opened as a %s", name, what);
  }
  if (H5Iget_type(*object) != kind) {
    H5Oclose(*object);
    *object = -1;
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: /%s: expected a %s", w->path, name, what);
  }
  return JIMM_OK;
}

static jimm_status read_member_group(walk *w, hid_t file, const char *name, const char *place,
                                     jimm_state **state) {
  hid_t group;
  jimm_status status = open_member(w, file, name, H5I_GROUP, &group);
  if (status != JIMM_OK) {
    return status;
  }
  status = jimm_state_create(state);
  if (status == JIMM_OK) {
    status = read_group(w, group, place, "", 1, *state);
  }
  H5Oclose(group);
  return status;
}

static jimm_status read_input(walk *w, hid_t file, jimm_tensor *input) {
  hid_t dataset;
  jimm_status status = open_member(w, file, "input", H5I_DATASET, &dataset);
  if (status != JIMM_OK) {
    return status;
  }
  status = read_dataset(w, dataset, "/input", input);
  H5Oclose(dataset);
  if (status == JIMM_OK && input->shape.rank != 4) {
    char text[JIMM_SHAPE_TEXT];
    status = jimm_fail(JIMM_ERROR_FORMAT, "%s: /input: expected the shape [N, C, H, W], found %s",
                       w->path, jimm_shape_format(&input->shape, text, sizeof text));
  }
  return status;
}

static bool has_member(hid_t file, const char *name) {
  return H5Lexists(file, name, H5P_DEFAULT) > 0;
}

/* Taps' channels or reductions; absent is no error. */
static jimm_status read_vector(walk *w, hid_t file, const char *name, const char *place,
                               jimm_tensor *tensor) {
  hid_t dataset;
  if (!has_member(file, name)) {
    return JIMM_OK;
  }
  jimm_status status = open_member(w, file, name, H5I_DATASET, &dataset);
  if (status == JIMM_OK) {
    status = read_dataset(w, dataset, place, tensor);
    H5Oclose(dataset);
  }
  return status;
}

/* A fixture has these members and no other. */
static herr_t check_member(hid_t group, const char *link, const H5L_info_t *info, void *context) {
  static const char *const known[] = {"input", "state_dict",       "output",
                                      "stage", "feature_channels", "feature_reductions"};
  group_walk *g = context;
  (void)group;
  (void)info;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(link, known[i]) == 0) {
      return 0;
    }
  }
  char shown[JIMM_SHOW_TEXT];
  g->status = jimm_fail(JIMM_ERROR_FORMAT, "%s: /%s: fixtures have no such member", g->w->path,
                        jimm_show(shown, sizeof shown, link, strnlen(link, PATH_BYTES)));
  return -1;
}

static jimm_status check_members(walk *w, hid_t file) {
  group_walk g = {.w = w, .status = JIMM_OK};
  if (H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, NULL, check_member, &g) < 0 &&
      g.status == JIMM_OK) {
    return jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "/: the group cannot be read");
  }
  return g.status;
}

/* ---- attributes ---- */

/* A text of at most TEXT_LIMIT bytes, in a new string; the attribute must be a single string. */
static jimm_status copy_text(const walk *w, const char *name, const char *text, size_t limit,
                             char **result) {
  const size_t length = strnlen(text, limit);
  if (length == limit) {
    return jimm_fail(JIMM_ERROR_LIMIT, "%s: the attribute %s has more than %zu bytes", w->path,
                     name, limit - 1);
  }
  *result = jimm_strndup(text, length);
  return *result == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
}

static jimm_status read_text(const walk *w, hid_t attribute, hid_t type, const char *name,
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

/* A string attribute of the file; absent is no error. */
static jimm_status read_attribute(const walk *w, hid_t file, const char *name, char **result) {
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

/* ---- the whole ---- */

static jimm_status read_content(walk *w, hid_t file, jimm_parity *parity) {
  jimm_status status = check_members(w, file);
  if (status == JIMM_OK) {
    status = read_input(w, file, &parity->input);
  }
  if (status == JIMM_OK) {
    status = read_member_group(w, file, "state_dict", "/state_dict", &parity->state);
  }
  if (status == JIMM_OK) {
    status = read_member_group(w, file, "output", "/output", &parity->outputs);
  }
  if (status == JIMM_OK && has_member(file, "stage")) {
    status = read_member_group(w, file, "stage", "/stage", &parity->stages);
  }
  if (status == JIMM_OK) {
    status = read_vector(w, file, "feature_channels", "/feature_channels", &parity->channels);
  }
  if (status == JIMM_OK) {
    status = read_vector(w, file, "feature_reductions", "/feature_reductions", &parity->reductions);
  }
  if (status == JIMM_OK) {
    status = read_attribute(w, file, "variant", &parity->variant);
  }
  return status == JIMM_OK ? read_attribute(w, file, "options", &parity->options) : status;
}

static jimm_status open_file(const char *path, hid_t *file) {
  *file = -1;
  if (!jimm_os_exists(path)) {
    return jimm_fail(JIMM_ERROR_NOT_FOUND, "%s: there is no such file, or it cannot be reached",
                     path);
  }
  if (jimm_os_is_folder(path)) {
    return jimm_fail(JIMM_ERROR_IO, "%s: expected an HDF5 file, found a folder", path);
  }
  const htri_t recognised = H5Fis_hdf5(path);
  if (recognised == 0) {
    return jimm_fail(JIMM_ERROR_FORMAT, "%s: not an HDF5 file", path);
  }
  *file = recognised < 0 ? -1 : H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  return *file < 0 ? jimm_hdf5_fail(recognised < 0 ? JIMM_ERROR_IO : JIMM_ERROR_FORMAT, path,
                                    "cannot be opened as an HDF5 file")
                   : JIMM_OK;
}

jimm_status jimm_hdf5_read_fixture(const char *path, jimm_parity *parity) {
  *parity = (jimm_parity){.state = NULL};
  jimm_hdf5_session session;
  jimm_hdf5_enter(&session);
  walk w = {.path = path};
  hid_t file;
  jimm_status status = open_file(path, &file);
  if (status == JIMM_OK && H5Fget_filesize(file, &w.size) < 0) {
    status = jimm_hdf5_fail(JIMM_ERROR_IO, path, "its size cannot be found out");
  }
  if (status == JIMM_OK) {
    status = read_content(&w, file, parity);
  }
  if (file >= 0) {
    H5Fclose(file);
  }
  jimm_hdf5_leave(&session);
  if (status != JIMM_OK) {
    jimm_parity_close(parity);
  }
  return status;
}
