/* Kernels, what the walk over ops.def (op/test_kernels.c) cannot express: convolutions with all
 * that fuses, on every instruction set that this machine has and with several thread counts,
 * against a convolution written here. Bounds are rounding-error bounds, in units of the last place
 * and the sum of absolute products, not folklore. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "base/cpu.h"
#include "base/stream.h"
#include "plan/engine.h"
#include "plan/plan.h"

#define UNIT (0.5 * FLT_EPSILON)
#define TINY 1e-37 /* denormal results are flushed to zero */

/* The fewest first: its result is the one that the others must repeat to the bit. All on the best
 * instruction set, and two on the others: threads of one process wait by spinning, so more of them
 * than processors are slow. */
static const int32_t thread_counts[] = {1, 3, 2, 7};
static size_t thread_tries(jimm_isa isa) {
  return isa < jimm_cpu_isa() ? 2 : 4;
}

/* The bound of a sum of `products` products, as kernels add them, per unit of sum |a b|. */
static double sum_bound(double products) {
  const double block = products < JIMM_CONV_BLOCK ? products : JIMM_CONV_BLOCK;
  return UNIT * (block + ceil(products / JIMM_CONV_BLOCK) + 8.0);
}

/* ---- fused convolutions ---- */

#define NORM_EPS 0.0625 /* large beside variances near 1, so that it shows */

typedef struct conv_case {
  const char *name;
  int64_t n, c, h, w, o;
  int64_t kernel[2], stride[2], padding[2], dilation[2], groups;
  bool bias, norm, add, relu;
  bool inner; /* a relu stands before, so that the input is no input of the graph */
} conv_case;

static const conv_case conv_cases[] = {
    {"plain", 1, 8, 5, 5, 8, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, 0, 0, 0, 0, 1},
    {"stem", 2, 3, 37, 29, 17, {7, 7}, {2, 2}, {3, 3}, {1, 1}, 1, 0, 1, 0, 1, 0},
    {"stem dilated rows", 1, 3, 20, 21, 9, {3, 3}, {1, 2}, {2, 1}, {2, 1}, 1, 1, 1, 0, 1, 0},
    {"stem dilated columns", 1, 3, 20, 21, 9, {3, 3}, {1, 1}, {1, 2}, {1, 2}, 1, 1, 0, 0, 1, 0},
    {"stem far padding", 1, 2, 3, 4, 5, {3, 5}, {2, 3}, {6, 9}, {1, 1}, 1, 1, 0, 0, 0, 0},
    {"one channel", 1, 1, 19, 23, 5, {5, 3}, {1, 1}, {2, 1}, {1, 1}, 1, 1, 1, 0, 1, 1},
    {"all fused", 2, 17, 13, 11, 33, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, 0, 1, 1, 1, 1},
    {"bias and norm", 1, 5, 9, 9, 31, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 1, 1, 1, 1, 0, 1},
    {"no norm", 3, 16, 7, 7, 16, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, 1, 0, 1, 1, 1},
    {"seven by seven", 1, 64, 7, 7, 70, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, 0, 1, 1, 1, 1},
    {"many channels", 1, 1030, 4, 5, 20, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, 0, 1, 0, 0, 1},
    {"many products", 1, 300, 6, 6, 20, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, 0, 1, 0, 1, 1},
    {"big dilation", 1, 7, 23, 19, 12, {3, 3}, {1, 1}, {9, 8}, {9, 8}, 1, 0, 1, 0, 1, 1},
    {"padding above image", 1, 6, 2, 3, 8, {3, 3}, {1, 1}, {7, 5}, {2, 1}, 1, 1, 0, 0, 0, 1},
    {"tap is image", 2, 9, 6, 5, 4, {6, 5}, {1, 1}, {0, 0}, {1, 1}, 1, 1, 0, 0, 1, 1},
    {"large kernel", 1, 4, 16, 15, 6, {11, 9}, {1, 2}, {5, 4}, {1, 1}, 1, 0, 1, 0, 1, 1},
    {"grouped", 2, 24, 9, 8, 36, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 4, 1, 1, 1, 1, 1},
    {"depthwise", 1, 19, 10, 9, 19, {7, 7}, {1, 1}, {3, 3}, {1, 1}, 19, 1, 0, 0, 1, 1},
    {"depthwise twice", 1, 6, 10, 9, 12, {3, 3}, {2, 1}, {1, 1}, {1, 1}, 6, 0, 1, 0, 1, 0},
    {"one pixel", 1, 3, 1, 1, 2, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, 0, 0, 0, 0, 0},
    {"tall", 1, 2, 201, 1, 3, {3, 1}, {1, 1}, {1, 0}, {1, 1}, 1, 1, 0, 1, 1, 1},
    {"stride above kernel", 1, 8, 17, 18, 8, {1, 2}, {4, 5}, {0, 1}, {1, 1}, 1, 1, 1, 1, 0, 1},
};

typedef struct fused_case {
  const conv_case *conv;
  jimm_isa isa;
} fused_case;

static int64_t out_size(const conv_case *c, int d) {
  const int64_t in = d == 0 ? c->h : c->w;
  return (in + 2 * c->padding[d] - c->dilation[d] * (c->kernel[d] - 1) - 1) / c->stride[d] + 1;
}

static jimm_graph *conv_graph(const conv_case *c, const jimm_shape *shape) {
  jimm_graph *g = NULL;
  jimm_graph_create(&g);
  const jimm_conv2d_attrs a = {{c->stride[0], c->stride[1]},
                               {c->padding[0], c->padding[1]},
                               {c->dilation[0], c->dilation[1]},
                               c->groups};
  const jimm_batch_norm_attrs bn = {NORM_EPS};
  const jimm_shape w = {4, {c->o, c->c / c->groups, c->kernel[0], c->kernel[1]}};
  const jimm_shape r = {4, {c->n, c->o, out_size(c, 0), out_size(c, 1)}};
  const jimm_shape v = {1, {c->o}};
  jimm_value x = engine_input(g, shape);
  if (c->inner) {
    x = jimm_graph_add(g, "relu", "before", NULL, 1, &x);
  }
  const jimm_value conv[] = {x, engine_parameter(g, "conv.weight", &w),
                             c->bias ? engine_parameter(g, "conv.bias", &v) : JIMM_NO_VALUE};
  x = jimm_graph_add(g, "conv2d", "conv", &a, 3, conv);
  if (c->norm) {
    const jimm_value norm[] = {
        x, engine_parameter(g, "bn.weight", &v), engine_parameter(g, "bn.bias", &v),
        engine_parameter(g, "bn.running_mean", &v), engine_parameter(g, "bn.running_var", &v)};
    x = jimm_graph_add(g, "batch_norm", "bn", &bn, 5, norm);
  }
  if (c->add) {
    const jimm_value sum[] = {x, engine_parameter(g, "other", &r)};
    x = jimm_graph_add(g, "add", "sum", NULL, 2, sum);
  }
  if (c->relu) {
    x = jimm_graph_add(g, "relu", "act", NULL, 1, &x);
  }
  jimm_graph_output(g, "y", x);
  TEST_CHECK_MSG(jimm_graph_finish(g) == JIMM_OK, "%s", jimm_error_message());
  return g;
}

static const float *parameter(jimm_model *model, const char *name) {
  const jimm_value v = jimm_graph_find(jimm_model_graph(model), name);
  return v == JIMM_NO_VALUE ? NULL : jimm_model_parameter(model, v)->data;
}

/* Element (n, o, oy, ox) in float64 and the bound of its error. */
static double plain_conv(const conv_case *c, jimm_model *model, const float *x, int64_t n,
                         int64_t o, int64_t oy, int64_t ox, double *limit) {
  const float *w = parameter(model, "conv.weight");
  const float *bias = parameter(model, "conv.bias");
  const float *other = parameter(model, "other");
  const int64_t channels = c->c / c->groups;
  const int64_t group = o / (c->o / c->groups);
  double sum = 0.0;
  double size = 0.0;
  for (int64_t i = 0; i < channels; i++) {
    for (int64_t ky = 0; ky < c->kernel[0]; ky++) {
      for (int64_t kx = 0; kx < c->kernel[1]; kx++) {
        const int64_t iy = oy * c->stride[0] - c->padding[0] + ky * c->dilation[0];
        const int64_t ix = ox * c->stride[1] - c->padding[1] + kx * c->dilation[1];
        if (iy < 0 || iy >= c->h || ix < 0 || ix >= c->w) {
          continue;
        }
        double v = (double)x[((n * c->c + group * channels + i) * c->h + iy) * c->w + ix];
        v = c->inner && v < 0.0 ? 0.0 : v;
        const double p =
            v * (double)w[((o * channels + i) * c->kernel[0] + ky) * c->kernel[1] + kx];
        sum += p;
        size += fabs(p);
      }
    }
  }
  if (bias != NULL) {
    sum += (double)bias[o];
    size += fabs((double)bias[o]);
  }
  if (c->norm) {
    const double mean = (double)parameter(model, "bn.running_mean")[o];
    const double beta = (double)parameter(model, "bn.bias")[o];
    const double scale = (double)parameter(model, "bn.weight")[o] /
                         sqrt((double)parameter(model, "bn.running_var")[o] + NORM_EPS);
    sum = (sum - mean) * scale + beta;
    size = (size + fabs(mean)) * fabs(scale) + fabs(beta);
  }
  if (c->add) {
    const int64_t oh = out_size(c, 0);
    const int64_t ow = out_size(c, 1);
    const double r = (double)other[((n * c->o + o) * oh + oy) * ow + ox];
    sum += r;
    size += fabs(r);
  }
  *limit = sum_bound((double)(channels * c->kernel[0] * c->kernel[1])) * size + TINY;
  return c->relu && sum < 0.0 ? 0.0 : sum;
}

static void check_conv(void *context) {
  const fused_case *f = context;
  const conv_case *c = f->conv;
  const jimm_shape shape = {4, {c->n, c->c, c->h, c->w}};
  jimm_graph *graph = conv_graph(c, &shape);
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(jimm_model_create_synthetic(graph, 5, &model), JIMM_OK);
  jimm_tensor x = engine_tensor(&shape, 3, c->name, 0.0, 1.0);
  jimm_tensor first = {0};
  for (size_t t = 0; t < thread_tries(f->isa); t++) {
    jimm_tensor got;
    const jimm_plan_options o = engine_options(&shape, thread_counts[t], f->isa);
    const jimm_status status = engine_run(model, &o, &x, &got);
    TEST_REQUIRE_MSG(status == JIMM_OK, "%s", jimm_error_message());
    if (t > 0) {
      TEST_CHECK_MEM(got.data, first.data, jimm_tensor_bytes(&got));
      jimm_tensor_close(&got);
      continue;
    }
    first = got;
    const int64_t oh = out_size(c, 0);
    const int64_t ow = out_size(c, 1);
    double worst = 0.0;
    for (int64_t i = 0; i < jimm_shape_count(&got.shape); i++) {
      double limit;
      const double want = plain_conv(c, model, x.data, i / (c->o * oh * ow), i / (oh * ow) % c->o,
                                     i / ow % oh, i % ow, &limit);
      const double error = fabs((double)((float *)got.data)[i] - want) / limit;
      worst = error <= worst ? worst : error;
    }
    TEST_CHECK_MSG(worst <= 1.0, "error is %g times the bound", worst);
  }
  jimm_tensor_close(&first);
  jimm_tensor_close(&x);
  jimm_model_close(&model);
  jimm_graph_close(&graph);
}

/* ---- the table ---- */

/* One pixel, one product. */
static jimm_problem least_problem(const char *op, jimm_dtype dtype) {
  return (jimm_problem){.op = op,
                        .input = dtype,
                        .output = dtype,
                        .channels = 1,
                        .outputs = 1,
                        .groups = 1,
                        .in_height = 1,
                        .in_width = 1,
                        .out_height = 1,
                        .out_width = 1,
                        .kernel_height = 1,
                        .kernel_width = 1,
                        .stride = {1, 1},
                        .dilation = {1, 1}};
}

TEST(every_row_can_be_found) {
  for (size_t i = 0; i < jimm_kernels.count; i++) {
    const jimm_kernel *row = &jimm_kernels.rows[i];
    const jimm_problem p = least_problem(row->op, row->input);
    const jimm_kernel *found = jimm_kernel_choose(&jimm_kernels, &p, row->set->features);
    const jimm_kernel *base = jimm_kernel_choose(&jimm_kernels, &p, JIMM_FEATURES_BASELINE);
    TEST_REQUIRE(found != NULL && base != NULL);
    TEST_CHECK_UINT(base->set->features, JIMM_FEATURES_BASELINE);
    TEST_CHECK_MSG(found == row || !jimm_kernel_accepts(row, &p, row->set->features) ||
                       jimm_kernel_cost(found, &p) < jimm_kernel_cost(row, &p),
                   "%s is hidden by %s", row->name, found->name);
    const bool packs =
        row->rules != NULL && row->rules->packed_bytes != NULL && row->rules->pack != NULL;
    TEST_CHECK(packs == (row->weight != JIMM_DTYPE_NONE));
    TEST_CHECK(row->task != NULL);
    TEST_CHECK_CONTAINS(row->name, row->op);
    TEST_CHECK_CONTAINS(row->name, row->set->name);
  }
  const jimm_problem half = least_problem("conv2d", JIMM_F16);
  const jimm_problem none = least_problem("no such", JIMM_F32);
  TEST_CHECK(jimm_kernel_choose(&jimm_kernels, &half, UINT64_MAX) == NULL);
  TEST_CHECK(jimm_kernel_choose(&jimm_kernels, &none, UINT64_MAX) == NULL);
}

/* A large map must not lose digits: the mean of 300 x 300 values near 100. */
TEST(global_average_of_a_large_map) {
  const jimm_shape shape = {4, {1, 3, 300, 300}};
  jimm_graph *g = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  const jimm_global_pool_attrs a = {JIMM_POOL_AVG};
  const jimm_value x = engine_input(g, &shape);
  jimm_graph_output(g, "y", jimm_graph_add(g, "global_pool", "pool", &a, 1, &x));
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(jimm_model_create_synthetic(g, 1, &model), JIMM_OK);
  jimm_tensor in = engine_tensor(&shape, 1, "large", 100.0, 1.0);
  for (int isa = 0; isa <= (int)jimm_cpu_isa(); isa++) {
    jimm_tensor out;
    const jimm_plan_options o = engine_options(&shape, 1, (jimm_isa)isa);
    TEST_REQUIRE_INT(engine_run(model, &o, &in, &out), JIMM_OK);
    for (int c = 0; c < 3; c++) {
      double sum = 0.0;
      for (int i = 0; i < 90000; i++) {
        sum += (double)((float *)in.data)[c * 90000 + i];
      }
      TEST_CHECK_DOUBLE(((float *)out.data)[c], sum / 90000, 0.0, UNIT * 1.001);
    }
    jimm_tensor_close(&out);
  }
  jimm_tensor_close(&in);
  jimm_model_close(&model);
  jimm_graph_close(&g);
}

#define MOST_CASES 1024
static fused_case fused_cases[MOST_CASES];

TEST_SETUP() {
  char name[160];
  size_t fused = 0;
  for (int isa = 0; isa <= (int)jimm_cpu_isa(); isa++) {
    const char *level = jimm_isa_name((jimm_isa)isa);
    for (size_t i = 0; i < sizeof(conv_cases) / sizeof(conv_cases[0]); i++) {
      TEST_REQUIRE(fused < MOST_CASES);
      fused_case *f = &fused_cases[fused++];
      *f = (fused_case){&conv_cases[i], (jimm_isa)isa};
      snprintf(name, sizeof(name), "fused conv2d/%s on %s", conv_cases[i].name, level);
      jt_add(name, check_conv, f, NULL);
    }
  }
}

TEST_MAIN()
