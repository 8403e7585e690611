// PyTorch checkpoints: those of test/data/checkpoints (made by test/parity/dump_checkpoints.py)
// hold to the bit what timm reads from them, point into their file, and are refused when they are
// damaged.
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jimm-test/jimm-test.h>
#include <jimm/state.h>

#include "folder.h"
#include "state/state.h"

#define DATA "test/data/checkpoints/"

static jimm_state *must_open(const char *path) {
  jimm_state *state = NULL;
  TEST_REQUIRE_MSG(jimm_state_open(path, &state) == JIMM_OK, "%s", jimm_error_message());
  return state;
}

static void check_equal(const char *file, const jimm_state *got, const jimm_state *want) {
  TEST_CHECK_INT(jimm_state_count(got), jimm_state_count(want));
  for (int64_t i = 0; i < jimm_state_count(want); i++) {
    const char *name = jimm_state_name(want, i);
    const jimm_tensor *a = jimm_state_find(got, name), *b = jimm_state_tensor(want, i);
    TEST_CHECK_MSG(a != NULL, "%s: no tensor %s", file, name);
    if (a == NULL) {
      continue;
    }
    TEST_CHECK_MSG(a->dtype == b->dtype && jimm_shape_equal(&a->shape, &b->shape),
                   "%s: %s: type or shape", file, name);
    const size_t bytes = jimm_tensor_bytes(b);
    TEST_CHECK_MSG(jimm_tensor_bytes(a) == bytes, "%s: %s: size", file, name);
    TEST_CHECK_MSG(bytes == 0 || memcmp(a->data, b->data, bytes) == 0, "%s: %s: values", file,
                   name);
    TEST_CHECK_MSG((uintptr_t)a->data % jimm_dtype_size(a->dtype) == 0, "%s: %s: alignment", file,
                   name);
  }
}

TEST(every_way_of_saving_reads_as_in_timm) {
  DIR *folder = opendir(DATA);
  TEST_REQUIRE_MSG(folder != NULL, "no folder %s: run from the source root", DATA);
  int files = 0;
  for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    char path[512];
    char *dot = strstr(entry->d_name, ".pt");
    if (dot == NULL || dot[3] != 0) {
      continue;
    }
    snprintf(path, sizeof path, DATA "%s", entry->d_name);
    jimm_state *got = must_open(path);
    snprintf(path, sizeof path, DATA "%.*s.safetensors", (int)(dot - entry->d_name), entry->d_name);
    jimm_state *want = must_open(path);
    check_equal(entry->d_name, got, want);
    jimm_state_close(&got);
    jimm_state_close(&want);
    files++;
  }
  closedir(folder);
  TEST_CHECK_MSG(files >= 30, "%d files", files);
}

TEST(what_torch_saves_and_jimm_does_not_read_is_named) {
  static const struct {
    const char *file;
    jimm_status status;
    const char *words[2];
  } rows[] = {
      {"big_endian", JIMM_ERROR_UNSUPPORTED, {"byte order \"big\"", "expected \"little\""}},
      {"compressed", JIMM_ERROR_UNSUPPORTED, {"\"compressed/data.pkl\"", "compressed (method 8)"}},
      {"script", JIMM_ERROR_UNSUPPORTED, {"TorchScript", "constants.pkl"}},
      {"tar", JIMM_ERROR_UNSUPPORTED, {"tar archive", "PyTorch 0.1"}},
      {"pickle", JIMM_ERROR_FORMAT, {"a pickle of a dict", "magic number"}},
      {"whole_model",
       JIMM_ERROR_UNSUPPORTED,
       {"data.pkl: byte 2 (GLOBAL): refuses \"torch.nn.modules.container.Sequential\"",
        "a whole model or an object of its program, expected a state_dict"}},
      {"legacy_model",
       JIMM_ERROR_UNSUPPORTED,
       {"torch.nn.modules.container.Sequential", "expected a state_dict"}},
      {"numpy_scalar",
       JIMM_ERROR_UNSUPPORTED,
       {"refuses \"numpy._core.multiarray.scalar\"", "nothing was run"}},
      {"default_dict", JIMM_ERROR_UNSUPPORTED, {"refuses \"collections.defaultdict\"", "byte"}},
      {"complex", JIMM_ERROR_UNSUPPORTED, {"tensor \"a\"", "torch.ComplexFloatStorage"}},
      {"float8", JIMM_ERROR_UNSUPPORTED, {"tensor \"a\"", "torch.float8_e4m3fn"}},
      {"quantised", JIMM_ERROR_UNSUPPORTED, {"\"a\"", "torch._utils._rebuild_qtensor"}},
      {"sparse", JIMM_ERROR_UNSUPPORTED, {"\"a\"", "torch._utils._rebuild_sparse_tensor"}},
      {"rank9", JIMM_ERROR_UNSUPPORTED, {"tensor \"a\"", "unsupported rank 9, expected at most 8"}},
      {"negated", JIMM_ERROR_UNSUPPORTED, {"tensor \"a\"", "negated or conjugated"}},
      {"epoch", JIMM_ERROR_UNSUPPORTED, {"\"epoch\" of the state_dict is an integer", "a tensor"}},
      {"nested_wrong", JIMM_ERROR_UNSUPPORTED, {"\"state_dict\" is a list", "a dict of tensors"}},
      {"list", JIMM_ERROR_UNSUPPORTED, {"holds a list", "expected a dict of tensors"}},
      {"tensor", JIMM_ERROR_UNSUPPORTED, {"holds a tensor", "expected a dict of tensors"}},
      {"two_names", JIMM_ERROR_FORMAT, {"tensor \"a\" is there already", "two_names.pt"}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char path[512];
    snprintf(path, sizeof path, DATA "refused/%s.pt", rows[i].file);
    jimm_state *state = (jimm_state *)(uintptr_t)1;
    const jimm_status status = jimm_state_open(path, &state);
    TEST_CHECK_MSG(status == rows[i].status, "%s: %s", rows[i].file, jimm_status_name(status));
    TEST_CHECK(state == NULL);
    TEST_CHECK_CONTAINS(jimm_error_message(), path);
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].words[0]);
    TEST_CHECK_CONTAINS(jimm_error_message(), rows[i].words[1]);
  }
}

/* Whether the tensor's data are those of the mapped file, not a copy. */
static bool lies_in_file(const jimm_state *state, const char *name) {
  const jimm_tensor *tensor = jimm_state_find(state, name);
  TEST_REQUIRE(tensor != NULL);
  const unsigned char *data = tensor->data;
  return tensor->owned == NULL && data >= state->mapping.data &&
         data < state->mapping.data + state->mapping.size;
}

TEST(tensors_point_into_the_file) {
  jimm_state *state = must_open(DATA "shared.pt");
  const jimm_tensor *all = jimm_state_find(state, "all"), *last = jimm_state_find(state, "last");
  TEST_REQUIRE(all != NULL && last != NULL);
  TEST_CHECK(lies_in_file(state, "all") && lies_in_file(state, "last"));
  TEST_CHECK((const float *)last->data == (const float *)all->data + 5);
  TEST_CHECK(jimm_state_find(state, "tied.a")->data == jimm_state_find(state, "tied.b")->data);
  TEST_CHECK_STR(jimm_state_name(state, 0), "all");  // in the order of the dict
  TEST_CHECK_STR(jimm_state_name(state, 3), "reshaped");
  jimm_state_close(&state);
  state = must_open(DATA "strided.pt");
  TEST_CHECK(!lies_in_file(state, "transposed") && !lies_in_file(state, "expanded"));
  TEST_CHECK(lies_in_file(state, "row") && lies_in_file(state, "halves"));
  jimm_state_close(&state);
}

TEST(wrappers_leave_no_trace_in_safetensors_either) {
  jimm_state *state = NULL, *read = NULL;
  const float values[] = {1, 2};
  jimm_tensor tensor = {JIMM_F32, {1, {2}}, (void *)(uintptr_t)values, NULL};
  const char *path = in_folder("wrapped.safetensors");
  TEST_REQUIRE_INT(jimm_state_create(&state), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_add(state, "module._orig_mod.a", &tensor), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_add(state, "_orig_mod.module.b", &tensor), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_add(state, "x.module.c", &tensor), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_save(state, path), JIMM_OK);
  read = must_open(path);
  TEST_CHECK(jimm_state_find(read, "a") != NULL);
  TEST_CHECK(jimm_state_find(read, "module.b") != NULL);  // each prefix once, in timm's order
  TEST_CHECK(jimm_state_find(read, "x.module.c") != NULL);
  jimm_state_close(&read);
  TEST_REQUIRE_INT(jimm_state_add(state, "a", &tensor), JIMM_OK);
  TEST_REQUIRE_INT(jimm_state_save(state, path), JIMM_OK);
  TEST_CHECK_INT(jimm_state_open(path, &read), JIMM_ERROR_FORMAT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "tensor \"a\" is there already");
  jimm_state_close(&state);
}

// ---- damage ----

static void touch(const jimm_state *state) {
  volatile unsigned char touched = 0;
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const jimm_tensor *tensor = jimm_state_tensor(state, i);
    for (size_t b = 0; b < jimm_tensor_bytes(tensor); b++) {
      touched = (unsigned char)(touched ^ ((unsigned char *)tensor->data)[b]);
    }
  }
}

static void check_cut(const char *file) {
  static unsigned char data[65536];
  const long size = read_bytes(file, data, sizeof data);
  TEST_REQUIRE(size > 300 && size < (long)sizeof data);
  const char *path = in_folder("cut");
  TEST_REQUIRE(write_bytes(path, data, (size_t)size));
  jimm_state *state = must_open(path);
  jimm_state_close(&state);
  for (long cut = size - 1; cut >= 0; cut--) {
    TEST_REQUIRE_INT(truncate(path, cut), 0);
    TEST_CHECK_MSG(jimm_state_open(path, &state) == JIMM_ERROR_FORMAT, "%s cut to %ld bytes: %s",
                   file, cut, jimm_error_message());
    TEST_CHECK(state == NULL);
  }
}

TEST(files_cut_anywhere_are_refused) {
  check_cut(DATA "zip_ordered.pt");
  check_cut(DATA "legacy.pt");
  check_cut(DATA "legacy_protocol4.pt");
}

// Every byte replaced by some others: an error with a message, or a state within bounds.
static int change(const char *file) {
  static const unsigned char others[] = {0, 1, '(', '.', 0x7F, 0x80, 0xFF};
  static unsigned char data[65536];
  const long size = read_bytes(file, data, sizeof data);
  TEST_REQUIRE(size > 300 && size < (long)sizeof data);
  const char *path = in_folder("changed");
  TEST_REQUIRE(write_bytes(path, data, (size_t)size));
  const int descriptor = open(path, O_WRONLY);
  TEST_REQUIRE(descriptor >= 0);
  int refused = 0;
  for (long at = 0; at < size; at++) {
    for (size_t k = 0; k < sizeof others; k++) {
      jimm_state *state = NULL;
      TEST_REQUIRE_INT(pwrite(descriptor, &others[k], 1, at), 1);
      if (jimm_state_open(path, &state) != JIMM_OK) {
        TEST_CHECK(state == NULL && jimm_error_message()[0] != 0);
        refused++;
      } else {
        touch(state);
        jimm_state_close(&state);
      }
    }
    TEST_REQUIRE_INT(pwrite(descriptor, &data[at], 1, at), 1);
  }
  close(descriptor);
  return refused;
}

TEST(files_changed_anywhere_do_no_harm) {
  TEST_CHECK(change(DATA "zip_ordered.pt") > 2000);
  TEST_CHECK(change(DATA "legacy.pt") > 2000);
}

TEST_MAIN()
