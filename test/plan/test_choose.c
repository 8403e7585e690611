/* Choosing among several rows of one operator, shown with rows of this file's own: by cost, by what
 * they accept and by what the processor has, never by batch or threads. The second row of conv2d is
 * a plain loop with a layout of weights of its own and scratch memory by thread. */
#include <stdio.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "plan/engine.h"
#include "plan/plan.h"

/* ---- the rule ---- */

static bool takes_small(const jimm_kernel *row, const jimm_problem *problem) {
  (void)row;
  return problem->in_height <= 8;
}
static double costs_size(const jimm_kernel *row, const jimm_problem *problem) {
  (void)row;
  return (double)problem->channels;
}
static double costs_ten(const jimm_kernel *row, const jimm_problem *problem) {
  (void)row;
  (void)problem;
  return 10.0;
}
static const jimm_kernel_rules small = {.accepts = takes_small, .cost = costs_ten};
static const jimm_kernel_rules by_size = {.cost = costs_size};
static const jimm_kernel_set any = {"any", 16, 0};
static const jimm_kernel_set rare = {"rare", 16, (jimm_features)1 << 63};

static const jimm_kernel toy_rows[] = {
    {"first", "op", JIMM_F32, JIMM_F32, JIMM_F32, &any, 0, 0, NULL, &by_size},
    {"small", "op", JIMM_F32, JIMM_F32, JIMM_F32, &any, 0, 0, NULL, &small},
    {"half", "op", JIMM_F16, JIMM_F16, JIMM_F32, &any, 0, 0, NULL, NULL},
    {"rare", "op", JIMM_F32, JIMM_F32, JIMM_F32, &rare, 0, 0, NULL, NULL},
    {"other", "other", JIMM_F32, JIMM_F32, JIMM_F32, &any, 0, 0, NULL, NULL},
    {"as good", "other", JIMM_F32, JIMM_F32, JIMM_F32, &any, 0, 0, NULL, NULL},
};
static const jimm_kernel_list toys = {toy_rows, sizeof(toy_rows) / sizeof(toy_rows[0])};

static const char *chosen(jimm_problem problem, jimm_features features) {
  const jimm_kernel *row = jimm_kernel_choose(&toys, &problem, features);
  return row == NULL ? "none" : row->name;
}

TEST(the_cheapest_row_that_can_is_chosen) {
  jimm_problem p = {
      .op = "op", .input = JIMM_F32, .output = JIMM_F32, .channels = 9, .in_height = 8};
  TEST_CHECK_STR(chosen(p, 0), "first");
  p.channels = 11;
  TEST_CHECK_STR(chosen(p, 0), "small");
  p.in_height = 9;
  TEST_CHECK_STR(chosen(p, 0), "first");
  TEST_CHECK_STR(chosen(p, UINT64_MAX), "rare");
  p.input = JIMM_F16;
  TEST_CHECK_STR(chosen(p, 0), "half");
  p.output = JIMM_F16;
  TEST_CHECK_STR(chosen(p, 0), "none");
  p = (jimm_problem){.op = "other", .input = JIMM_F32, .output = JIMM_F32};
  TEST_CHECK_STR(chosen(p, 0), "as good");
  p.op = "unknown";
  TEST_CHECK_STR(chosen(p, UINT64_MAX), "none");
}

/* ---- a second row of conv2d ---- */

/* Convolutions of three rows by three columns; the other row must do the others. */
static bool takes_three(const jimm_kernel *row, const jimm_problem *p) {
  (void)row;
  return p->kernel_height == 3 && p->kernel_width == 3;
}

static double costs_nothing(const jimm_kernel *row, const jimm_problem *problem) {
  (void)row;
  (void)problem;
  return 0.0;
}

/* Weights as they are, [output][channel][tap], then the bias. */
static size_t plain_bytes(const jimm_kernel *row, const jimm_problem *p) {
  (void)row;
  return p->groups * p->outputs * (p->channels * 9 + 1) * sizeof(float);
}

static void pack_plain(const jimm_kernel *row, const jimm_problem *p, const jimm_weights *w,
                       void *packed) {
  float *weights = packed;
  const size_t size = p->channels * 9;
  const size_t outputs = p->groups * p->outputs;
  (void)row;
  for (size_t i = 0; i < outputs * size; i++) {
    weights[i] = (float)((double)w->weights[i] * w->scale[i / size]);
  }
  for (size_t o = 0; o < outputs; o++) {
    weights[outputs * size + o] = (float)w->bias[o];
  }
}

/* The products of a sum, for each thread. */
static size_t scratch_bytes(const jimm_kernel *row, const jimm_problem *p, size_t threads) {
  (void)row;
  return threads * p->channels * 9 * sizeof(double);
}

static double product(const jimm_conv_args *a, size_t group, size_t row, size_t c, size_t tap,
                      float weight) {
  const size_t plane = a->out_height * a->out_width;
  const int64_t oy = (int64_t)(row % plane / a->out_width);
  const int64_t ox = (int64_t)(row % a->out_width);
  const int64_t iy = oy * a->stride[0] - a->padding[0] + (int64_t)(tap / 3) * a->dilation[0];
  const int64_t ix = ox * a->stride[1] - a->padding[1] + (int64_t)(tap % 3) * a->dilation[1];
  if (iy < 0 || iy >= a->in_height || ix < 0 || ix >= a->in_width) {
    return 0.0;
  }
  const float *x = a->x + row / plane * a->image_stride + (size_t)iy * a->row_stride +
                   (size_t)ix * a->column_stride;
  return (double)x[group * a->channels + c] * (double)weight;
}

static void convolve(void *args, size_t index, size_t thread) {
  const jimm_conv_args *a = args;
  const size_t size = a->channels * 9;
  const size_t outputs = a->groups * a->outputs;
  double *products = (double *)a->scratch + thread * size;
  const size_t first = index % a->row_blocks * a->block_rows;
  const size_t last = a->rows - first < a->block_rows ? a->rows : first + a->block_rows;
  const size_t from = index / a->row_blocks * a->task_panels; /* a panel is one output */
  const size_t to = a->panels - from < a->task_panels ? a->panels : from + a->task_panels;
  for (size_t row = first; row < last; row++) {
    for (size_t o = from; o < to; o++) {
      double sum = (double)a->packed[outputs * size + o];
      for (size_t i = 0; i < size; i++) {
        products[i] = product(a, o / a->outputs, row, i / 9, i % 9, a->packed[o * size + i]);
      }
      for (size_t i = 0; i < size; i++) {
        sum += products[i];
      }
      const size_t at = row * a->output_stride + o;
      const jimm_epilogue *e = &a->epilogue;
      const float y = (float)sum + (e->residual != NULL ? e->residual[at] : 0.0f);
      a->y[at] = e->activation == JIMM_ACTIVATION_RELU && y < 0.0f ? 0.0f : y;
    }
  }
}

static const jimm_kernel_rules plain_rules = {.accepts = takes_three,
                                              .cost = costs_nothing,
                                              .packed_bytes = plain_bytes,
                                              .pack = pack_plain,
                                              .scratch = scratch_bytes};

/* All rows of kernels.def and this one. */
static jimm_kernel_list with_second_row(void) {
  static jimm_kernel rows[256];
  TEST_REQUIRE(jimm_kernels.count < 256);
  memcpy(rows, jimm_kernels.rows, jimm_kernels.count * sizeof(rows[0]));
  rows[jimm_kernels.count] = (jimm_kernel){"conv2d_plain_f32_any",
                                           "conv2d",
                                           JIMM_F32,
                                           JIMM_F32,
                                           JIMM_F32,
                                           &any,
                                           1,
                                           1,
                                           convolve,
                                           &plain_rules};
  return (jimm_kernel_list){rows, jimm_kernels.count + 1};
}

/* conv 3x3 (grouped, strided) + batch_norm + add + relu, and a conv 1x1 behind it. */
static jimm_model *two_convolutions(const jimm_shape *input) {
  const jimm_conv2d_attrs three = {{2, 1}, {1, 1}, {1, 2}, 2};
  const jimm_conv2d_attrs one = {{1, 1}, {0, 0}, {1, 1}, 1};
  const jimm_conv2d_attrs side = {{2, 1}, {0, 0}, {1, 1}, 1};
  const jimm_batch_norm_attrs norm_attrs = {1e-5};
  const jimm_shape w3 = {4, {10, 3, 3, 3}}, w1 = {4, {7, 10, 1, 1}}, ws = {4, {10, 6, 1, 3}};
  const jimm_shape v = {1, {10}};
  jimm_graph *g = NULL;
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  const jimm_value x = engine_input(g, input);
  const jimm_value before = jimm_graph_add(g, "relu", "before", NULL, 1, &x);
  const jimm_value conv[] = {before, engine_parameter(g, "three.weight", &w3),
                             engine_parameter(g, "three.bias", &v)};
  const jimm_value y = jimm_graph_add(g, "conv2d", "three", &three, 3, conv);
  const jimm_value norm[] = {
      y, engine_parameter(g, "bn.weight", &v), engine_parameter(g, "bn.bias", &v),
      engine_parameter(g, "bn.running_mean", &v), engine_parameter(g, "bn.running_var", &v)};
  const jimm_value beside[] = {before, engine_parameter(g, "side.weight", &ws)};
  const jimm_value sum[] = {jimm_graph_add(g, "batch_norm", "bn", &norm_attrs, 5, norm),
                            jimm_graph_add(g, "conv2d", "side", &side, 2, beside)};
  const jimm_value added = jimm_graph_add(g, "add", "sum", NULL, 2, sum);
  const jimm_value last[] = {jimm_graph_add(g, "relu", "act", NULL, 1, &added),
                             engine_parameter(g, "one.weight", &w1)};
  jimm_graph_output(g, "y", jimm_graph_add(g, "conv2d", "one", &one, 2, last));
  TEST_REQUIRE_MSG(jimm_graph_finish(g) == JIMM_OK, "%s", jimm_error_message());
  TEST_REQUIRE_INT(jimm_model_create_synthetic(g, 3, &model), JIMM_OK);
  jimm_graph_close(&g);
  return model;
}

/* Runs a plan of these rows; *text is what jimm_plan_print says. */
static jimm_tensor run(jimm_model *model, const jimm_kernel_list *kernels, const jimm_tensor *x,
                       int32_t threads, char **text) {
  const jimm_plan_options o = engine_options(&x->shape, threads, JIMM_ISA_BEST);
  jimm_plan *plan = NULL;
  jimm_shape shape;
  jimm_tensor y = {0};
  TEST_REQUIRE_MSG(jimm_plan_create_from(model, &o, kernels, &plan) == JIMM_OK, "%s",
                   jimm_error_message());
  TEST_REQUIRE_INT(jimm_plan_output_shape(plan, 0, &shape), JIMM_OK);
  TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &shape, &y), JIMM_OK);
  TEST_REQUIRE_INT(jimm_plan_run(plan, x, &y), JIMM_OK);
  TEST_REQUIRE_INT(jimm_plan_print(plan, text), JIMM_OK);
  jimm_plan_close(&plan);
  return y;
}

/* The line of `text` that names `node` begins with its number and the kernel's name. */
static void check_kernel(const char *text, const char *node, const char *kernel) {
  char line[512];
  const char *at = strstr(text, node);
  TEST_REQUIRE(at != NULL);
  while (at > text && at[-1] != '\n') {
    at--;
  }
  snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
  TEST_CHECK_CONTAINS(line, kernel);
}

TEST(rows_of_one_operator_stand_beside_each_other) {
  const jimm_kernel_list two = with_second_row();
  const jimm_shape shape = {4, {3, 6, 11, 9}};
  const jimm_shape single = {4, {1, 6, 11, 9}};
  static const char *const name[] = {"y"};
  jimm_model *model = two_convolutions(&(jimm_shape){4, {-1, 6, 11, 9}});
  jimm_tensor x = engine_tensor(&shape, 1, "x", 0.0, 1.0);
  jimm_tensor want = {0};
  char *text = NULL;
  TEST_REQUIRE_INT(jimm_reference_run(model, JIMM_F64, &x, 1, name, &want), JIMM_OK);
  jimm_tensor first = run(model, &two, &x, 1, &text);
  check_kernel(text, "three", "conv2d_plain_f32_any");
  check_kernel(text, " one ", "conv2d_igemm_f32_");
  jimm_compare c;
  TEST_REQUIRE_INT(jimm_tensor_compare(&first, &want, &c), JIMM_OK);
  TEST_CHECK_MSG(c.relative <= 1e-6, "relative error %g", c.relative);
  jimm_text_free(text);

  /* neither threads nor batch change a bit, or a choice */
  jimm_tensor many = run(model, &two, &x, 3, &text);
  TEST_CHECK_MEM(many.data, first.data, jimm_tensor_bytes(&first));
  jimm_text_free(text);
  jimm_tensor one_x = {.dtype = JIMM_F32, .shape = single, .data = x.data};
  jimm_tensor one = run(model, &two, &one_x, 2, &text);
  TEST_CHECK_MEM(one.data, first.data, jimm_tensor_bytes(&one));
  check_kernel(text, "three", "conv2d_plain_f32_any");
  jimm_text_free(text);

  /* without the second row the first does everything, of the same model */
  jimm_tensor usual = run(model, &jimm_kernels, &x, 2, &text);
  check_kernel(text, "three", "conv2d_igemm_f32_");
  TEST_REQUIRE_INT(jimm_tensor_compare(&usual, &want, &c), JIMM_OK);
  TEST_CHECK_MSG(c.relative <= 1e-6, "relative error %g", c.relative);
  jimm_text_free(text);
  jimm_tensor_close(&usual);
  jimm_tensor_close(&one);
  jimm_tensor_close(&many);
  jimm_tensor_close(&first);
  jimm_tensor_close(&want);
  jimm_tensor_close(&x);
  jimm_model_close(&model);
}

/* ---- steps without a row, scratch, several results ---- */

TEST(an_operator_without_rows_runs_by_reference) {
  jimm_kernel rows[128];
  size_t count = 0;
  for (size_t i = 0; i < jimm_kernels.count; i++) {
    if (strcmp(jimm_kernels.rows[i].op, "max_pool2d") != 0) {
      TEST_REQUIRE(count < 128);
      rows[count++] = jimm_kernels.rows[i];
    }
  }
  const jimm_kernel_list without = {rows, count};
  const jimm_shape shape = {4, {2, 5, 8, 8}};
  const jimm_max_pool2d_attrs pool = {.kernel = {2, 2}, .stride = {2, 2}};
  jimm_graph *g = NULL;
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  const jimm_value x = engine_input(g, &shape);
  jimm_graph_output(g, "y", jimm_graph_add(g, "max_pool2d", "pool", &pool, 1, &x));
  TEST_REQUIRE_MSG(jimm_graph_finish(g) == JIMM_OK, "%s", jimm_error_message());
  TEST_REQUIRE_INT(jimm_model_create_synthetic(g, 1, &model), JIMM_OK);
  jimm_tensor in = engine_tensor(&shape, 1, "x", 0.0, 1.0);
  char *text = NULL;
  jimm_tensor slow = run(model, &without, &in, 1, &text);
  check_kernel(text, "pool", "reference");
  jimm_text_free(text);
  jimm_tensor fast = run(model, &jimm_kernels, &in, 1, &text);
  check_kernel(text, "pool", "max_pool2d_direct_f32_");
  TEST_CHECK_MEM(slow.data, fast.data, jimm_tensor_bytes(&fast));
  jimm_text_free(text);
  jimm_tensor_close(&slow);
  jimm_tensor_close(&fast);
  jimm_tensor_close(&in);
  jimm_model_close(&model);
  jimm_graph_close(&g);
}

/* x -> (r, s) with scratch t, r over x or not; then r, s -> y. */
static jimm_plan *plan_of_two_steps(jimm_plan *plan, jimm_step steps[2], jimm_buffer buffers[5],
                                    const size_t bytes[5]) {
  enum { X, R, S, T, Y };
  memset(plan, 0, sizeof(*plan));
  memset(steps, 0, 2 * sizeof(*steps));
  for (int i = 0; i < 5; i++) {
    buffers[i] = (jimm_buffer){.bytes = bytes[i]};
  }
  static void *pointers[2][5];
  steps[0].args = pointers[0];
  steps[1].args = pointers[1];
  static jimm_ref first[] = {
      {0, X, JIMM_REUSE}, {8, T, JIMM_SCRATCH}, {16, R, JIMM_WRITE}, {24, S, JIMM_WRITE}};
  static jimm_ref second[] = {{0, R, JIMM_READ}, {8, S, JIMM_REUSE}, {16, Y, JIMM_WRITE}};
  steps[0].refs = first;
  steps[1].refs = second;
  steps[0].ref_count = 4;
  steps[1].ref_count = 3;
  plan->steps = steps;
  plan->buffers = buffers;
  plan->step_count = 2;
  plan->buffer_count = 5;
  return plan;
}

TEST(a_step_may_write_several_buffers_and_use_scratch) {
  enum { X, R, S, T, Y };
  jimm_plan plan;
  jimm_step steps[2];
  jimm_buffer b[5];
  /* X, R, S, T, Y */
  static const size_t equal[5] = {64, 64, 64, 64, 64};
  static const size_t mixed[5] = {128, 64, 128, 640, 64};
  TEST_REQUIRE_INT(jimm_plan_place(plan_of_two_steps(&plan, steps, b, equal)), JIMM_OK);
  TEST_CHECK_INT(jimm_step_result(&steps[0]), R);
  TEST_CHECK_UINT(b[R].offset, b[X].offset); /* the result, in place */
  TEST_CHECK(b[S].offset != b[X].offset && b[S].offset != b[R].offset);
  TEST_CHECK(b[T].offset != b[R].offset && b[T].offset != b[S].offset);
  TEST_CHECK_UINT(b[Y].offset, b[S].offset);
  TEST_CHECK_UINT(plan.arena_bytes, 192);
  TEST_CHECK_UINT(steps[0].bytes_read, 64);
  TEST_CHECK_UINT(steps[0].bytes_written, 128);
  TEST_CHECK_UINT(steps[1].bytes_read, 128);
  TEST_CHECK_UINT(steps[1].bytes_written, 64);
  jimm_free(plan.memory);
  TEST_REQUIRE_INT(jimm_plan_place(plan_of_two_steps(&plan, steps, b, mixed)), JIMM_OK);
  /* S has the size of X, but is not the result: it must not lie over what is read */
  TEST_CHECK(b[S].offset >= b[X].offset + 128 || b[X].offset >= b[S].offset + 128);
  TEST_CHECK_UINT(plan.arena_bytes, 128 + 64 + 128 + 640); /* all live in the first step */
  jimm_free(plan.memory);
}
