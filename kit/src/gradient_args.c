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

// ---- Trees --------------------------------------------------------------------------------------

typedef struct maker {
  jti_tree *tree;
  const jti_leaves *leaves;
  jti_tree_type type;
} maker;

static void *own(jti_tree *tree, size_t size) {
  void *memory = jti_alloc(size ? size : 1);
  tree->owned[tree->owned_count++] = memory;
  return memory;
}

// Arrays lie between guards of a pattern that no function writes by chance.
enum { GUARD = 64, PATTERN = 0xA5 };

static void *own_array(jti_tree *tree, size_t size) {
  char *memory = own(tree, size + 2 * GUARD);
  memset(memory, PATTERN, GUARD);
  memset(memory + GUARD + size, PATTERN, GUARD);
  return memory + GUARD;
}

static bool is_guarded(const jt_arg *arg) {
  const unsigned char *at = arg->data;
  const unsigned char *end = at + arg->count * arg->width;
  for (int i = 1; i <= GUARD; ++i) {
    if (at[-i] != PATTERN || end[i - 1] != PATTERN) {
      return false;
    }
  }
  return true;
}

const jti_leaf *jti_tree_overrun(const jti_tree *tree, const jti_leaves *leaves) {
  for (size_t i = 0; i < leaves->count; ++i) {
    if (tree->leaves[i]->data && !is_guarded(tree->leaves[i])) {
      return &leaves->items[i];
    }
  }
  return NULL;
}

static bool is_tangent(jti_tree_type type) {
  return type == JTI_TREE_TANGENT || type == JTI_TREE_TANGENT_F64;
}

static void copy_elements(const jt_arg *from, jt_arg *to) {
  if (from->type == JT_F32 && to->type == JT_F64) {
    for (size_t i = 0; i < from->count; ++i) {
      ((double *)to->data)[i] = ((const float *)from->data)[i];
    }
  } else if (from->count) {
    memcpy(to->data, from->data, from->count * from->width);
  }
}

static void make_leaf(maker *m, jt_arg *arg) {
  const jti_leaf *leaf = &m->leaves->items[m->tree->leaf_count];
  jt_arg from = *arg;
  bool floating = arg->type == JT_F64 || arg->type == JT_F32;
  if (floating && (m->type == JTI_TREE_F64 || m->type == JTI_TREE_TANGENT_F64)) {
    arg->type = JT_F64;
    arg->width = sizeof(double);
  }
  if (is_tangent(m->type) && !leaf->has_tangent) {
    arg->data = NULL;
    arg->count = 0;
    arg->rank = 0;
  } else {
    arg->data = own_array(m->tree, arg->count * arg->width);
    if (!is_tangent(m->type)) {
      copy_elements(&from, arg);
    }
  }
  m->tree->leaves[m->tree->leaf_count++] = arg;
}

static jt_arg *make_items(maker *m, const jt_arg *items, size_t count) {
  jt_arg *copy = own(m->tree, count * sizeof *copy);
  if (count) {
    memcpy(copy, items, count * sizeof *copy);
  }
  for (size_t i = 0; i < count; ++i) {
    if (copy[i].type == JT_TREE) {
      copy[i].data = make_items(m, items[i].data, items[i].count);
    } else {
      make_leaf(m, &copy[i]);
    }
  }
  return copy;
}

static size_t count_nodes(const jt_arg *items, size_t count) {
  size_t nodes = 1;
  for (size_t i = 0; i < count; ++i) {
    nodes += items[i].type == JT_TREE ? count_nodes(items[i].data, items[i].count) : 1;
  }
  return nodes;
}

jti_tree *jti_tree_make(const jt_args *args, const jti_leaves *leaves, jti_tree_type type) {
  jti_tree *tree = jti_alloc(sizeof *tree);
  tree->leaves = jti_alloc((leaves->count + 1) * sizeof(void *));
  tree->owned = jti_alloc(count_nodes(args->items, args->count) * sizeof *tree->owned);
  maker m = {tree, leaves, type};
  tree->args = (jt_args){make_items(&m, args->items, args->count), args->count};
  return tree;
}

void jti_tree_free(jti_tree *tree) {
  if (!tree) {
    return;
  }
  for (size_t i = 0; i < tree->owned_count; ++i) {
    free(tree->owned[i]);
  }
  free(tree->owned);
  free(tree->leaves);
  free(tree);
}

void jti_tree_put(jti_tree *tree, const jti_leaves *leaves, const double *x) {
  for (size_t i = 0; i < leaves->count; ++i) {
    const jt_arg *arg = tree->leaves[i];
    const double *from = x + leaves->items[i].offset;
    for (size_t k = 0; leaves->items[i].has_tangent && k < arg->count; ++k) {
      if (arg->type == JT_F64) {
        ((double *)arg->data)[k] = from[k];
      } else {
        ((float *)arg->data)[k] = (float)from[k];
      }
    }
  }
}

void jti_tree_get(const jti_tree *tree, const jti_leaves *leaves, double *x) {
  for (size_t i = 0; i < leaves->count; ++i) {
    const jt_arg *arg = tree->leaves[i];
    double *to = x + leaves->items[i].offset;
    for (size_t k = 0; leaves->items[i].has_tangent && k < arg->count; ++k) {
      to[k] = arg->type == JT_F64 ? ((const double *)arg->data)[k]
                                  : (double)((const float *)arg->data)[k];
    }
  }
}

void jti_tree_clear(jti_tree *tree, const jti_leaves *leaves) {
  for (size_t i = 0; i < leaves->count; ++i) {
    const jt_arg *arg = tree->leaves[i];
    if (leaves->items[i].has_tangent) {
      memset(arg->data, 0, arg->count * arg->width);
    }
  }
}

bool jti_same_bits(double a, double b) {
  uint64_t x;
  uint64_t y;
  memcpy(&x, &a, sizeof x);
  memcpy(&y, &b, sizeof y);
  return x == y;
}

const jti_leaf *jti_tree_change(const jti_tree *tree, const jti_tree *before,
                                const jti_leaves *leaves, const double *x, size_t *element) {
  for (size_t i = 0; i < leaves->count; ++i) {
    const jti_leaf *leaf = &leaves->items[i];
    const jt_arg *arg = tree->leaves[i];
    const void *want = leaf->has_tangent ? x + leaf->offset : before->leaves[i]->data;
    bool narrow = leaf->has_tangent && arg->type == JT_F32;
    for (size_t k = 0; k < arg->count && narrow; ++k) {
      double there = (double)((const float *)arg->data)[k];
      double expected = (double)(float)x[leaf->offset + k];
      if (!jti_same_bits(there, expected)) {
        *element = k;
        return leaf;
      }
    }
    if (narrow || !arg->count || memcmp(arg->data, want, arg->count * arg->width) == 0) {
      continue;
    }
    for (*element = 0; memcmp((const char *)arg->data + *element * arg->width,
                              (const char *)want + *element * arg->width, arg->width) == 0;) {
      ++*element;
    }
    return leaf;
  }
  return NULL;
}

const jti_leaf *jti_tree_difference(const jti_tree *a, const jti_tree *b, const jti_leaves *leaves,
                                    size_t *element) {
  for (size_t i = 0; i < leaves->count; ++i) {
    const jt_arg *left = a->leaves[i];
    const jt_arg *right = b->leaves[i];
    bool same = left->count == 0 || memcmp(left->data, right->data, left->count * left->width) == 0;
    for (size_t k = 0; k < left->count && !same; ++k) {
      if (memcmp((const char *)left->data + k * left->width,
                 (const char *)right->data + k * right->width, left->width) != 0) {
        *element = k;
        return &leaves->items[i];
      }
    }
  }
  return NULL;
}
