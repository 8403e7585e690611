/* Every allocation on the way to a model fails once: the call says so, and nothing is lost. */
#include <jimm-test/jimm-test.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "state/state.h"

static long calls, failing, living;

static void *allocate(void *context, size_t bytes, size_t alignment) {
  (void)context;
  if (++calls == failing) {
    return NULL;
  }
  void *pointer = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  living += pointer != NULL;
  return pointer;
}

static void release(void *context, void *pointer) {
  (void)context;
  living--;
  free(pointer);
}

static jimm_status pack(void *context, void *data) {
  memset(data, 1, *(size_t *)context);
  return JIMM_OK;
}

/* Everything that this room does with memory. */
static jimm_status whole_walk(void) {
  jimm_model_name name;
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_weights_options weights = JIMM_WEIGHTS_OPTIONS_INIT;
  jimm_graph *three = NULL;
  jimm_graph *one = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  jimm_tensor tensor = {0};
  size_t bytes = 64;
  const void *packed = NULL;
  weights.reset_head = true;
  jimm_status status = jimm_model_find("test_resnet", &name);
  if (status == JIMM_OK) {
    status = jimm_graph_build(&name, NULL, &three);
  }
  options.in_chans = 1;
  options.num_classes = 3;
  if (status == JIMM_OK) {
    status = jimm_graph_build(&name, &options, &one);
  }
  if (status == JIMM_OK) {
    status = jimm_state_synthetic(three, 1, &state);
  }
  if (status == JIMM_OK) {
    status = jimm_model_create(one, state, &weights, &model);
  }
  if (status == JIMM_OK) {
    status = jimm_model_packed(model, "fc.weight:test", bytes, pack, &bytes, &packed);
  }
  if (status == JIMM_OK) {
    status = jimm_model_parameter_f32(model, jimm_graph_find(one, "fc.weight"), &tensor);
  }
  jimm_tensor_close(&tensor);
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&one);
  jimm_graph_close(&three);
  return status;
}

/* An error whose message needs memory too. */
static jimm_status mismatch(void) {
  jimm_model_name name;
  jimm_model_options options = JIMM_MODEL_OPTIONS_INIT;
  jimm_graph *graph = NULL;
  jimm_graph *other = NULL;
  jimm_state *state = NULL;
  jimm_model *model = NULL;
  options.num_classes = 3;
  jimm_status status = jimm_model_find("test_resnet", &name);
  if (status == JIMM_OK) {
    status = jimm_graph_build(&name, NULL, &graph);
  }
  if (status == JIMM_OK) {
    status = jimm_graph_build(&name, &options, &other);
  }
  if (status == JIMM_OK) {
    status = jimm_state_synthetic(graph, 1, &state);
  }
  if (status == JIMM_OK) {
    status = jimm_model_create(other, state, NULL, &model);
  }
  jimm_model_close(&model);
  jimm_state_close(&state);
  jimm_graph_close(&graph);
  jimm_graph_close(&other);
  return status;
}

static jimm_status not_found(void) {
  jimm_model_name name;
  return jimm_model_find("resnet50.a9_in1k", &name);
}

static void fail_each(jimm_status (*walk)(void), jimm_status want) {
  failing = 0;
  calls = 0;
  TEST_REQUIRE_INT(walk(), want);
  const long total = calls;
  TEST_CHECK(total > 0);
  for (failing = 1; failing <= total; failing++) {
    calls = 0;
    const jimm_status status = walk();
    if (status != JIMM_ERROR_OUT_OF_MEMORY || living != 0) {
      TEST_FAIL("allocation %ld of %ld: got %s, %ld blocks left", failing, total,
                jimm_status_name(status), living);
      return;
    }
  }
  TEST_NOTE("%ld allocations", total);
}

TEST(each_allocation_may_fail) {
  const jimm_allocator allocator = {sizeof allocator, allocate, release, NULL};
  TEST_REQUIRE_INT(jimm_set_allocator(&allocator), JIMM_OK);
  fail_each(whole_walk, JIMM_OK);
  fail_each(mismatch, JIMM_ERROR_MISMATCH);
  fail_each(not_found, JIMM_ERROR_NOT_FOUND);
  TEST_REQUIRE_INT(jimm_set_allocator(NULL), JIMM_OK);
}

TEST_MAIN()
