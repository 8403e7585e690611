/* HDF5 fixtures: the file, its groups and members. */
#include <string.h>

#include "base/alloc.h"
#include "base/locale.h"
#include "base/os.h"
#include "parity/hdf5_read.h"

#define DEPTH_LIMIT 16       /* of groups in groups */
#define OBJECT_LIMIT 1000000 /* links may form circles: bounds the walk */
#define PATH_BYTES 1024

/* ---- groups ---- */

typedef struct group_walk {
  jimm_hdf5_walk *w;
  jimm_state *state;
  const char *prefix; /* of the keys: "" or "layer1." */
  const char *place;  /* of the group: "/state_dict" */
  int depth;
  jimm_status status;
} group_walk;

static herr_t visit_link(hid_t group, const char *link, const H5L_info_t *info, void *context);

static jimm_status read_group(jimm_hdf5_walk *w, hid_t group, const char *place, const char *prefix,
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
  jimm_status status = jimm_hdf5_read_dataset(g->w, object, place, &tensor);
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
static jimm_status open_member(const jimm_hdf5_walk *w, hid_t file, const char *name,
                               H5I_type_t kind, hid_t *object) {
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

static jimm_status read_member_group(jimm_hdf5_walk *w, hid_t file, const char *name,
                                     const char *place, jimm_state **state) {
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

static jimm_status read_input(jimm_hdf5_walk *w, hid_t file, jimm_tensor *input) {
  hid_t dataset;
  jimm_status status = open_member(w, file, "input", H5I_DATASET, &dataset);
  if (status != JIMM_OK) {
    return status;
  }
  status = jimm_hdf5_read_dataset(w, dataset, "/input", input);
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
static jimm_status read_vector(jimm_hdf5_walk *w, hid_t file, const char *name, const char *place,
                               jimm_tensor *tensor) {
  hid_t dataset;
  if (!has_member(file, name)) {
    return JIMM_OK;
  }
  jimm_status status = open_member(w, file, name, H5I_DATASET, &dataset);
  if (status == JIMM_OK) {
    status = jimm_hdf5_read_dataset(w, dataset, place, tensor);
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

static jimm_status check_members(jimm_hdf5_walk *w, hid_t file) {
  group_walk g = {.w = w, .status = JIMM_OK};
  if (H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, NULL, check_member, &g) < 0 &&
      g.status == JIMM_OK) {
    return jimm_hdf5_fail(JIMM_ERROR_FORMAT, w->path, "/: the group cannot be read");
  }
  return g.status;
}

/* ---- the whole ---- */

static jimm_status read_content(jimm_hdf5_walk *w, hid_t file, jimm_parity *parity) {
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
    status = jimm_hdf5_read_attribute(w, file, "variant", &parity->variant);
  }
  return status == JIMM_OK ? jimm_hdf5_read_attribute(w, file, "options", &parity->options)
                           : status;
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
  jimm_hdf5_walk w = {.path = path};
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
