/* The files that the program is fed in its tests, and what the library makes of them. */
#include "run.h"

#include <jimm-test/jimm-test.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/named.h"

const jimm_data_config folder_data = {
    3,   FOLDER_HEIGHT,   FOLDER_WIDTH,   JIMM_BILINEAR, JIMM_CROP_CENTER,
    0.9, {0.1, 0.2, 0.3}, {0.4, 0.5, 0.6}};

static void save(const jimm_state *state, const char *name) {
  TEST_REQUIRE_MSG(jimm_state_save(state, scratch_path(name)) == JIMM_OK, "%s",
                   jimm_error_message());
}

static jimm_state *synthetic(int64_t classes, int64_t channels) {
  jimm_state *state = NULL;
  jimm_graph *graph = named_graph("test_resnet", classes, channels, NULL);
  TEST_REQUIRE(jimm_state_synthetic(graph, FIXTURE_SEED, &state) == JIMM_OK);
  jimm_graph_close(&graph);
  return state;
}

jimm_model *fixture_model(bool from_folder) {
  jimm_graph *graph = named_graph("test_resnet", from_folder ? FOLDER_CLASSES : -1, 3, NULL);
  jimm_model *model = NULL;
  TEST_REQUIRE_MSG(jimm_model_create_synthetic(graph, FIXTURE_SEED, &model) == JIMM_OK, "%s",
                   jimm_error_message());
  jimm_graph_close(&graph);
  return model;
}

jimm_tensor fixture_logits(bool from_folder, const jimm_tensor *input) {
  jimm_model *model = fixture_model(from_folder);
  jimm_plan *plan = NULL;
  jimm_plan_options options = JIMM_PLAN_OPTIONS_INIT;
  options.batch = input->shape.dim[0];
  options.height = input->shape.dim[2];
  options.width = input->shape.dim[3];
  options.threads = 1;
  TEST_REQUIRE_MSG(jimm_plan_create(model, &options, &plan) == JIMM_OK, "%s", jimm_error_message());
  jimm_shape shape;
  jimm_tensor logits = {.dtype = JIMM_DTYPE_NONE};
  TEST_REQUIRE(jimm_plan_output_shape(plan, 0, &shape) == JIMM_OK);
  TEST_REQUIRE(jimm_tensor_create(JIMM_F32, &shape, &logits) == JIMM_OK);
  TEST_REQUIRE_MSG(jimm_plan_run(plan, input, &logits) == JIMM_OK, "%s", jimm_error_message());
  jimm_plan_close(&plan);
  jimm_model_close(&model);
  return logits;
}

/* w.safetensors and its wrong siblings. */
static void write_weights(void) {
  jimm_state *good = synthetic(-1, 3);
  save(good, "w.safetensors");
  jimm_state *missing = NULL;
  jimm_state *transposed = NULL;
  TEST_REQUIRE(jimm_state_create(&missing) == JIMM_OK);
  TEST_REQUIRE(jimm_state_create(&transposed) == JIMM_OK);
  for (int64_t i = 0; i < jimm_state_count(good); i++) {
    const char *name = jimm_state_name(good, i);
    jimm_tensor tensor = *jimm_state_tensor(good, i);
    if (strcmp(name, "layer1.0.bn1.running_var") != 0) {
      TEST_REQUIRE(jimm_state_add(missing, name, &tensor) == JIMM_OK);
    }
    if (strcmp(name, "fc.weight") == 0) {
      int64_t rows = tensor.shape.dim[0];
      tensor.shape.dim[0] = tensor.shape.dim[1];
      tensor.shape.dim[1] = rows;
    }
    TEST_REQUIRE(jimm_state_add(transposed, name, &tensor) == JIMM_OK);
  }
  save(missing, "missing.safetensors");
  save(transposed, "transposed.safetensors");
  jimm_tensor extra = {.dtype = JIMM_DTYPE_NONE};
  TEST_REQUIRE(jimm_tensor_create(JIMM_F32, &(jimm_shape){1, {3}}, &extra) == JIMM_OK);
  TEST_REQUIRE(jimm_state_add_owned(good, "layer9.odd", &extra) == JIMM_OK);
  save(good, "extra.safetensors");
  jimm_state_close(&good);
  jimm_state_close(&missing);
  jimm_state_close(&transposed);
  jimm_state *gray = synthetic(-1, 1);
  save(gray, "gray.safetensors");
  jimm_state_close(&gray);
  jimm_state *headless = synthetic(0, 3);
  save(headless, "headless.safetensors");
  jimm_state_close(&headless);
}

/* A weights folder whose preprocessing and labels are nowhere in the program. */
static void write_folder(void) {
  static const char config[] =
      "{\"architecture\": \"test_resnet\", \"num_classes\": 4, \"num_features\": 128,\n"
      " \"pretrained_cfg\": {\"tag\": \"zoo\", \"custom_load\": false, \"input_size\": [3, 48, "
      "64],\n"
      "  \"fixed_input_size\": false, \"interpolation\": \"bilinear\", \"crop_pct\": 0.9,\n"
      "  \"crop_mode\": \"center\", \"mean\": [0.1, 0.2, 0.3], \"std\": [0.4, 0.5, 0.6],\n"
      "  \"test_input_size\": [3, 80, 72], \"test_crop_pct\": 1.0,\n"
      "  \"num_classes\": 4, \"pool_size\": [2, 2], \"first_conv\": \"conv1.0\",\n"
      "  \"classifier\": \"fc\", \"license\": \"apache-2.0\"},\n"
      " \"label_names\": [\"ant\", \"bee\", \"cat\", \"dog\"]}\n";
  TEST_REQUIRE(mkdir(scratch_path("folder"), 0700) == 0);
  scratch_write("folder/config.json", config, sizeof config - 1);
  jimm_state *state = synthetic(FOLDER_CLASSES, 3);
  save(state, "folder/model.safetensors");
  jimm_state_close(&state);
}

static void write_ppm(const char *name, int width, int height, int salt) {
  size_t size = (size_t)width * (size_t)height * 3;
  unsigned char *data = malloc(size + 64);
  TEST_REQUIRE(data != NULL);
  int header = sprintf((char *)data, "P6\n%d %d\n255\n", width, height);
  for (size_t i = 0; i < size; i++) {
    data[(size_t)header + i] = (unsigned char)((i * 7 + i / 97 * (size_t)salt) & 255);
  }
  scratch_write(name, data, (size_t)header + size);
  free(data);
}

/* A file of test/data/images. */
static void copy_image(const char *source, const char *name) {
  char path[256];
  static unsigned char data[1 << 16];
  snprintf(path, sizeof path, "test/data/images/%s", source);
  FILE *file = fopen(path, "rb");
  TEST_REQUIRE_MSG(file != NULL, "%s", path);
  size_t size = fread(data, 1, sizeof data, file);
  fclose(file);
  TEST_REQUIRE(size > 0 && size < sizeof data);
  scratch_write(name, data, size);
}

static uint32_t crc32_of(const unsigned char *data, size_t size) {
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) {
      crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
  }
  return ~crc;
}

/* The first 33 bytes of a PNG of 100,000 x 100,000 pixels, with a correct checksum, and an empty
 * data chunk. */
static void write_png_bomb(const char *name) {
  unsigned char data[] = {0x89, 'P', 'N', 'G', 13,  10,   26,   10,   0,   0, 1 - 1, 13,
                          'I',  'H', 'D', 'R', 0,   1,    0x86, 0xA0, 0,   1, 0x86,  0xA0,
                          8,    2,   0,   0,   0,   0,    0,    0,    0,   0, 0,     0,
                          0,    'I', 'D', 'A', 'T', 0x35, 0xAF, 0x06, 0x1E};
  uint32_t crc = crc32_of(data + 12, 17);
  for (int i = 0; i < 4; i++) {
    data[29 + i] = (unsigned char)(crc >> (24 - 8 * i));
  }
  scratch_write(name, data, sizeof data);
}

static void write_images(void) {
  write_ppm("a.ppm", 90, 70, 3);
  write_ppm("ppm.jpg", 90, 70, 3); /* told apart by content, not by name */
  TEST_REQUIRE(mkdir(scratch_path("images"), 0700) == 0);
  write_ppm("images/c.ppm", 60, 80, 1);
  write_ppm("images/a.PPM", 61, 81, 2);
  write_ppm("images/b.ppm", 200, 30, 5);
  copy_image("lossy.webp", "images/d.webp");
  scratch_write("images/notes.txt", "no image", 8);
  TEST_REQUIRE(mkdir(scratch_path("images/deeper.png"), 0700) == 0);
  write_ppm("images/deeper.png/d.ppm", 60, 80, 1);
  TEST_REQUIRE(mkdir(scratch_path("nothing"), 0700) == 0);
  TEST_REQUIRE(mkdir(scratch_path("mixed"), 0700) == 0);
  write_ppm("mixed/a.ppm", 90, 70, 3);
  scratch_write("mixed/b.png", "", 0);
  write_ppm("mixed/c.ppm", 90, 70, 3);
  scratch_write("empty.png", "", 0);
  scratch_write("text.png", "this is no image\n", 17);
  scratch_write("short.ppm", "P6\n90 70\n255\nabc", 16);
  scratch_write("magic.png", "\x89PNG\r\n\x1a\n", 8);
  scratch_write("magic.jpg", "\xff\xd8\xff\xe0", 4);
  write_png_bomb("bomb.png");
}

static void write_inputs(void) {
  jimm_tensor input = {.dtype = JIMM_DTYPE_NONE};
  jimm_tensor wide = {.dtype = JIMM_DTYPE_NONE};
  TEST_REQUIRE(jimm_tensor_create(JIMM_F32, &(jimm_shape){4, {2, 3, 64, 48}}, &input) == JIMM_OK);
  TEST_REQUIRE(jimm_synthetic_input(3, "input", &input) == JIMM_OK);
  TEST_REQUIRE(jimm_npy_write(scratch_path("x.npy"), &input) == JIMM_OK);
  TEST_REQUIRE(jimm_tensor_convert(&input, JIMM_F64, &wide) == JIMM_OK);
  TEST_REQUIRE(jimm_npy_write(scratch_path("x64.npy"), &wide) == JIMM_OK);
  jimm_tensor_close(&input);
  jimm_tensor_close(&wide);
  TEST_REQUIRE(jimm_tensor_create(JIMM_F32, &(jimm_shape){4, {1, 1, 64, 48}}, &input) == JIMM_OK);
  TEST_REQUIRE(jimm_synthetic_input(3, "input", &input) == JIMM_OK);
  TEST_REQUIRE(jimm_npy_write(scratch_path("gray.npy"), &input) == JIMM_OK);
  jimm_tensor_close(&input);
#define NPY(descr, order, shape) \
  "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }"
  scratch_write_npy("rank3.npy", NPY("<f4", "False", "(3, 32, 32)"), 3 * 32 * 32 * 4);
  scratch_write_npy("int.npy", NPY("<i8", "False", "(1, 3, 32, 32)"), 3 * 32 * 32 * 8);
  scratch_write_npy("big.npy", NPY(">f4", "False", "(1, 3, 32, 32)"), 3 * 32 * 32 * 4);
  scratch_write_npy("fortran.npy", NPY("<f4", "True", "(1, 3, 32, 32)"), 3 * 32 * 32 * 4);
  scratch_write_npy("cut.npy", NPY("<f4", "False", "(1, 3, 32, 32)"), 3 * 32 * 32 * 4 - 1);
  scratch_write_npy("flat.npy", NPY("<f4", "False", "(1, 3, 0, 32)"), 0);
  scratch_write("text.npy", "not an array", 12);
}

void fixtures_write(void) {
  write_weights();
  write_folder();
  write_images();
  write_inputs();
}

jimm_tensor read_npy(const char *name) {
  jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
  TEST_REQUIRE_MSG(jimm_npy_read(scratch_path(name), &tensor) == JIMM_OK, "%s",
                   jimm_error_message());
  return tensor;
}

jimm_tensor preprocess(const char *name, const jimm_data_config *data) {
  jimm_image image = {0, 0, NULL};
  jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
  jimm_shape shape = {4, {1, 3, data->height, data->width}};
  TEST_REQUIRE_MSG(jimm_image_read(scratch_path(name), NULL, &image) == JIMM_OK, "%s",
                   jimm_error_message());
  TEST_REQUIRE(jimm_tensor_create(JIMM_F32, &shape, &tensor) == JIMM_OK);
  TEST_REQUIRE(jimm_image_preprocess(&image, data, &tensor) == JIMM_OK);
  jimm_image_close(&image);
  return tensor;
}

void check_tensor(const jimm_tensor *got, const jimm_tensor *want) {
  TEST_CHECK_STR(jimm_dtype_name(got->dtype), jimm_dtype_name(want->dtype));
  if (TEST_CHECK(jimm_shape_equal(&got->shape, &want->shape))) {
    TEST_CHECK_MEM(got->data, want->data, jimm_tensor_bytes(want));
  }
}

void check_quiet(const run_result *run, int status) {
  TEST_CHECK_INT(run->status, status);
  TEST_CHECK_STR(run->err, "");
}

int length_of(const json_t *array) {
  return (int)json_array_size(array);
}

int count_lines(const char *text) {
  int count = 0;
  for (const char *c = text; *c != 0; c++) {
    count += *c == '\n';
  }
  return count;
}
