/* Every allocation of reading and writing a fixture fails once. HDF5's own memory is its own. */
#include <jimm-test/jimm-test.h>
#include <jimm/parity.h>

#include "memory_walk.h"

static float values[3 * 4 * 4];
static const jimm_tensor input = {JIMM_F32, {4, {1, 3, 4, 4}}, values, NULL};

static jimm_status make_state(const char *name, jimm_state **state) {
  const jimm_tensor tensor = {JIMM_F32, {1, {3}}, values, NULL};
  const jimm_status status = jimm_state_create(state);
  return status == JIMM_OK ? jimm_state_add(*state, name, &tensor) : status;
}

static jimm_status write_to(const char *path) {
  jimm_parity parity = {.input = input};
  jimm_status status = make_state("fc.weight", &parity.state);
  if (status == JIMM_OK) {
    status = make_state("logits", &parity.outputs);
  }
  if (status == JIMM_OK) {
    status = jimm_parity_write(path, &parity);
  }
  jimm_parity_close(&parity);
  return status;
}

static jimm_status write_fixture(const char *name) {
  return write_to(walk_output(name));
}

static jimm_status read_fixture(const char *name) {
  jimm_parity parity;
  const jimm_status status = jimm_parity_read(walk_input(name), &parity);
  jimm_parity_close(&parity);
  return status;
}

static const memory_walk rows[] = {
    {"read a fixture", read_fixture, "f.h5", JIMM_OK, FOREIGN_IGNORED},
    {"write a fixture", write_fixture, "f.h5", JIMM_OK, FOREIGN_IGNORED},
};

TEST_SETUP() {
  TEST_REQUIRE_INT(write_to(walk_input("f.h5")), JIMM_OK);
  memory_walks_add(rows, sizeof rows / sizeof rows[0]);
}

TEST_MAIN()
