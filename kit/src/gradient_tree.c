// Copies of a tree of arguments with arrays of their own, and what was written into them.
#include "gradient.h"

#include <stdlib.h>
#include <string.h>

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
