/* What the examples of test_op.c cannot say: the table's own rules, PyTorch's window sizes, every
 * refusal with its message, empty batches, NaN, and operators registered at run time. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <jimm-test/jimm-test.h>
#include <jimm/graph.h>

#define TOKENS(n, l, c) \
  { 3, {n, l, c}, 2 }
#define SHAPE(...)                                        \
  {                                                       \
    sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), { \
      __VA_ARGS__                                         \
    }                                                     \
  }

static const jimm_op *op_named(const char *name) {
  const jimm_op *op = jimm_op_find(name);
  TEST_REQUIRE_MSG(op != NULL, "no operator %s", name);
  return op;
}

/* ---- the table ---- */

static size_t attr_bytes(jimm_attr_type type) {
  switch (type) {
    case JIMM_ATTR_INT:
      return sizeof(int64_t);
    case JIMM_ATTR_PAIR:
      return 2 * sizeof(int64_t);
    case JIMM_ATTR_FLOAT:
      return sizeof(double);
    case JIMM_ATTR_BOOL:
      return sizeof(bool);
    case JIMM_ATTR_ENUM:
      return sizeof(int32_t);
    case JIMM_ATTR_SHAPE:
      return sizeof(jimm_shape);
  }
  return 0;
}

TEST(rows_are_complete) {
  TEST_CHECK(jimm_op_count() >= 12);
  TEST_CHECK(jimm_op_at(-1) == NULL);
  TEST_CHECK(jimm_op_at(jimm_op_count()) == NULL);
  TEST_CHECK(jimm_op_find("conv3d") == NULL);
  TEST_CHECK(jimm_op_find(NULL) == NULL);
  for (int32_t i = 0; i < jimm_op_count(); i++) {
    const jimm_op *op = jimm_op_at(i);
    TEST_CHECK_MSG(jimm_op_find(op->name) == op, "%s is there twice", op->name);
    TEST_CHECK_UINT(op->size, sizeof(jimm_op));
    TEST_CHECK_MSG(op->summary != NULL && strchr(op->summary, '\n') == NULL, "%s: summary",
                   op->name);
    TEST_CHECK(op->min_inputs >= 1 && op->min_inputs <= op->max_inputs &&
               (op->max_inputs <= JIMM_EXAMPLE_INPUTS || op->max_inputs == JIMM_ANY_INPUTS));
    for (int32_t k = 0; k < op->max_inputs; k++) {
      TEST_CHECK(op->input_names[k] != NULL && op->input_names[k][0] != 0);
    }
    TEST_CHECK_MSG((op->attrs_size == 0) == (op->attr_count == 0),
                   "%s: attributes without specs cannot be printed or compared", op->name);
    for (int32_t k = 0; k < op->attr_count; k++) {
      TEST_CHECK(op->attrs[k].offset + attr_bytes(op->attrs[k].type) <= op->attrs_size);
      TEST_CHECK((op->attrs[k].type == JIMM_ATTR_ENUM) == (op->attrs[k].enum_names != NULL));
    }
    for (int32_t k = 0; k < op->example_count; k++) {
      const jimm_op_example *e = &op->examples[k];
      TEST_CHECK(e->input_count >= op->min_inputs && e->input_count <= op->max_inputs);
      TEST_CHECK((e->attrs == NULL) == (op->attrs_size == 0));
      for (int32_t other = 0; other < k; other++) {
        TEST_CHECK_MSG(strcmp(e->name, op->examples[other].name) != 0, "%s/%s twice", op->name,
                       e->name);
      }
    }
  }
}

/* ---- output sizes, as PyTorch says ---- */

/* Infers on sizes 1, 2, .. and compares with `want`, one character a size, '-' for a refusal. */
static void check_sizes(const char *what, const jimm_op *op, const void *attrs,
                        const jimm_shape *weight, const char *want) {
  for (int64_t size = 1; want[size - 1] != 0; size++) {
    jimm_shape inputs[2] = {SHAPE(1, 1, size, size), {.rank = -1}};
    int32_t count = 1;
    if (weight != NULL) {
      inputs[1] = *weight;
      count = 2;
    }
    jimm_shape y = {.rank = -1};
    const jimm_status status = op->infer(attrs, count, inputs, &y);
    const char got = status != JIMM_OK                       ? '-'
                     : y.dim[2] == y.dim[3] && y.dim[2] < 10 ? (char)('0' + y.dim[2])
                     : y.dim[2] == y.dim[3] && y.dim[2] < 36 ? (char)('a' + y.dim[2] - 10)
                                                             : '?';
    TEST_CHECK_MSG(got == want[size - 1], "%s, size %" PRId64 ": got %c, PyTorch %c", what, size,
                   got, want[size - 1]);
    if (status != JIMM_OK) {
      TEST_CHECK_INT(status, JIMM_ERROR_SHAPE);
      TEST_CHECK_INT(y.rank, -1);
    }
  }
}

TEST(window_sizes_are_pytorchs) {
#define POOL(k, s, p, ceil, want)                                                      \
  check_sizes("max_pool2d(" #k ", " #s ", " #p ", " #ceil ")", op_named("max_pool2d"), \
              &(jimm_max_pool2d_attrs){{k, k}, {s, s}, {p, p}, ceil}, NULL, want);     \
  check_sizes("avg_pool2d(" #k ", " #s ", " #p ", " #ceil ")", op_named("avg_pool2d"), \
              &(jimm_avg_pool2d_attrs){{k, k}, {s, s}, {p, p}, ceil, true}, NULL, want);
#define CONV(k, s, p, d, want)                                                                 \
  check_sizes("conv2d(" #k ", " #s ", " #p ", " #d ")", op_named("conv2d"),                    \
              &(jimm_conv2d_attrs){{s, s}, {p, p}, {d, d}, 1}, &(jimm_shape)SHAPE(1, 1, k, k), \
              want);
#include "golden/window_sizes.def"
#undef POOL
#undef CONV
}

/* ---- refusals ---- */

typedef struct refusal {
  const char *op;
  const void *attrs;
  int32_t input_count;
  jimm_shape inputs[5];
  jimm_status status;
  const char *message; /* occurs in the message */
} refusal;

#define CONV(s, p, d, g)       \
  &(const jimm_conv2d_attrs) { \
    {s, s}, {p, p}, {d, d}, g  \
  }
#define MAX_POOL(k, s, p, ceil)    \
  &(const jimm_max_pool2d_attrs) { \
    {k, k}, {s, s}, {p, p}, ceil   \
  }
#define AVG_POOL(k, s, p)               \
  &(const jimm_avg_pool2d_attrs) {      \
    {k, k}, {s, s}, {p, p}, false, true \
  }
#define BN(eps)                    \
  &(const jimm_batch_norm_attrs) { \
    eps                            \
  }
#define GN(groups, eps)            \
  &(const jimm_group_norm_attrs) { \
    groups, eps                    \
  }
#define LN(type, eps)                \
  &(const jimm_channel_norm_attrs) { \
    type, eps                        \
  }
#define BIG (INT64_C(1) << 31)
#define BAD_SHAPE JIMM_ERROR_SHAPE

static const refusal refusals[] = {
    {"conv2d",
     CONV(1, 1, 1, 1),
     2,
     {SHAPE(1, 4, 8, 8), SHAPE(6, 3, 3, 3)},
     BAD_SHAPE,
     "weight [6, 3, 3, 3] with groups 1 expects x with 3 channels, got x [1, 4, 8, 8]"},
    {"conv2d",
     CONV(1, 1, 1, 2),
     2,
     {SHAPE(1, 3, 8, 8), SHAPE(6, 1, 3, 3)},
     BAD_SHAPE,
     "expects x with 2 channels, got x [1, 3, 8, 8]"},
    {"conv2d",
     CONV(1, 1, 1, 3),
     2,
     {SHAPE(1, 3, 8, 8), SHAPE(4, 1, 3, 3)},
     BAD_SHAPE,
     "groups 3 must divide the output channels, got weight [4, 1, 3, 3]"},
    {"conv2d",
     CONV(1, 1, 1, 0),
     2,
     {SHAPE(1, 3, 8, 8), SHAPE(4, 3, 3, 3)},
     BAD_SHAPE,
     "groups must be positive, got 0"},
    {"conv2d",
     CONV(0, 1, 1, 1),
     2,
     {SHAPE(1, 3, 8, 8), SHAPE(4, 3, 3, 3)},
     BAD_SHAPE,
     "stride must be 1 to 2147483647, got [0, 0]"},
    {"conv2d",
     CONV(1, -1, 1, 1),
     2,
     {SHAPE(1, 3, 8, 8), SHAPE(4, 3, 3, 3)},
     BAD_SHAPE,
     "padding must be 0 to 2147483647, got [-1, -1]"},
    {"conv2d",
     CONV(1, BIG, 1, 1),
     2,
     {SHAPE(1, 3, 8, 8), SHAPE(4, 3, 3, 3)},
     BAD_SHAPE,
     "padding must be 0 to 2147483647, got [2147483648, 2147483648]"},
    {"conv2d",
     CONV(1, 1, 0, 1),
     2,
     {SHAPE(1, 3, 8, 8), SHAPE(4, 3, 3, 3)},
     BAD_SHAPE,
     "dilation must be 1 to 2147483647, got [0, 0]"},
    {"conv2d",
     CONV(1, 1, 1, 1),
     2,
     {SHAPE(1, 3, 2, 9), SHAPE(4, 3, 5, 5)},
     BAD_SHAPE,
     "the height of x [1, 3, 2, 9] is 4 with padding, less than the 5 that weight [4, 3, 5, 5]"},
    {"conv2d",
     CONV(1, 0, 2, 1),
     2,
     {SHAPE(1, 3, 9, 4), SHAPE(4, 3, 3, 3)},
     BAD_SHAPE,
     "the width of x [1, 3, 9, 4] is 4 with padding, less than the 5"},
    {"conv2d",
     CONV(1, 2, 1, 1),
     2,
     {SHAPE(1, 3, 0, 8), SHAPE(4, 3, 3, 3)},
     BAD_SHAPE,
     "only the batch may be empty, got x [1, 3, 0, 8]"},
    {"conv2d",
     CONV(1, 1, 1, 1),
     2,
     {SHAPE(1, 0, 8, 8), SHAPE(4, 0, 3, 3)},
     BAD_SHAPE,
     "weight is empty: [4, 0, 3, 3]"},
    {"conv2d",
     CONV(1, 1, 1, 1),
     2,
     {SHAPE(1, 3, 8, 8), SHAPE(0, 3, 3, 3)},
     BAD_SHAPE,
     "weight is empty: [0, 3, 3, 3]"},
    {"conv2d",
     CONV(1, 1, 1, 1),
     2,
     {SHAPE(3, 8, 8), SHAPE(4, 3, 3, 3)},
     BAD_SHAPE,
     "x must have 4 dimensions, got [3, 8, 8]"},
    {"conv2d",
     CONV(1, 1, 1, 1),
     2,
     {SHAPE(1, 3, 8, 8), SHAPE(4, 3, 3)},
     BAD_SHAPE,
     "weight must have 4 dimensions, got [4, 3, 3]"},
    {"conv2d",
     CONV(1, 1, 1, 1),
     3,
     {SHAPE(1, 3, 8, 8), SHAPE(4, 3, 3, 3), SHAPE(5)},
     BAD_SHAPE,
     "bias must have shape [4], got [5]"},
    {"conv2d",
     CONV(1, 1, 1, 1),
     2,
     {SHAPE(1, 3, -8, 8), SHAPE(4, 3, 3, 3)},
     BAD_SHAPE,
     "x has a negative dimension: [1, 3, -8, 8]"},
    {"conv2d",
     CONV(1, 1, 1, 1),
     2,
     {SHAPE(1, 3, BIG, 8), SHAPE(4, 3, 3, 3)},
     JIMM_ERROR_LIMIT,
     "x has a dimension above 2147483647: [1, 3, 2147483648, 8]"},

    {"batch_norm",
     BN(1e-5),
     5,
     {SHAPE(1, 3, 2, 2), SHAPE(3), SHAPE(4), SHAPE(3), SHAPE(3)},
     BAD_SHAPE,
     "x [1, 3, 2, 2]: bias must have shape [3], got [4]"},
    {"batch_norm",
     BN(1e-5),
     5,
     {SHAPE(1, 3, 2, 2), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(1, 3)},
     BAD_SHAPE,
     "running_var must have shape [3], got [1, 3]"},
    {"batch_norm",
     BN(1e-5),
     5,
     {SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(3)},
     BAD_SHAPE,
     "x must have 2 to 8 dimensions, got [3]"},
    {"batch_norm",
     BN(-1e-5),
     5,
     {SHAPE(1, 3, 2, 2), SHAPE(3), SHAPE(3), SHAPE(3), SHAPE(3)},
     JIMM_ERROR_INVALID_ARGUMENT,
     "eps must be finite and not negative"},

    {"group_norm",
     GN(3, 1e-5),
     3,
     {SHAPE(2, 4, 2, 2), SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "groups 3 must divide the channels of x [2, 4, 2, 2]"},
    {"group_norm",
     GN(0, 1e-5),
     3,
     {SHAPE(2, 4, 2, 2), SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "groups 0 must divide the channels of x [2, 4, 2, 2]"},
    {"group_norm",
     GN(2, 1e-5),
     3,
     {SHAPE(2, 4, 0, 2), SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "only the batch may be empty, got x [2, 4, 0, 2]"},
    {"group_norm",
     GN(2, 1e-5),
     3,
     {SHAPE(2, 0, 2, 2), SHAPE(0), SHAPE(0)},
     BAD_SHAPE,
     "only the batch may be empty"},
    {"group_norm",
     GN(4, 1e-5),
     3,
     {SHAPE(1, 4, 1, 1), SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "expected more than 1 value in a group, got x [1, 4, 1, 1] and groups 4"},
    {"group_norm",
     GN(2, 1e-5),
     3,
     {SHAPE(1, 4, 2, 2), SHAPE(2), SHAPE(4)},
     BAD_SHAPE,
     "x [1, 4, 2, 2]: weight must have shape [4], got [2]"},
    {"group_norm",
     GN(2, 1e-5),
     3,
     {SHAPE(4), SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "x must have 2 to 8 dimensions, got [4]"},
    {"group_norm",
     GN(2, INFINITY),
     3,
     {SHAPE(1, 4, 2, 2), SHAPE(4), SHAPE(4)},
     JIMM_ERROR_INVALID_ARGUMENT,
     "eps must be finite"},

    {"group_norm",
     GN(2, 1e-5),
     3,
     {SHAPE(1, 4, 2, 2), SHAPE(4), {.rank = -1}},
     BAD_SHAPE,
     "bias must have shape [4]"},

    {"channel_norm",
     LN(JIMM_CHANNEL_NORM_SIMPLE + 1, 1e-6),
     2,
     {SHAPE(1, 4, 2, 2), SHAPE(4)},
     JIMM_ERROR_INVALID_ARGUMENT,
     "type 3 is no jimm_channel_norm_type"},
    {"channel_norm",
     LN(JIMM_CHANNEL_NORM_LAYER, NAN),
     2,
     {SHAPE(1, 4, 2, 2), SHAPE(4)},
     JIMM_ERROR_INVALID_ARGUMENT,
     "eps must be finite"},
    {"channel_norm",
     LN(JIMM_CHANNEL_NORM_LAYER, 1e-6),
     3,
     {SHAPE(1, 4, 2, 2), SHAPE(4), SHAPE(3)},
     BAD_SHAPE,
     "x [1, 4, 2, 2]: bias must have shape [4], got [3]"},
    {"channel_norm",
     LN(JIMM_CHANNEL_NORM_LAYER, 1e-6),
     2,
     {SHAPE(1, 0, 2, 2), SHAPE(0)},
     BAD_SHAPE,
     "only the batch may be empty, got x [1, 0, 2, 2]"},
    {"channel_norm",
     LN(JIMM_CHANNEL_NORM_RMS, 1e-6),
     2,
     {SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "x must have 2 to 8 dimensions, got [4]"},
    {"channel_norm",
     LN(JIMM_CHANNEL_NORM_RMS, 1e-6),
     3,
     {SHAPE(1, 4, 2, 2), SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "type rms has no bias, got bias [4]"},
    {"channel_norm",
     LN(JIMM_CHANNEL_NORM_SIMPLE, 1e-6),
     2,
     {SHAPE(2, 1, 2, 2), SHAPE(1)},
     BAD_SHAPE,
     "type simple expects more than 1 channel, got x [2, 1, 2, 2]"},

    {"global_response_norm",
     &(const jimm_global_response_norm_attrs){1e-6},
     3,
     {SHAPE(1, 4, 2), SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "x must have 4 dimensions, got [1, 4, 2]"},
    {"global_response_norm",
     &(const jimm_global_response_norm_attrs){1e-6},
     3,
     {SHAPE(1, 4, 2, 0), SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "only the batch may be empty, got x [1, 4, 2, 0]"},
    {"global_response_norm",
     &(const jimm_global_response_norm_attrs){-1e-6},
     3,
     {SHAPE(1, 4, 2, 2), SHAPE(4), SHAPE(4)},
     JIMM_ERROR_INVALID_ARGUMENT,
     "eps must be finite and not negative"},

    {"evo_norm2d_s0",
     &(const jimm_evo_norm2d_s0_attrs){3, 1e-5},
     4,
     {SHAPE(1, 4, 2, 2), SHAPE(4), SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "groups 3 must divide the channels of x [1, 4, 2, 2]"},
    {"evo_norm2d_s0",
     &(const jimm_evo_norm2d_s0_attrs){2, 1e-5},
     4,
     {SHAPE(1, 4, 2, 2), SHAPE(4), SHAPE(4), SHAPE(2)},
     BAD_SHAPE,
     "v must have shape [4], got [2]"},

    {"filter_response_norm",
     &(const jimm_filter_response_norm_attrs){1e-5},
     4,
     {SHAPE(1, 4, 2, 2), SHAPE(4), SHAPE(4), SHAPE(1, 4)},
     BAD_SHAPE,
     "tau must have shape [4], got [1, 4]"},
    {"filter_response_norm",
     &(const jimm_filter_response_norm_attrs){1e-5},
     3,
     {SHAPE(4, 2), SHAPE(2), SHAPE(2)},
     BAD_SHAPE,
     "x must have 4 dimensions, got [4, 2]"},

    {"gelu",
     &(const jimm_gelu_attrs){2},
     1,
     {SHAPE(3)},
     JIMM_ERROR_INVALID_ARGUMENT,
     "approximate 2 is no jimm_gelu_approximate"},
    {"silu", NULL, 1, {SHAPE(3, -1)}, BAD_SHAPE, "x has a negative dimension: [3, -1]"},

    {"add",
     NULL,
     2,
     {SHAPE(1, 4, 2, 2), SHAPE(1, 4, 3, 1)},
     BAD_SHAPE,
     "a and b must be equal in each dimension, counted from the last, or one of them 1 there: got "
     "a "
     "[1, 4, 2, 2] and b [1, 4, 3, 1]"},
    {"add", NULL, 2, {SHAPE(4), SHAPE(4, 1, 3)}, BAD_SHAPE, "got a [4] and b [4, 1, 3]"},
    {"mul", NULL, 2, {SHAPE(2, 4), SHAPE(3, 4)}, BAD_SHAPE, "got a [2, 4] and b [3, 4]"},
    {"permute",
     &(const jimm_permute_attrs){SHAPE(1, 0, 2)},
     1,
     {SHAPE(2, 3, 4)},
     BAD_SHAPE,
     "order must have 0 first and then every other dimension of x once, got [1, 0, 2] for x [2, 3, "
     "4]"},
    {"permute",
     &(const jimm_permute_attrs){SHAPE(0, 2, 2)},
     1,
     {SHAPE(2, 3, 4)},
     BAD_SHAPE,
     "got [0, 2, 2]"},
    {"permute",
     &(const jimm_permute_attrs){SHAPE(0, 1)},
     1,
     {SHAPE(2, 3, 4)},
     BAD_SHAPE,
     "got [0, 1]"},
    {"permute", &(const jimm_permute_attrs){SHAPE(0, 3, 1)}, 1, {SHAPE(2, 3, 4)}, BAD_SHAPE, "got"},
    {"conv1d",
     &(const jimm_conv1d_attrs){1, 0, 1, 1},
     2,
     {TOKENS(2, 6, 5), SHAPE(3, 6, 1)},
     BAD_SHAPE,
     "x must have its channels at dimension 1, got [2, 6, 5] with channels at dimension 2"},
    {"group_norm",
     &(const jimm_group_norm_attrs){2, 1e-5},
     3,
     {TOKENS(2, 6, 4), SHAPE(4), SHAPE(4)},
     BAD_SHAPE,
     "x must have its channels at dimension 1"},
    {"global_pool",
     &(const jimm_global_pool_attrs){JIMM_POOL_AVG},
     1,
     {{4, {1, 2, 2, 3}, 3}},
     BAD_SHAPE,
     "channels at dimension 3"},
    {"batch_norm",
     &(const jimm_batch_norm_attrs){1e-5},
     5,
     {TOKENS(2, 6, 4), SHAPE(6), SHAPE(6), SHAPE(6), SHAPE(6)},
     BAD_SHAPE,
     "weight must have shape [4], got [6]"},

    {"max_pool2d",
     MAX_POOL(3, 2, 2, false),
     1,
     {SHAPE(1, 3, 8, 8)},
     BAD_SHAPE,
     "padding may be at most half of the kernel, got padding [2, 2] and kernel [3, 3]"},
    {"max_pool2d",
     MAX_POOL(3, 2, 0, false),
     1,
     {SHAPE(1, 3, 1, 1)},
     BAD_SHAPE,
     "x [1, 3, 1, 1] with padding [0, 0] is too small for kernel [3, 3]: the output would be 0 x "
     "0"},
    {"max_pool2d", MAX_POOL(3, 0, 1, false), 1, {SHAPE(1, 3, 8, 8)}, BAD_SHAPE, "stride must be 1"},
    {"max_pool2d", MAX_POOL(0, 1, 0, false), 1, {SHAPE(1, 3, 8, 8)}, BAD_SHAPE, "kernel must be 1"},
    {"max_pool2d",
     MAX_POOL(3, 2, -1, false),
     1,
     {SHAPE(1, 3, 8, 8)},
     BAD_SHAPE,
     "padding must be 0"},
    {"max_pool2d",
     MAX_POOL(3, 2, 1, false),
     1,
     {SHAPE(1, 0, 8, 8)},
     BAD_SHAPE,
     "only the batch may be empty, got x [1, 0, 8, 8]"},
    {"max_pool2d",
     MAX_POOL(3, 2, 1, false),
     1,
     {SHAPE(1, 3, 0, 8)},
     BAD_SHAPE,
     "only the batch may be empty"},
    {"max_pool2d",
     MAX_POOL(3, 2, 1, false),
     1,
     {SHAPE(8, 8)},
     BAD_SHAPE,
     "x must have 4 dimensions, got [8, 8]"},
    {"avg_pool2d", AVG_POOL(2, 2, 0), 1, {SHAPE(1, 3, 1, 1)}, BAD_SHAPE, "too small for kernel"},
    {"avg_pool2d", AVG_POOL(3, 2, 2), 1, {SHAPE(1, 3, 8, 8)}, BAD_SHAPE, "at most half"},

    {"global_pool",
     &(const jimm_global_pool_attrs){JIMM_POOL_MAX},
     1,
     {SHAPE(1, 3, 0, 2)},
     BAD_SHAPE,
     "only the batch may be empty, got x [1, 3, 0, 2]"},
    {"global_pool",
     &(const jimm_global_pool_attrs){JIMM_POOL_AVG},
     1,
     {SHAPE(1, 3)},
     BAD_SHAPE,
     "x must have 4 dimensions, got [1, 3]"},
    {"global_pool",
     &(const jimm_global_pool_attrs){4},
     1,
     {SHAPE(1, 3, 2, 2)},
     JIMM_ERROR_INVALID_ARGUMENT,
     "type 4 is no jimm_pool_type"},

    {"flatten",
     &(const jimm_flatten_attrs){4},
     1,
     {SHAPE(2, 3, 1, 1)},
     BAD_SHAPE,
     "start_dim must be -4 to 3, got 4 for x [2, 3, 1, 1]"},
    {"flatten", &(const jimm_flatten_attrs){-5}, 1, {SHAPE(2, 3, 1, 1)}, BAD_SHAPE, "got -5"},
    {"flatten",
     &(const jimm_flatten_attrs){1},
     1,
     {SHAPE(2, 65536, 65536, 1)},
     JIMM_ERROR_LIMIT,
     "x [2, 65536, 65536, 1] flattens to a dimension above 2147483647"},

    {"linear",
     NULL,
     2,
     {SHAPE(1, 3), SHAPE(4, 2)},
     BAD_SHAPE,
     "weight [4, 2] expects x of shape [..., 2], got x [1, 3]"},
    {"linear",
     NULL,
     3,
     {SHAPE(1, 3), SHAPE(4, 3), SHAPE(3)},
     BAD_SHAPE,
     "bias must have shape [4], got [3]"},
    {"linear",
     NULL,
     2,
     {{0, {0}}, SHAPE(4, 3)},
     BAD_SHAPE,
     "x must have 1 to 8 dimensions, got []"},

    {"dropout",
     &(const jimm_dropout_attrs){1.5},
     1,
     {SHAPE(2, 3)},
     JIMM_ERROR_INVALID_ARGUMENT,
     "rate must be 0 to 1"},
    {"dropout",
     &(const jimm_dropout_attrs){NAN},
     1,
     {SHAPE(2, 3)},
     JIMM_ERROR_INVALID_ARGUMENT,
     "rate must be 0 to 1"},
    {"dropout",
     &(const jimm_dropout_attrs){0.5},
     2,
     {SHAPE(2, 3), SHAPE(2)},
     BAD_SHAPE,
     "mask must have the shape of x [2, 3], got [2]"},
    {"drop_path",
     &(const jimm_dropout_attrs){0.5},
     2,
     {SHAPE(2, 3), SHAPE(3)},
     BAD_SHAPE,
     "x [2, 3]: mask must have shape [2], got [3]"},
    {"drop_path",
     &(const jimm_dropout_attrs){-0.5},
     1,
     {SHAPE(2, 3)},
     JIMM_ERROR_INVALID_ARGUMENT,
     "rate must be 0 to 1"},
};

TEST(refusals_say_what_was_expected) {
  for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
    const refusal *r = &refusals[i];
    jimm_shape y = {.rank = -1};
    const jimm_status status = op_named(r->op)->infer(r->attrs, r->input_count, r->inputs, &y);
    TEST_CHECK_MSG(status == r->status, "refusal %zu (%s: %s): status %s", i, r->op, r->message,
                   jimm_status_name(status));
    TEST_CHECK_CONTAINS(jimm_error_message(), r->message);
    TEST_CHECK_INT(y.rank, -1);
  }
}

/* ---- values that examples cannot have ---- */

TEST(empty_batches_pass) {
  const jimm_conv2d_attrs conv = {{2, 2}, {1, 1}, {1, 1}, 1};
  const jimm_group_norm_attrs norm = {2, 1e-5};
  const jimm_max_pool2d_attrs pool = {{3, 3}, {2, 2}, {1, 1}, false};
  const jimm_global_pool_attrs global = {JIMM_POOL_CATAVGMAX};
  const jimm_flatten_attrs flatten = {1};
  const struct {
    const char *op;
    const void *attrs;
    int32_t count;
    jimm_shape inputs[3];
    const char *want;
  } cases[] = {
      {"conv2d", &conv, 2, {SHAPE(0, 4, 8, 8), SHAPE(6, 4, 3, 3)}, "[0, 6, 4, 4]"},
      {"group_norm", &norm, 3, {SHAPE(0, 4, 8, 8), SHAPE(4), SHAPE(4)}, "[0, 4, 8, 8]"},
      {"relu", NULL, 1, {SHAPE(0, 4)}, "[0, 4]"},
      {"max_pool2d", &pool, 1, {SHAPE(0, 4, 8, 8)}, "[0, 4, 4, 4]"},
      {"global_pool", &global, 1, {SHAPE(0, 4, 8, 8)}, "[0, 8, 1, 1]"},
      {"flatten", &flatten, 1, {SHAPE(0, 4, 1, 1)}, "[0, 4]"},
      {"linear", NULL, 2, {SHAPE(0, 4), SHAPE(6, 4)}, "[0, 6]"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    const jimm_op *op = op_named(cases[i].op);
    jimm_shape y = {.rank = -1};
    TEST_REQUIRE_INT(op->infer(cases[i].attrs, cases[i].count, cases[i].inputs, &y), JIMM_OK);
    char text[JIMM_SHAPE_TEXT];
    TEST_CHECK_STR(jimm_shape_format(&y, text, sizeof(text)), cases[i].want);
    jimm_tensor inputs[3], output = {.dtype = JIMM_F32, .shape = y};
    for (int32_t k = 0; k < cases[i].count; k++) {
      TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &cases[i].inputs[k], &inputs[k]), JIMM_OK);
    }
    TEST_CHECK_INT(
        op->forward_f32(&(jimm_op_call){cases[i].attrs, cases[i].count, inputs, &output}), JIMM_OK);
    for (int32_t k = 0; k < cases[i].count; k++) {
      jimm_tensor_close(&inputs[k]);
    }
  }
}

/* Evaluates an operator of one input in float64 on values of the caller. */
static void evaluate(const char *name, const void *attrs, jimm_shape shape, double *x,
                     jimm_shape out_shape, double *y) {
  const jimm_op *op = op_named(name);
  jimm_shape inferred = {.rank = -1};
  TEST_REQUIRE_INT(op->infer(attrs, 1, &shape, &inferred), JIMM_OK);
  TEST_REQUIRE(jimm_shape_equal(&inferred, &out_shape));
  const jimm_tensor input = {JIMM_F64, shape, x, NULL};
  jimm_tensor output = {JIMM_F64, out_shape, y, NULL};
  TEST_REQUIRE_INT(op->forward_f64(&(jimm_op_call){attrs, 1, &input, &output}), JIMM_OK);
}

TEST(relu_keeps_nan_and_minus_zero) {
  double x[5] = {NAN, -0.0, 0.0, -1, INFINITY}, y[5];
  evaluate("relu", NULL, (jimm_shape)SHAPE(5), x, (jimm_shape)SHAPE(5), y);
  TEST_CHECK(isnan(y[0]));
  TEST_CHECK(y[1] == 0 && signbit(y[1]));
  TEST_CHECK(y[2] == 0 && !signbit(y[2]));
  TEST_CHECK(y[3] == 0 && y[4] == INFINITY);
}

TEST(maxima_propagate_nan_and_minus_infinity) {
  const jimm_max_pool2d_attrs pool = {{2, 2}, {2, 2}, {0, 0}, false};
  double x[8] = {1, NAN, -INFINITY, -INFINITY, 3, 2, -INFINITY, -INFINITY}, y[2];
  evaluate("max_pool2d", &pool, (jimm_shape)SHAPE(1, 1, 2, 4), x, (jimm_shape)SHAPE(1, 1, 1, 2), y);
  TEST_CHECK(isnan(y[0]));
  TEST_CHECK(y[1] == -INFINITY);
  const jimm_global_pool_attrs global = {JIMM_POOL_MAX};
  double late[4] = {1, 2, NAN, 5};
  evaluate("global_pool", &global, (jimm_shape)SHAPE(1, 1, 2, 2), late,
           (jimm_shape)SHAPE(1, 1, 1, 1), y);
  TEST_CHECK(isnan(y[0]));
  double first[4] = {NAN, 2, 3, 5};
  evaluate("global_pool", &global, (jimm_shape)SHAPE(1, 1, 2, 2), first,
           (jimm_shape)SHAPE(1, 1, 1, 1), y);
  TEST_CHECK(isnan(y[0]));
}

TEST(activations_at_infinity_are_pytorchs) {
  const jimm_gelu_attrs forms[] = {{JIMM_GELU_NONE}, {JIMM_GELU_TANH}};
  double x[5] = {NAN, INFINITY, -INFINITY, -1e300, 0}, y[3][5];
  evaluate("gelu", &forms[0], (jimm_shape)SHAPE(5), x, (jimm_shape)SHAPE(5), y[0]);
  evaluate("gelu", &forms[1], (jimm_shape)SHAPE(5), x, (jimm_shape)SHAPE(5), y[1]);
  evaluate("silu", NULL, (jimm_shape)SHAPE(5), x, (jimm_shape)SHAPE(5), y[2]);
  for (int i = 0; i < 3; i++) {
    TEST_CHECK(isnan(y[i][0]) && y[i][1] == INFINITY && isnan(y[i][2]));
    TEST_CHECK(y[i][3] == 0 && signbit(y[i][3]) && y[i][4] == 0);
  }
}

TEST(average_by_hand) {
  /* 3 x 3 input, kernel 2, stride 2, padding 1, ceil_mode: the windows of the last row and column
   * lie inside the input; the first ones hold one value and three zeros. */
  double x[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, y[4];
  jimm_avg_pool2d_attrs pool = {{2, 2}, {2, 2}, {1, 1}, true, true};
  evaluate("avg_pool2d", &pool, (jimm_shape)SHAPE(1, 1, 3, 3), x, (jimm_shape)SHAPE(1, 1, 2, 2), y);
  TEST_CHECK(y[0] == 0.25 && y[1] == 1.25 && y[2] == 2.75 && y[3] == 7);
  pool.count_include_pad = false;
  evaluate("avg_pool2d", &pool, (jimm_shape)SHAPE(1, 1, 3, 3), x, (jimm_shape)SHAPE(1, 1, 2, 2), y);
  TEST_CHECK(y[0] == 1 && y[1] == 2.5 && y[2] == 5.5 && y[3] == 7);
}

TEST(macs_are_counted) {
  const jimm_conv2d_attrs conv = {{2, 2}, {3, 3}, {1, 1}, 1}, grouped = {{1, 1}, {1, 1}, {1, 1}, 4};
  jimm_shape inputs[2] = {SHAPE(2, 3, 224, 224), SHAPE(64, 3, 7, 7)}, y = SHAPE(2, 64, 112, 112);
  TEST_CHECK_INT(op_named("conv2d")->macs(&conv, 2, inputs, &y), 2 * 118013952);
  jimm_shape parts[2] = {SHAPE(1, 8, 5, 5), SHAPE(12, 2, 3, 3)}, z = SHAPE(1, 12, 5, 5);
  TEST_CHECK_INT(op_named("conv2d")->macs(&grouped, 2, parts, &z), 12 * 25 * 2 * 9);
  jimm_shape head[2] = {SHAPE(3, 512), SHAPE(1000, 512)}, logits = SHAPE(3, 1000);
  TEST_CHECK_INT(op_named("linear")->macs(NULL, 2, head, &logits), 3 * 512000);
  jimm_shape huge[2] = {SHAPE(1, 2147483647), SHAPE(2147483647, 2147483647)},
             vast = SHAPE(2147483647, 2147483647);
  TEST_CHECK_INT(op_named("linear")->macs(NULL, 2, huge, &vast), INT64_MAX);
}

/* ---- operators of one's own ---- */

static jimm_status same_shape(const void *attrs, int32_t input_count, const jimm_shape *inputs,
                              jimm_shape *output) {
  (void)attrs;
  (void)input_count;
  *output = inputs[0];
  return JIMM_OK;
}

static jimm_status nothing(const jimm_op_call *call) {
  (void)call;
  return JIMM_OK;
}

TEST(registration_refuses_bad_rows) {
  static const char *const names[] = {"x"};
  const jimm_op good = {.size = sizeof(jimm_op),
                        .name = "test_op_rules_identity",
                        .summary = "a test's operator",
                        .min_inputs = 1,
                        .max_inputs = 1,
                        .input_names = names,
                        .infer = same_shape,
                        .forward_f32 = nothing,
                        .forward_f64 = nothing};
  const int32_t count = jimm_op_count();
  jimm_op bad = good;
  TEST_CHECK_INT(jimm_op_register(NULL), JIMM_ERROR_INVALID_ARGUMENT);
  bad.size = 8;
  TEST_CHECK_INT(jimm_op_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  bad = good;
  bad.name = NULL;
  TEST_CHECK_INT(jimm_op_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  bad.name = "";
  TEST_CHECK_INT(jimm_op_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  bad = good;
  bad.infer = NULL;
  TEST_CHECK_INT(jimm_op_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "test_op_rules_identity");
  bad = good;
  bad.forward_f64 = NULL;
  TEST_CHECK_INT(jimm_op_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  bad = good;
  bad.min_inputs = 0; /* of any number at least one, which has a name */
  bad.max_inputs = JIMM_ANY_INPUTS;
  TEST_CHECK_INT(jimm_op_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  bad = good;
  bad.input_names = NULL;
  TEST_CHECK_INT(jimm_op_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  bad = good;
  bad.attr_count = 1;
  TEST_CHECK_INT(jimm_op_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  bad = good;
  bad.name = "conv2d";
  TEST_CHECK_INT(jimm_op_register(&bad), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "operator conv2d: there is one of that name");
  TEST_CHECK_INT(jimm_op_count(), count);
}
