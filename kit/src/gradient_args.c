// Trees of arguments as they are written, and their leaves.
#include "gradient.h"

#include <stdlib.h>
#include <string.h>

// ---- Arguments ----------------------------------------------------------------------------------

jt_arg jt_constant(jt_arg arg) {
  arg.constant = true;
  return arg;
}

jt_arg jt_shaped(jt_arg arg, size_t rank, const size_t *shape) {
  arg.rank = rank;
  for (size_t i = 0; i < rank && i < JT_RANK_MAX; ++i) {
    arg.shape[i] = shape[i];
  }
  return arg;
}

const jt_arg *jt_find(const jt_args *args, const char *path) {
  const jt_arg *items = args->items;
  size_t count = args->count;
  for (;;) {
    size_t size = strcspn(path, ".");
    const jt_arg *found = NULL;
    for (size_t i = 0; i < count && !found; ++i) {
      const char *name = items[i].name;
      found = name && strlen(name) == size && memcmp(name, path, size) == 0 ? &items[i] : NULL;
    }
    if (!found || path[size] == '\0') {
      return found;
    }
    if (found->type != JT_TREE) {
      return NULL;
    }
    items = found->data;
    count = found->count;
    path += size + 1;
  }
}

static const jt_arg *find_or_end(const jt_args *args, const char *path) {
  const jt_arg *found = jt_find(args, path);
  if (!found) {
    jt_error(NULL, 0, "the arguments have no \"%s\"", path);
    jt_end_test();
  }
  return found;
}

void *jt_data(const jt_args *args, const char *path) {
  return find_or_end(args, path)->data;
}

size_t jt_count(const jt_args *args, const char *path) {
  return find_or_end(args, path)->count;
}

// ---- Leaves -------------------------------------------------------------------------------------

static void add_leaf(jti_leaves *leaves, jti_leaf leaf) {
  JTI_RESERVE(leaves->items, leaves->count, 1, leaves->capacity);
  leaves->items[leaves->count++] = leaf;
}

static char *join(const char *above, const char *name) {
  jti_text text = {0};
  jti_text_printf(&text, "%s%s%s", above, *above ? "." : "", name);
  return text.data;
}

static void say(char **problem, const char *format, ...) JT_PRINTF(2, 3);

static void say(char **problem, const char *format, ...) {
  jti_text text = {0};
  va_list args;
  va_start(args, format);
  jti_text_vprintf(&text, format, args);
  va_end(args);
  free(*problem);
  *problem = text.data;
}

static bool check_shape(const jt_arg *arg, const char *path, char **problem) {
  if (arg->rank > JT_RANK_MAX) {
    say(problem, "argument \"%s\": expected a rank of at most %d, got %zu", path, (int)JT_RANK_MAX,
        arg->rank);
    return false;
  }
  size_t product = 1;
  for (size_t i = 0; i < arg->rank; ++i) {
    product *= arg->shape[i];
  }
  if (arg->rank && product != arg->count) {
    say(problem, "argument \"%s\": its shape has %zu elements, it has %zu", path, product,
        arg->count);
    return false;
  }
  return true;
}

static bool check_arg(const jt_arg *arg, const char *path, char **problem) {
  size_t want = arg->type == JT_TREE  ? sizeof(jt_arg)
                : arg->type == JT_F64 ? sizeof(double)
                : arg->type == JT_F32 ? sizeof(float)
                                      : arg->width;
  if (arg->type > JT_OTHER || arg->width != want || arg->width == 0) {
    say(problem, "argument \"%s\": type %d with elements of %zu bytes", path, (int)arg->type,
        arg->width);
    return false;
  }
  if (!arg->data && arg->count) {
    say(problem, "argument \"%s\": %zu elements at NULL", path, arg->count);
    return false;
  }
  return check_shape(arg, path, problem);
}

static bool check_names(const jt_arg *items, size_t count, const char *above, char **problem) {
  for (size_t i = 0; i < count; ++i) {
    const char *name = items[i].name;
    if (!name || !*name || strchr(name, '.')) {
      say(problem, "argument %zu of \"%s\": expected a name without dots, got \"%s\"", i, above,
          name ? name : "NULL");
      return false;
    }
    for (size_t k = 0; k < i; ++k) {
      if (strcmp(items[k].name, name) == 0) {
        say(problem, "two arguments of \"%s\" have the name \"%s\"", above, name);
        return false;
      }
    }
  }
  return true;
}

static bool read_items(const jt_arg *items, size_t count, const char *above, bool constant,
                       jti_leaves *leaves, char **problem) {
  if (!check_names(items, count, above, problem)) {
    return false;
  }
  bool good = true;
  for (size_t i = 0; good && i < count; ++i) {
    const jt_arg *arg = &items[i];
    char *path = join(above, arg->name);
    bool fixed = constant || arg->constant;
    good = check_arg(arg, path, problem);
    if (good && arg->type == JT_TREE) {
      good = read_items(arg->data, arg->count, path, fixed, leaves, problem);
    } else if (good) {
      jti_leaf leaf = {.arg = arg, .path = path, .offset = leaves->inputs};
      leaf.has_tangent = !fixed && arg->count && (arg->type == JT_F64 || arg->type == JT_F32);
      leaves->inputs += leaf.has_tangent ? arg->count : 0;
      leaves->has_float = leaves->has_float || (leaf.has_tangent && arg->type == JT_F32);
      add_leaf(leaves, leaf);
      path = NULL;
    }
    free(path);
  }
  return good;
}

bool jti_leaves_read(const jt_args *args, jti_leaves *leaves, char **problem) {
  *leaves = (jti_leaves){0};
  return read_items(args->items, args->count, "", false, leaves, problem);
}

void jti_leaves_free(jti_leaves *leaves) {
  for (size_t i = 0; i < leaves->count; ++i) {
    free(leaves->items[i].path);
  }
  free(leaves->items);
  *leaves = (jti_leaves){0};
}

char *jti_leaves_name(const jti_leaves *leaves, size_t input) {
  jti_text text = {0};
  for (size_t i = 0; i < leaves->count; ++i) {
    const jti_leaf *leaf = &leaves->items[i];
    if (!leaf->has_tangent || input < leaf->offset || input - leaf->offset >= leaf->arg->count) {
      continue;
    }
    size_t element = input - leaf->offset;
    jti_text_printf(&text, "%s[", leaf->path);
    size_t below = leaf->arg->count;
    for (size_t k = 0; k < leaf->arg->rank; ++k) {
      below /= leaf->arg->shape[k];
      jti_text_printf(&text, "%s%zu", k ? ", " : "", element / below);
      element %= below;
    }
    if (leaf->arg->rank == 0) {
      jti_text_printf(&text, "%zu", element);
    }
    jti_text_printf(&text, "]");
  }
  return text.data;
}
