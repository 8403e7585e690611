/* Plans: random graphs against the reference evaluator, memory, sharing, threads, errors. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include <jimm-test/jimm-test.h>

#include "base/cpu.h"
#include "base/stream.h"
#include "engine.h"
#include "plan/plan.h"

/* ---- counting allocations of the whole process ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTING 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define COUNTING 0
#endif
#endif
#if !defined(COUNTING) && defined(__GLIBC__)
#define COUNTING 1
#elif !defined(COUNTING)
#define COUNTING 0
#endif

#if COUNTING
static atomic_bool counting;
static atomic_long allocations;

/* glibc's own entry points; free is left alone, for it takes what these return. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size);

static void note_allocation(void) {
  if (atomic_load_explicit(&counting, memory_order_relaxed)) {
    atomic_fetch_add(&allocations, 1);
  }
}
void *malloc(size_t size) {
  note_allocation();
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  note_allocation();
  return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
  note_allocation();
  return __libc_realloc(old, size);
}
void *memalign(size_t alignment, size_t size) {
  note_allocation();
  return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  note_allocation();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **result, size_t alignment, size_t size) {
  note_allocation();
  *result = __libc_memalign(alignment, size);
  return *result == NULL ? 12 : 0;
}
#endif

/* ---- random graphs ---- */

typedef struct dice {
  uint64_t key, next;
} dice;

static int64_t roll(dice *d, int64_t below) {
  return (int64_t)(jimm_stream_bits(d->key, d->next++) % (uint64_t)below);
}

typedef struct builder {
  jimm_graph *graph;
  dice dice;
  jimm_value values[64];
  jimm_shape shapes[64];
  int count;
  int names;
} builder;

static jimm_value parameter(builder *b, const char *suffix, jimm_shape shape) {
  char name[48];
  snprintf(name, sizeof(name), "n%d.%s", b->names, suffix);
  return engine_parameter(b->graph, name, &shape);
}

static void add_node(builder *b, const char *op, const void *attrs, int32_t count,
                     const jimm_value *inputs, const jimm_shape *inputs_shapes) {
  char name[32];
  snprintf(name, sizeof(name), "n%d", b->names++);
  jimm_shape out;
  const jimm_op *o = jimm_op_find(op);
  if (o->infer(attrs, count, inputs_shapes, &out) != JIMM_OK) {
    return; /* does not fit: the throw is lost */
  }
  b->values[b->count] = jimm_graph_add(b->graph, op, name, attrs, count, inputs);
  b->shapes[b->count++] = out;
}

static const jimm_shape absent = {.rank = -1};

static void add_conv(builder *b, int at) {
  const jimm_shape x = b->shapes[at];
  static const int64_t outputs[] = {8, 12, 24, 5};
  jimm_conv2d_attrs a = {{1 + roll(&b->dice, 2), 1 + roll(&b->dice, 2)},
                         {roll(&b->dice, 3), roll(&b->dice, 3)},
                         {1 + roll(&b->dice, 2), 1},
                         1};
  const int64_t o = outputs[roll(&b->dice, 4)];
  if (x.dim[1] % 4 == 0 && o % 4 == 0 && roll(&b->dice, 3) == 0) {
    a.groups = 4;
  }
  if (roll(&b->dice, 2) == 0) { /* keeps the size, so that adds find partners */
    a = (jimm_conv2d_attrs){{1, 1}, {1, 1}, {1, 1}, a.groups};
  }
  const jimm_shape w = {4, {o, x.dim[1] / a.groups, 3, 3}};
  const jimm_shape v = {1, {o}};
  const bool bias = roll(&b->dice, 2) == 0;
  const jimm_shape shapes[] = {x, w, bias ? v : absent};
  jimm_shape out;
  if (jimm_op_find("conv2d")->infer(&a, 3, shapes, &out) != JIMM_OK || out.dim[2] == 0 ||
      out.dim[3] == 0) {
    return;
  }
  const jimm_value inputs[] = {b->values[at], parameter(b, "weight", w),
                               bias ? parameter(b, "bias", v) : JIMM_NO_VALUE};
  add_node(b, "conv2d", &a, 3, inputs, shapes);
}

static void add_norm(builder *b, int at, bool group) {
  const jimm_shape x = b->shapes[at];
  const jimm_shape v = {1, {x.dim[1]}};
  const jimm_shape shapes[] = {x, v, v, v, v};
  jimm_value inputs[5] = {b->values[at], parameter(b, "weight", v), parameter(b, "bias", v)};
  if (group) {
    const jimm_group_norm_attrs a = {x.dim[1] % 2 == 0 ? 2 : 1, 1e-3};
    add_node(b, "group_norm", &a, 3, inputs, shapes);
  } else {
    const jimm_batch_norm_attrs a = {1e-4};
    inputs[3] = parameter(b, "running_mean", v);
    inputs[4] = parameter(b, "running_var", v);
    add_node(b, "batch_norm", &a, 5, inputs, shapes);
  }
}

static void add_linear(builder *b, int at) {
  const jimm_shape x = b->shapes[at];
  const jimm_shape w = {2, {3 + roll(&b->dice, 20), x.dim[1]}};
  const jimm_shape v = {1, {w.dim[0]}};
  const jimm_shape shapes[] = {x, w, v};
  const jimm_value inputs[] = {b->values[at], parameter(b, "weight", w), parameter(b, "bias", v)};
  add_node(b, "linear", NULL, 3, inputs, shapes);
}

static void add_random(builder *b) {
  /* mostly the newest value, so that chains grow and fuse */
  const int at = roll(&b->dice, 3) > 0 ? b->count - 1 : (int)roll(&b->dice, b->count);
  const jimm_value v = b->values[at];
  const jimm_shape *s = &b->shapes[at];
  const bool image = s->rank == 4;
  const jimm_dropout_attrs drop = {0.3};
  const jimm_flatten_attrs flat = {1};
  switch (roll(&b->dice, 14)) {
    case 0:
    case 1:
    case 2:
      if (image) {
        add_conv(b, at);
      } else if (s->rank == 2) {
        add_linear(b, at);
      }
      break;
    case 3:
    case 4:
      if (s->rank >= 2) {
        add_norm(b, at, false);
      }
      break;
    case 5:
      if (s->rank >= 2) {
        add_norm(b, at, true);
      }
      break;
    case 6:
    case 7:
      add_node(b, "relu", NULL, 1, &v, s);
      break;
    case 8:
    case 9:
    case 10: {
      for (int k = b->count - 1; k >= 0; k--) { /* the newest other value of that shape */
        if (jimm_shape_equal(&b->shapes[k], s) && (k != at || k == 0)) {
          const bool swap = roll(&b->dice, 2) == 0;
          const jimm_value in[] = {swap ? v : b->values[k], swap ? b->values[k] : v};
          const jimm_shape shapes[] = {*s, *s};
          add_node(b, "add", NULL, 2, in, shapes);
          break;
        }
      }
      break;
    }
    case 11:
      add_node(b, roll(&b->dice, 2) == 0 ? "dropout" : "drop_path", &drop, 1, &v, s);
      break;
    case 12:
      if (image && s->dim[2] > 2 && s->dim[3] > 2) {
        const jimm_max_pool2d_attrs max = {{3, 2}, {2, 1}, {1, 1}, roll(&b->dice, 2) == 0};
        const jimm_avg_pool2d_attrs avg = {
            {2, 3}, {1, 2}, {1, 0}, roll(&b->dice, 2) == 0, roll(&b->dice, 2) == 0};
        if (roll(&b->dice, 2) == 0) {
          add_node(b, "max_pool2d", &max, 1, &v, s);
        } else {
          add_node(b, "avg_pool2d", &avg, 1, &v, s);
        }
      }
      break;
    default:
      if (image && b->count > 8) {
        const jimm_global_pool_attrs pool = {(int32_t)roll(&b->dice, 4)};
        if (roll(&b->dice, 3) > 0) {
          add_node(b, "global_pool", &pool, 1, &v, s);
        } else if (s->dim[1] * s->dim[2] * s->dim[3] < 3000) {
          add_node(b, "flatten", &flat, 1, &v, s);
        }
      }
      break;
  }
}

#define OUTPUTS 3
static const char *const output_names[OUTPUTS] = {"y0", "y1", "y2"};

static jimm_model *random_model(uint64_t seed, jimm_shape *input) {
  static const int64_t channels[] = {3, 4, 8, 16};
  builder b = {.dice = {jimm_stream_key(seed, "graph"), 0}};
  jimm_graph_create(&b.graph);
  *input = (jimm_shape){4,
                        {1 + roll(&b.dice, 2), channels[roll(&b.dice, 4)], 5 + roll(&b.dice, 12),
                         5 + roll(&b.dice, 12)}};
  b.values[0] = engine_input(b.graph, input);
  b.shapes[0] = *input;
  b.count = 1;
  for (int i = 0; i < 30 && b.count < 60; i++) {
    add_random(&b);
  }
  jimm_graph_output(b.graph, output_names[0], b.values[b.count - 1]);
  jimm_graph_output(b.graph, output_names[1], b.values[roll(&b.dice, b.count)]);
  jimm_graph_output(b.graph, output_names[2], b.values[roll(&b.dice, b.count)]);
  jimm_model *model = NULL;
  TEST_CHECK_MSG(jimm_graph_finish(b.graph) == JIMM_OK &&
                     jimm_model_create_synthetic(b.graph, seed, &model) == JIMM_OK,
                 "seed %d: %s", (int)seed, jimm_error_message());
  jimm_graph_close(&b.graph);
  return model;
}

/* Buffers that live at the same time, unless one took the other's place, do not overlap. */
static void check_memory(const jimm_plan *plan, int seed) {
  int32_t *root = calloc((size_t)plan->buffer_count + 1, sizeof(*root));
  TEST_REQUIRE(root != NULL);
  for (int32_t i = 0; i < plan->buffer_count; i++) {
    root[i] = i;
    while (plan->buffers[root[i]].root != root[i]) {
      root[i] = plan->buffers[root[i]].root;
    }
    TEST_CHECK_INT(plan->buffers[i].offset % JIMM_ALIGNMENT, 0);
    TEST_CHECK(plan->buffers[i].offset + plan->buffers[i].bytes <= plan->arena_bytes);
  }
  for (int32_t i = 0; i < plan->buffer_count; i++) {
    for (int32_t k = 0; k < i; k++) {
      /* from the steps themselves, not from what memory planning noted */
      int32_t first[2] = {INT32_MAX, INT32_MAX};
      int32_t last[2] = {-1, -1};
      for (int32_t s = 0; s < plan->step_count; s++) {
        for (int32_t r = 0; r < plan->steps[s].ref_count; r++) {
          const int32_t buffer = plan->steps[s].refs[r].buffer;
          const int which = buffer == i ? 0 : buffer == k ? 1 : -1;
          if (which >= 0) {
            first[which] = s < first[which] ? s : first[which];
            last[which] = s;
          }
        }
      }
      const jimm_buffer *a = &plan->buffers[i];
      const jimm_buffer *b = &plan->buffers[k];
      const bool apart = a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset;
      const bool together = last[0] >= first[1] && last[1] >= first[0];
      const bool handed_over = root[i] == root[k] && (last[0] == first[1] || last[1] == first[0]);
      if (!apart && together && !handed_over) {
        TEST_FAIL("seed %d: buffers %d and %d overlap while both live", seed, (int)k, (int)i);
      }
    }
  }
  free(root);
}

static void check_random(int seed, jimm_isa isa) {
  jimm_shape shape;
  jimm_model *model = random_model((uint64_t)seed, &shape);
  TEST_REQUIRE(model != NULL);
  jimm_tensor x = engine_tensor(&shape, (uint64_t)seed, "x", 0.1, 1.0);
  jimm_tensor want[OUTPUTS] = {{0}};
  jimm_tensor plain[OUTPUTS] = {{0}};
  TEST_REQUIRE_INT(jimm_reference_run(model, JIMM_F64, &x, OUTPUTS, output_names, want), JIMM_OK);
  TEST_REQUIRE_INT(jimm_reference_run(model, JIMM_F32, &x, OUTPUTS, output_names, plain), JIMM_OK);
  jimm_plan *plan = NULL;
  jimm_plan_options o = engine_options(&shape, 1 + seed % 2, isa);
  o.outputs = output_names;
  o.output_count = OUTPUTS;
  TEST_REQUIRE_MSG(jimm_plan_create(model, &o, &plan) == JIMM_OK, "seed %d: %s", seed,
                   jimm_error_message());
  check_memory(plan, seed);
  jimm_tensor got[OUTPUTS];
  for (int i = 0; i < OUTPUTS; i++) {
    TEST_REQUIRE_INT(jimm_tensor_create(JIMM_F32, &want[i].shape, &got[i]), JIMM_OK);
  }
  for (int round = 0; round < 2; round++) { /* a second run finds a used arena */
    TEST_REQUIRE_MSG(jimm_plan_run(plan, &x, got) == JIMM_OK, "seed %d: %s", seed,
                     jimm_error_message());
  }
  for (int i = 0; i < OUTPUTS; i++) {
    jimm_compare fast;
    jimm_compare slow;
    TEST_REQUIRE_INT(jimm_tensor_compare(&got[i], &want[i], &fast), JIMM_OK);
    TEST_REQUIRE_INT(jimm_tensor_compare(&plain[i], &want[i], &slow), JIMM_OK);
    const double bar = jimm_house_bar(JIMM_PRECISION_HIGHEST, slow.relative);
    TEST_CHECK_MSG(fast.relative <= bar, "seed %d, %s: relative error %g, the reference's is %g",
                   seed, output_names[i], fast.relative, slow.relative);
    jimm_tensor_close(&got[i]);
    jimm_tensor_close(&want[i]);
    jimm_tensor_close(&plain[i]);
  }
  jimm_plan_close(&plan);
  jimm_tensor_close(&x);
  jimm_model_close(&model);
}

TEST(random_graphs_match_the_reference) {
  for (int seed = 0; seed < 150; seed++) {
    check_random(seed, (jimm_isa)(seed % ((int)jimm_cpu_isa() + 1)));
  }
}

/* ---- a small network that has everything ---- */

static jimm_value conv_bn(jimm_graph *g, const char *name, jimm_value x, int64_t in, int64_t out,
                          int64_t stride) {
  const jimm_conv2d_attrs a = {{stride, stride}, {1, 1}, {1, 1}, 1};
  const jimm_batch_norm_attrs bn = {1e-5};
  const jimm_shape w = {4, {out, in, 3, 3}};
  const jimm_shape v = {1, {out}};
  jimm_graph_push(g, "%s", name);
  const jimm_value conv[] = {x, engine_parameter(g, "conv.weight", &w)};
  x = jimm_graph_add(g, "conv2d", "conv", &a, 2, conv);
  const jimm_value norm[] = {
      x, engine_parameter(g, "bn.weight", &v), engine_parameter(g, "bn.bias", &v),
      engine_parameter(g, "bn.running_mean", &v), engine_parameter(g, "bn.running_var", &v)};
  x = jimm_graph_add(g, "batch_norm", "bn", &bn, 5, norm);
  jimm_graph_pop(g);
  return x;
}

static jimm_model *small_model(void) {
  jimm_graph *g = NULL;
  jimm_model *model = NULL;
  jimm_graph_create(&g);
  const jimm_input_attrs input = {{4, {-1, 3, -1, -1}}, JIMM_F32};
  const jimm_global_pool_attrs pool = {JIMM_POOL_AVG};
  const jimm_flatten_attrs flat = {1};
  const jimm_shape w = {2, {10, 24}};
  const jimm_shape v = {1, {10}};
  const jimm_value image = jimm_graph_input(g, "x", &input);
  jimm_value x = conv_bn(g, "stem", image, 3, 16, 2);
  x = jimm_graph_add(g, "relu", "stem.act", NULL, 1, &x);
  const jimm_value shortcut = conv_bn(g, "down", x, 16, 24, 1);
  x = conv_bn(g, "main", x, 16, 24, 1);
  const jimm_value both[] = {x, shortcut};
  x = jimm_graph_add(g, "add", "add", NULL, 2, both);
  x = jimm_graph_add(g, "relu", "act", NULL, 1, &x);
  jimm_graph_output(g, "features", x);
  jimm_graph_output(g, "image", image);
  x = jimm_graph_add(g, "global_pool", "pool", &pool, 1, &x);
  x = jimm_graph_add(g, "flatten", "flat", &flat, 1, &x);
  jimm_graph_output(g, "pre_logits", x);
  const jimm_value head[] = {x, engine_parameter(g, "fc.weight", &w),
                             engine_parameter(g, "fc.bias", &v)};
  x = jimm_graph_add(g, "linear", "fc", NULL, 3, head);
  jimm_graph_output(g, "logits", x);
  TEST_CHECK_MSG(
      jimm_graph_finish(g) == JIMM_OK && jimm_model_create_synthetic(g, 7, &model) == JIMM_OK, "%s",
      jimm_error_message());
  jimm_graph_close(&g);
  return model;
}

static jimm_plan *small_plan(jimm_model *model, int64_t batch, int32_t threads) {
  jimm_plan_options o = JIMM_PLAN_OPTIONS_INIT;
  jimm_plan *plan = NULL;
  o.batch = batch;
  o.height = 29;
  o.width = 33;
  o.threads = threads;
  TEST_CHECK_MSG(jimm_plan_create(model, &o, &plan) == JIMM_OK, "%s", jimm_error_message());
  return plan;
}

TEST(fuses_into_few_steps) {
  jimm_model *model = small_model();
  jimm_plan *plan = small_plan(model, 1, 1);
  TEST_REQUIRE(plan != NULL);
  char *text = NULL;
  TEST_REQUIRE_INT(jimm_plan_print(plan, &text), JIMM_OK);
  /* input, stem, down, main + add, pool, fc, output */
  TEST_CHECK_INT(plan->step_count, 7);
  TEST_CHECK_CONTAINS(text, "stem.conv + stem.bn + stem.act");
  TEST_CHECK_CONTAINS(text, "main.conv + main.bn + add + act");
  jimm_text_free(text);
  jimm_plan_stats stats = JIMM_PLAN_STATS_INIT;
  TEST_REQUIRE_INT(jimm_plan_get_stats(plan, &stats), JIMM_OK);
  TEST_CHECK_INT(stats.steps, 7);
  TEST_CHECK_INT(stats.macs, 15 * 17 * 16 * 27 + 2 * 15 * 17 * 24 * 144 + 240);
  TEST_CHECK(stats.arena_bytes > 0 && stats.packed_bytes > 0);
  TEST_CHECK_INT(stats.isa, jimm_cpu_isa());
  char features[JIMM_FEATURES_TEXT];
  TEST_CHECK_STR(stats.features,
                 jimm_features_format(jimm_cpu_features(), features, sizeof(features)));
  jimm_plan_close(&plan);
  jimm_model_close(&model);
}

TEST(batches_share_weights_and_results) {
  jimm_model *model = small_model();
  jimm_plan *one = small_plan(model, 1, 1);
  jimm_plan *three = small_plan(model, 3, 2);
  TEST_REQUIRE(one != NULL && three != NULL);
  int32_t convs = 0;
  for (int32_t i = 0; i < one->step_count && i < three->step_count; i++) {
    if (one->steps[i].conv != NULL && TEST_CHECK(three->steps[i].conv != NULL)) {
      TEST_CHECK(one->steps[i].conv->packed == three->steps[i].conv->packed);
      convs++;
    }
  }
  TEST_CHECK_INT(convs, 4);
  const jimm_shape in3 = {4, {3, 3, 29, 33}};
  const jimm_shape in1 = {4, {1, 3, 29, 33}};
  const jimm_shape out3 = {2, {3, 10}};
  const jimm_shape out1 = {2, {1, 10}};
  jimm_tensor x = engine_tensor(&in3, 1, "x", 0.0, 2.0);
  jimm_tensor y = engine_tensor(&out3, 1, "y", 0.0, 0.0);
  jimm_tensor y1 = engine_tensor(&out1, 1, "y", 0.0, 0.0);
  TEST_REQUIRE_INT(jimm_plan_run(three, &x, &y), JIMM_OK);
  for (int i = 0; i < 3; i++) { /* an image's result depends on neither batch nor threads */
    const jimm_tensor view = {JIMM_F32, in1, (float *)x.data + i * 3 * 29 * 33, NULL};
    TEST_REQUIRE_INT(jimm_plan_run(one, &view, &y1), JIMM_OK);
    TEST_CHECK_MEM(y1.data, (float *)y.data + i * 10, 40);
  }
  jimm_tensor_close(&x);
  jimm_tensor_close(&y);
  jimm_tensor_close(&y1);
  jimm_plan_close(&one);
  jimm_plan_close(&three);
  jimm_model_close(&model);
}

TEST(an_empty_batch_runs) {
  jimm_model *model = small_model();
  jimm_plan *plan = small_plan(model, 0, 2);
  TEST_REQUIRE(plan != NULL);
  jimm_tensor x = {JIMM_F32, {4, {0, 3, 29, 33}}, NULL, NULL};
  jimm_tensor y = {JIMM_F32, {2, {0, 10}}, NULL, NULL};
  TEST_CHECK_MSG(jimm_plan_run(plan, &x, &y) == JIMM_OK, "%s", jimm_error_message());
  jimm_plan_close(&plan);
  jimm_model_close(&model);
}

TEST(run_allocates_nothing) {
#if COUNTING
  jimm_model *model = small_model();
  const jimm_shape in = {4, {2, 3, 29, 33}};
  const jimm_shape out = {2, {2, 10}};
  jimm_tensor x = engine_tensor(&in, 1, "x", 0.0, 2.0);
  jimm_tensor y = engine_tensor(&out, 1, "y", 0.0, 0.0);
  for (int32_t threads = 1; threads <= 3; threads++) {
    jimm_plan *plan = small_plan(model, 2, threads);
    TEST_REQUIRE(plan != NULL);
    atomic_store(&allocations, 0);
    atomic_store(&counting, true);
    free(malloc(1)); /* the counter counts */
    atomic_store(&counting, false);
    TEST_CHECK_INT(atomic_load(&allocations), 1);
    TEST_REQUIRE_INT(jimm_plan_run(plan, &x, &y), JIMM_OK);
    atomic_store(&allocations, 0);
    atomic_store(&counting, true);
    jimm_status status = JIMM_OK;
    for (int i = 0; i < 5 && status == JIMM_OK; i++) {
      status = jimm_plan_run(plan, &x, &y);
    }
    atomic_store(&counting, false);
    TEST_CHECK_INT(status, JIMM_OK);
    TEST_CHECK_INT(atomic_load(&allocations), 0);
    jimm_plan_close(&plan);
  }
  jimm_tensor_close(&x);
  jimm_tensor_close(&y);
  jimm_model_close(&model);
#else
  TEST_SKIP("allocations are not counted under a sanitizer or without glibc");
#endif
}

typedef struct worker {
  jimm_model *model;
  jimm_tensor x, y;
  jimm_status status;
} worker;

static void *run_many(void *context) {
  worker *w = context;
  jimm_plan_options o = JIMM_PLAN_OPTIONS_INIT;
  jimm_plan *plan = NULL;
  o.height = 29;
  o.width = 33;
  o.threads = 2;
  w->status = jimm_plan_create(w->model, &o, &plan);
  for (int i = 0; i < 20 && w->status == JIMM_OK; i++) {
    w->status = jimm_plan_run(plan, &w->x, &w->y);
  }
  jimm_plan_close(&plan);
  return NULL;
}

TEST(two_threads_share_a_model) {
  jimm_model *model = small_model();
  const jimm_shape in = {4, {1, 3, 29, 33}};
  const jimm_shape out = {2, {1, 10}};
  worker w[3];
  pthread_t threads[2];
  for (int i = 0; i < 3; i++) {
    w[i] = (worker){model, engine_tensor(&in, (uint64_t)(i % 2), "x", 0.0, 2.0),
                    engine_tensor(&out, 1, "y", 0.0, 0.0), JIMM_OK};
  }
  for (int i = 0; i < 2; i++) {
    TEST_REQUIRE_INT(pthread_create(&threads[i], NULL, run_many, &w[i]), 0);
  }
  for (int i = 0; i < 2; i++) {
    pthread_join(threads[i], NULL);
    TEST_CHECK_INT(w[i].status, JIMM_OK);
  }
  run_many(&w[2]); /* alone, the input of w[0] */
  TEST_CHECK_MEM(w[2].y.data, w[0].y.data, 40);
  TEST_CHECK(memcmp(w[1].y.data, w[0].y.data, 40) != 0);
  for (int i = 0; i < 3; i++) {
    jimm_tensor_close(&w[i].x);
    jimm_tensor_close(&w[i].y);
  }
  jimm_model_close(&model);
}

/* ---- outputs ---- */

TEST(outputs_in_any_order_and_twice) {
  jimm_model *model = small_model();
  static const char *const names[] = {"logits", "image", "features", "logits"};
  const jimm_shape in = {4, {2, 3, 29, 33}};
  jimm_plan_options o = engine_options(&in, 2, JIMM_ISA_BEST);
  o.outputs = names;
  o.output_count = 4;
  jimm_plan *plan = NULL;
  TEST_REQUIRE_INT(jimm_plan_create(model, &o, &plan), JIMM_OK);
  TEST_CHECK_INT(jimm_plan_output_count(plan), 4);
  jimm_tensor x = engine_tensor(&in, 1, "x", 0.0, 2.0);
  jimm_tensor y[4];
  jimm_tensor want[3] = {{0}};
  for (int i = 0; i < 4; i++) {
    jimm_shape shape;
    TEST_REQUIRE_INT(jimm_plan_output_shape(plan, i, &shape), JIMM_OK);
    y[i] = engine_tensor(&shape, 1, "y", 0.0, 0.0);
  }
  TEST_REQUIRE_INT(jimm_plan_run(plan, &x, y), JIMM_OK);
  TEST_CHECK_MEM(y[1].data, x.data, jimm_tensor_bytes(&x));
  TEST_CHECK_MEM(y[3].data, y[0].data, jimm_tensor_bytes(&y[0]));
  TEST_REQUIRE_INT(jimm_reference_run(model, JIMM_F64, &x, 3, names, want), JIMM_OK);
  for (int i = 0; i < 3; i++) {
    jimm_compare c;
    TEST_REQUIRE_INT(jimm_tensor_compare(&y[i], &want[i], &c), JIMM_OK);
    TEST_CHECK_MSG(c.relative <= 2e-6, "%s: %g", names[i], c.relative);
    jimm_tensor_close(&want[i]);
  }
  for (int i = 0; i < 4; i++) {
    jimm_tensor_close(&y[i]);
  }
  jimm_tensor_close(&x);
  jimm_plan_close(&plan);
  jimm_model_close(&model);
}

/* ---- an operator of the user's own ---- */

static jimm_status infer_same(const void *attrs, int32_t count, const jimm_shape *inputs,
                              jimm_shape *output) {
  (void)attrs;
  (void)count;
  *output = inputs[0];
  return JIMM_OK;
}
/* The cumulative sum in row-major order: wrong in any other. Refuses a first element above 100. */
static jimm_status cumulate_f32(const jimm_op_call *call) {
  float sum = 0.0f;
  const float *x = call->inputs[0].data;
  if (x[0] > 100.0f) {
    return jimm_fail(JIMM_ERROR_UNSUPPORTED, "first element %d is above 100", (int)x[0]);
  }
  for (int64_t i = 0; i < jimm_shape_count(&call->output->shape); i++) {
    sum += x[i];
    ((float *)call->output->data)[i] = sum;
  }
  return JIMM_OK;
}
static jimm_status cumulate_f64(const jimm_op_call *call) {
  double sum = 0.0;
  for (int64_t i = 0; i < jimm_shape_count(&call->output->shape); i++) {
    sum += ((const double *)call->inputs[0].data)[i];
    ((double *)call->output->data)[i] = sum;
  }
  return JIMM_OK;
}
static const char *const cumulate_inputs[] = {"x"};
static const jimm_op cumulate = {.size = sizeof(jimm_op),
                                 .name = "test_cumulate",
                                 .summary = "cumulative sum",
                                 .min_inputs = 1,
                                 .max_inputs = 1,
                                 .input_names = cumulate_inputs,
                                 .infer = infer_same,
                                 .forward_f32 = cumulate_f32,
                                 .forward_f64 = cumulate_f64};

TEST(operators_without_a_kernel_run_by_reference) {
  const jimm_shape in = {4, {2, 5, 3, 4}};
  jimm_graph *g = NULL;
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(jimm_op_register(&cumulate), JIMM_OK);
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  jimm_value x = engine_input(g, &in);
  x = jimm_graph_add(g, "test_cumulate", "own", NULL, 1, &x);
  const jimm_value twice[] = {x, x};
  x = jimm_graph_add(g, "add", "twice", NULL, 2, twice);
  jimm_graph_output(g, "y", x);
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  TEST_REQUIRE_INT(jimm_model_create_synthetic(g, 1, &model), JIMM_OK);
  jimm_tensor t = engine_tensor(&in, 1, "x", 0.0, 1.0);
  jimm_tensor got;
  jimm_tensor want = {0};
  static const char *const name[] = {"y"};
  const jimm_plan_options o = engine_options(&in, 2, JIMM_ISA_BEST);
  TEST_REQUIRE_INT(engine_run(model, &o, &t, &got), JIMM_OK);
  TEST_REQUIRE_INT(jimm_reference_run(model, JIMM_F32, &t, 1, name, &want), JIMM_OK);
  TEST_CHECK_MEM(got.data, want.data, jimm_tensor_bytes(&want));
  jimm_tensor_close(&got);
  ((float *)t.data)[0] = 123.0f;
  TEST_CHECK_INT(engine_run(model, &o, &t, &got), JIMM_ERROR_UNSUPPORTED);
  TEST_CHECK_CONTAINS(jimm_error_message(), "own");
  TEST_CHECK_CONTAINS(jimm_error_message(), "first element 123 is above 100");
  jimm_tensor_close(&got);
  jimm_tensor_close(&want);
  jimm_tensor_close(&t);
  jimm_model_close(&model);
  jimm_graph_close(&g);
}

/* ---- errors and modes ---- */

static void check_refused(jimm_model *model, const jimm_plan_options *o, jimm_status want,
                          const char *text) {
  jimm_plan *plan = (jimm_plan *)&plan;
  const jimm_status status = jimm_plan_create(model, o, &plan);
  TEST_CHECK_INT(status, want);
  TEST_CHECK_CONTAINS(jimm_error_message(), text);
  TEST_CHECK(plan == NULL);
  jimm_plan_close(&plan);
}

TEST(refuses_bad_options) {
  jimm_model *model = small_model();
  const jimm_plan_options good = JIMM_PLAN_OPTIONS_INIT;
  jimm_plan_options o = good;
  static const char *const names[] = {"logits", "nothing"};
  o.threads = 10000;
  check_refused(model, &o, JIMM_ERROR_INVALID_ARGUMENT, "10000");
  o.threads = -1;
  check_refused(model, &o, JIMM_ERROR_INVALID_ARGUMENT, "-1");
  o = good;
  o.outputs = names;
  o.output_count = 2;
  check_refused(model, &o, JIMM_ERROR_NOT_FOUND, "nothing");
  o.output_count = -1;
  check_refused(model, &o, JIMM_ERROR_INVALID_ARGUMENT, "-1");
  o = good;
  o.height = 0;
  check_refused(model, &o, JIMM_ERROR_INVALID_ARGUMENT, "0");
  o = good;
  o.batch = -3;
  check_refused(model, &o, JIMM_ERROR_INVALID_ARGUMENT, "-3");
  o = good;
  o.size = 0;
  check_refused(model, &o, JIMM_ERROR_INVALID_ARGUMENT, "size");
  o = good;
  o.isa = (jimm_isa)17;
  check_refused(model, &o, JIMM_ERROR_INVALID_ARGUMENT, "17");
  o.isa = JIMM_ISA_BEST;
  o.precision = (jimm_precision)1;
  check_refused(model, &o, JIMM_ERROR_INVALID_ARGUMENT, "precision 1");
  o = good;
  o.isa = (jimm_isa)-2;
  check_refused(model, &o, JIMM_ERROR_INVALID_ARGUMENT, "-2");
  check_refused(NULL, &good, JIMM_ERROR_INVALID_ARGUMENT, "NULL");
  TEST_CHECK_INT(jimm_plan_create(model, &good, NULL), JIMM_ERROR_INVALID_ARGUMENT);
  jimm_plan_close(NULL);
  jimm_model_close(&model);
}

TEST(refuses_absurd_sizes_without_touching_memory) {
  jimm_model *model = small_model();
  static const int64_t sizes[][3] = {{INT64_MAX, 224, 224},
                                     {1, INT64_MAX, 1},
                                     {1, 2000000000, 2000000000},
                                     {1LL << 40, 1LL << 20, 1},
                                     {1LL << 31, 1LL << 15, 1LL << 15}};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    jimm_plan_options o = JIMM_PLAN_OPTIONS_INIT;
    o.batch = sizes[i][0];
    o.height = sizes[i][1];
    o.width = sizes[i][2];
    jimm_plan *plan = NULL;
    const jimm_status status = jimm_plan_create(model, &o, &plan);
    TEST_CHECK_MSG(status == JIMM_ERROR_LIMIT || status == JIMM_ERROR_OUT_OF_MEMORY ||
                       status == JIMM_ERROR_SHAPE,
                   "case %d: %s: %s", (int)i, jimm_status_name(status), jimm_error_message());
    jimm_plan_close(&plan);
  }
  jimm_model_close(&model);
}

TEST(names_the_node_that_does_not_fit) {
  const jimm_shape in = {4, {1, 3, 4, 4}};
  jimm_graph *g = NULL;
  jimm_model *model = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  const jimm_input_attrs input = {{4, {-1, 3, -1, -1}}, JIMM_F32};
  const jimm_conv2d_attrs a = {{1, 1}, {0, 0}, {1, 1}, 1};
  const jimm_shape w = {4, {2, 3, 7, 7}};
  const jimm_value conv[] = {jimm_graph_input(g, "x", &input), engine_parameter(g, "weight", &w)};
  jimm_graph_output(g, "y", jimm_graph_add(g, "conv2d", "too.large", &a, 2, conv));
  TEST_REQUIRE_INT(jimm_graph_finish(g), JIMM_OK);
  TEST_REQUIRE_INT(jimm_model_create_synthetic(g, 1, &model), JIMM_OK);
  const jimm_plan_options o = engine_options(&in, 1, JIMM_ISA_BEST);
  check_refused(model, &o, JIMM_ERROR_SHAPE, "too.large");
  jimm_model_close(&model);
  jimm_graph_close(&g);
}

TEST(refuses_bad_tensors) {
  jimm_model *model = small_model();
  jimm_plan *plan = small_plan(model, 1, 1);
  TEST_REQUIRE(plan != NULL);
  const jimm_shape in = {4, {1, 3, 29, 33}};
  const jimm_shape wrong = {4, {1, 3, 33, 29}};
  const jimm_shape out = {2, {1, 10}};
  jimm_tensor x = engine_tensor(&in, 1, "x", 0.0, 1.0);
  jimm_tensor y = engine_tensor(&out, 1, "y", 0.0, 0.0);
  jimm_tensor bad = x;
  bad.shape = wrong;
  TEST_CHECK_INT(jimm_plan_run(plan, &bad, &y), JIMM_ERROR_SHAPE);
  TEST_CHECK_CONTAINS(jimm_error_message(), "[1, 3, 29, 33]");
  TEST_CHECK_CONTAINS(jimm_error_message(), "[1, 3, 33, 29]");
  bad = x;
  bad.dtype = JIMM_F64;
  TEST_CHECK_INT(jimm_plan_run(plan, &bad, &y), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "F64");
  bad = x;
  bad.data = NULL;
  TEST_CHECK_INT(jimm_plan_run(plan, &bad, &y), JIMM_ERROR_INVALID_ARGUMENT);
  bad = y;
  bad.shape.dim[1] = 11;
  TEST_CHECK_INT(jimm_plan_run(plan, &x, &bad), JIMM_ERROR_SHAPE);
  TEST_CHECK_CONTAINS(jimm_error_message(), "logits");
  TEST_CHECK_INT(jimm_plan_run(NULL, &x, &y), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_plan_run(plan, &x, NULL), JIMM_ERROR_INVALID_ARGUMENT);
  jimm_shape shape;
  TEST_CHECK_INT(jimm_plan_output_shape(plan, 1, &shape), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_INT(jimm_plan_run(plan, &x, &y), JIMM_OK); /* still works */
  jimm_tensor_close(&x);
  jimm_tensor_close(&y);
  jimm_plan_close(&plan);
  jimm_model_close(&model);
}

TEST(denormals_count_as_zero_and_the_mode_comes_back) {
  jimm_model *model = small_model();
  jimm_plan *plan = small_plan(model, 1, 2);
  TEST_REQUIRE(plan != NULL);
  const jimm_shape in = {4, {1, 3, 29, 33}};
  const jimm_shape out = {2, {1, 10}};
  jimm_tensor zeros = engine_tensor(&in, 1, "x", 0.0, 0.0);
  jimm_tensor tiny = engine_tensor(&in, 1, "x", 0.0, 1e-39);
  jimm_tensor y = engine_tensor(&out, 1, "y", 0.0, 0.0);
  jimm_tensor y0 = engine_tensor(&out, 1, "y", 0.0, 0.0);
#if defined(__SSE2__)
  const unsigned mode = _mm_getcsr() & 0xffc0u; /* without the sticky exception flags */
#endif
  TEST_REQUIRE_INT(jimm_plan_run(plan, &zeros, &y0), JIMM_OK);
  TEST_REQUIRE_INT(jimm_plan_run(plan, &tiny, &y), JIMM_OK);
  TEST_CHECK_MEM(y.data, y0.data, 40);
#if defined(__SSE2__)
  TEST_CHECK_UINT(_mm_getcsr() & 0xffc0u, mode);
#endif
  volatile float small = 1e-39f;
  TEST_CHECK(small * 0.5f > 0.0f);
  jimm_tensor_close(&zeros);
  jimm_tensor_close(&tiny);
  jimm_tensor_close(&y);
  jimm_tensor_close(&y0);
  jimm_plan_close(&plan);
  jimm_model_close(&model);
}

TEST_MAIN()
