/* jimm convert, and PyTorch checkpoints wherever weights are taken. */
#include <jimm-test/jimm-test.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

#define DATA "test/data/checkpoints/"

/* Reads a file whole; the caller frees. */
static char *read_whole(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  TEST_REQUIRE_MSG(file != NULL, "cannot read %s: run from the source root", path);
  char *data = malloc(1 << 20);
  TEST_REQUIRE(data != NULL);
  *size = fread(data, 1, 1 << 20, file);
  fclose(file);
  return data;
}

static void copy_in(const char *file, const char *name) {
  char path[256];
  size_t size;
  snprintf(path, sizeof path, DATA "%s", file);
  char *data = read_whole(path, &size);
  scratch_write(name, data, size);
  free(data);
}

static void check_bytes(const char *got_path, const char *want_path) {
  size_t got_size, want_size;
  char *got = read_whole(got_path, &got_size), *want = read_whole(want_path, &want_size);
  TEST_CHECK_UINT(got_size, want_size);
  TEST_CHECK_MSG(got_size == want_size && memcmp(got, want, want_size) == 0, "%s differs from %s",
                 got_path, want_path);
  free(got);
  free(want);
}

static jimm_state *open_state(const char *name) {
  jimm_state *state = NULL;
  TEST_REQUIRE_MSG(jimm_state_open(scratch_path(name), &state) == JIMM_OK, "%s",
                   jimm_error_message());
  return state;
}

/* Exit status and message; no output file, nothing on stdout. */
static void check_refused(const run_result *run, int status, const char *message) {
  TEST_CHECK_INT(run->status, status);
  TEST_CHECK_STR(run->out, "");
  TEST_CHECK_CONTAINS(run->err, message);
  TEST_CHECK_INT(scratch_entries("out"), 0);
  scratch_clear("out");
}

TEST(convert_writes_what_safetensors_would) {
  static const char *const names[] = {"zip_ordered", "legacy_training", "nested_ema", "strided",
                                      "floats",      "unsigned",        "shared",     "no_weights"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char file[128], want[256];
    snprintf(file, sizeof file, "%s.pt", names[i]);
    snprintf(want, sizeof want, DATA "%s.safetensors", names[i]);
    copy_in(file, "in.whatever");
    const run_result *run = RUN("convert", "in.whatever", "out/w.safetensors");
    check_quiet(run, 0);
    TEST_CHECK_STR(run->out, "");
    check_bytes(scratch_path("out/w.safetensors"), want);
    scratch_clear("out");
  }
}

TEST(convert_rounds_floating_tensors_alone) {
  static const struct {
    const char *option;
    jimm_dtype dtype;
  } rows[] = {{"f32", JIMM_F32}, {"f16", JIMM_F16}, {"bf16", JIMM_BF16}};
  copy_in("floats.pt", "floats.pt");
  copy_in("integers.pt", "integers.pt");
  jimm_state *floats = open_state("floats.pt");
  for (int i = 0; i < 3; i++) {
    check_quiet(RUN("convert", "floats.pt", "out/f.safetensors", "--dtype", rows[i].option), 0);
    jimm_state *got = open_state("out/f.safetensors");
    TEST_CHECK_INT(jimm_state_count(got), jimm_state_count(floats));
    for (int64_t k = 0; k < jimm_state_count(floats); k++) {
      const jimm_tensor *tensor = jimm_state_find(got, jimm_state_name(floats, k));
      jimm_tensor want;
      TEST_REQUIRE(jimm_tensor_convert(jimm_state_tensor(floats, k), rows[i].dtype, &want) ==
                   JIMM_OK);
      TEST_REQUIRE(tensor != NULL);
      check_tensor(tensor, &want);
      jimm_tensor_close(&want);
    }
    TEST_CHECK_STR(jimm_state_metadata(got, "format"), "pt");
    jimm_state_close(&got);
    check_quiet(RUN("convert", "--dtype", rows[i].option, "integers.pt", "out/i.safetensors"), 0);
    check_bytes(scratch_path("out/i.safetensors"), DATA "integers.safetensors");
    scratch_clear("out");
  }
  jimm_state_close(&floats);
}

/* A safetensors file with one tensor of these values, and metadata. */
static void write_values(const char *name, float first, float second) {
  jimm_state *state = NULL;
  const float values[2] = {first, second};
  const jimm_tensor tensor = {JIMM_F32, {1, {2}}, (void *)(uintptr_t)values, NULL};
  TEST_REQUIRE(jimm_state_create(&state) == JIMM_OK);
  TEST_REQUIRE(jimm_state_add(state, "layer.weight", &tensor) == JIMM_OK);
  TEST_REQUIRE(jimm_state_set_metadata(state, "licence", "mine") == JIMM_OK);
  TEST_REQUIRE(jimm_state_save(state, scratch_path(name)) == JIMM_OK);
  jimm_state_close(&state);
}

TEST(convert_refuses_what_becomes_infinite) {
  write_values("large.safetensors", 1, -70000);
  check_refused(RUN("convert", "large.safetensors", "out/w.safetensors", "--dtype", "f16"), 1,
                "jimm convert: tensor \"layer.weight\": -70000 is too large for F16, whose largest "
                "number is 65504: take --dtype bf16\n");
  write_values("large.safetensors", 65519, INFINITY); /* rounds down; was infinite before */
  check_quiet(RUN("convert", "large.safetensors", "out/w.safetensors", "--dtype", "f16"), 0);
  write_values("large.safetensors", NAN, 65520);
  scratch_clear("out");
  check_refused(RUN("convert", "large.safetensors", "out/w.safetensors", "--dtype", "f16"), 1,
                "65520 is too large for F16");
  write_values("large.safetensors", 3.4e38f, 3.3961776e38f);
  check_refused(RUN("convert", "large.safetensors", "out/w.safetensors", "--dtype", "bf16"), 1,
                "3.4e+38 is too large for BF16\n");
}

TEST(convert_keeps_metadata) {
  write_values("m.safetensors", 1, 2);
  for (int i = 0; i < 2; i++) {
    check_quiet(RUN("convert", "m.safetensors", "out/w.safetensors", i == 0 ? NULL : "--dtype=f16"),
                0);
    jimm_state *got = open_state("out/w.safetensors");
    TEST_CHECK_STR(jimm_state_metadata(got, "licence"), "mine");
    TEST_CHECK_STR(jimm_state_metadata(got, "format"), "pt");
    TEST_CHECK_STR(jimm_state_metadata_key(got, 1), "format");
    TEST_CHECK(jimm_state_metadata_key(got, 2) == NULL && jimm_state_metadata_key(got, -1) == NULL);
    jimm_state_close(&got);
  }
  scratch_clear("out");
}

TEST(convert_writes_whole_files_or_none) {
  copy_in("zip_ordered.pt", "in.pt");
  check_refused(RUN("convert", "in.pt", "out/w.bin"), 2, "expected a file ending in .safetensors");
  check_refused(RUN("convert", "in.pt"), 2, "expected IN OUT.safetensors");
  check_refused(RUN("convert", "in.pt", "out/w.safetensors", "--dtype", "f8"), 2, "f16, bf16");
  check_refused(RUN("convert", "absent.pt", "out/w.safetensors"), 1, "absent.pt: cannot open");
  check_refused(RUN("convert", "in.pt", "absent/w.safetensors"), 1, "absent/w.safetensors");
  check_refused(RUN("convert", "out", "out/w.safetensors"), 1, "found a folder");
  copy_in("refused/epoch.pt", "bad.pt");
  check_refused(RUN("convert", "bad.pt", "out/w.safetensors"), 1,
                "jimm convert: bad.pt: data.pkl: \"epoch\" of the state_dict is an integer");
  /* Its own input; an old file stays when there is no new one. */
  copy_in("zip_ordered.safetensors", "w.whole.safetensors");
  check_refused(RUN("convert", "w.whole.safetensors", "./w.whole.safetensors", "--dtype", "f16"), 1,
                "it is the file that is converted, which would be lost");
  check_refused(RUN("convert", "bad.pt", "w.whole.safetensors"), 1, "bad.pt");
  check_bytes(scratch_path("w.whole.safetensors"), DATA "zip_ordered.safetensors");
}

TEST(convert_runs_nothing) {
  static const char exploit[] =
      "\x80\2\x8A\x0Al\xFC\x9C\x46\xF9\x20j\xA8P\x19.\x80\2M\xE9\3.\x80\2}."
      "\x80\2cos\nsystem\n(X\x11\0\0\0touch out/hijackedtR.";
  scratch_write("exploit.pth", exploit, sizeof exploit - 1);
  check_refused(RUN("convert", "exploit.pth", "out/w.safetensors"), 1,
                "jimm convert: exploit.pth: byte 27 (GLOBAL): refuses \"os.system\", which no "
                "state_dict needs; nothing was run\n");
}

/* ---- checkpoints as weights ---- */

static void put_text(FILE *file, const char *text) {
  const uint32_t length = (uint32_t)strlen(text);
  fputc('X', file);
  fwrite(&length, 4, 1, file);
  fputs(text, file);
}

static void put_number(FILE *file, int64_t number) {
  fwrite("\x8A\x08", 1, 2, file);
  fwrite(&number, 8, 1, file);
}

static void put_tensor(FILE *file, const char *name, const jimm_tensor *tensor) {
  const int64_t count = jimm_shape_count(&tensor->shape);
  int64_t stride = count;
  put_text(file, name);
  fputs("ctorch._utils\n_rebuild_tensor_v2\n((", file);
  put_text(file, "storage");
  fputs("ctorch\nFloatStorage\n", file);
  put_text(file, name);
  put_text(file, "cpu");
  put_number(file, count);
  fwrite("NtQK\0(", 1, 6, file);
  for (int32_t i = 0; i < tensor->shape.rank; i++) {
    put_number(file, tensor->shape.dim[i]);
  }
  fputs("t(", file);
  for (int32_t i = 0; i < tensor->shape.rank; i++) {
    stride /= tensor->shape.dim[i];
    put_number(file, stride);
  }
  fwrite("t\x89}tR", 1, 5, file);
}

/* The state as torch.save wrote it before PyTorch 1.6, under "state_dict_ema" and wrappers' names.
 */
static void write_legacy(const jimm_state *state, const char *name) {
  static const char head[] = "\x80\2\x8A\x0Al\xFC\x9C\x46\xF9\x20j\xA8P\x19.\x80\2M\xE9\3.\x80\2}.";
  FILE *file = fopen(scratch_path(name), "wb");
  TEST_REQUIRE(file != NULL);
  fwrite(head, 1, sizeof head - 1, file);
  fwrite("\x80\2}", 1, 3, file);
  put_text(file, "state_dict_ema");
  fputs("}(", file);
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    char full[256];
    snprintf(full, sizeof full, "module.%s", jimm_state_name(state, i));
    put_tensor(file, full, jimm_state_tensor(state, i));
  }
  fwrite("us.\x80\2](", 1, 7, file);
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    char full[256];
    snprintf(full, sizeof full, "module.%s", jimm_state_name(state, i));
    put_text(file, full);
  }
  fputs("e.", file);
  for (int64_t i = 0; i < jimm_state_count(state); i++) {
    const jimm_tensor *tensor = jimm_state_tensor(state, i);
    const int64_t count = jimm_shape_count(&tensor->shape);
    fwrite(&count, 8, 1, file);
    fwrite(tensor->data, 4, (size_t)count, file);
  }
  TEST_REQUIRE(fclose(file) == 0);
}

TEST(weights_may_be_checkpoints) {
  jimm_state *state = open_state("w.safetensors");
  write_legacy(state, "w.pth.tar");
  jimm_state_close(&state);
  check_quiet(RUN("forward", "test_resnet", "-w", "w.safetensors", "--input", "x.npy", "--output",
                  "out/a.npy"),
              0);
  check_quiet(
      RUN("forward", "test_resnet", "-w", "w.pth.tar", "--input", "x.npy", "--output", "out/b.npy"),
      0);
  jimm_tensor a = read_npy("out/a.npy"), b = read_npy("out/b.npy");
  check_tensor(&b, &a);
  jimm_tensor_close(&a);
  jimm_tensor_close(&b);
  scratch_clear("out");
}

/* A weights folder without model.safetensors: timm's other names. */
TEST(folders_may_hold_checkpoints) {
  jimm_state *state = open_state("folder/model.safetensors");
  const char *whole = strdup(RUN("predict", "-w", "folder", "--json", "a.ppm")->out);
  TEST_REQUIRE(whole != NULL && rename(scratch_path("folder/model.safetensors"),
                                       scratch_path("kept.safetensors")) == 0);
  check_refused(RUN("predict", "-w", "folder", "a.ppm"), 1,
                "folder/model.safetensors: cannot open");
  write_legacy(state, "folder/pytorch_model.bin");
  jimm_state_close(&state);
  const run_result *run = RUN("predict", "-w", "folder", "--json", "a.ppm");
  check_quiet(run, 0);
  TEST_CHECK_STR(run->out, whole);
  free((void *)(uintptr_t)whole);
  TEST_REQUIRE(remove(scratch_path("folder/pytorch_model.bin")) == 0);
  TEST_REQUIRE(rename(scratch_path("kept.safetensors"), scratch_path("folder/model.safetensors")) ==
               0);
}
