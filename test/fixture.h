/* Live fixtures: what the real timm computed, read from HDF5 files and compared with the plan. A
 * family's test is FIXTURE_TESTS("family", cases) and TEST_MAIN().
 *
 * Fixtures are the files KEY_io.h5 and KEY_inNc_io.h5 (N input channels other than 3), and of
 * pyramids KEY_featsonly_io.h5 and KEY_inNc_featsonly_io.h5, in $JIMM_PARITY_DIR, else data/parity;
 * test/parity/dump_FAMILY_io.py and dump_features_only_io.py write them. The bars are those of
 * jimm/parity.h. Every file of the
 * family is a test. An expected fixture that is not there is a test that is skipped; it fails when
 * JIMM_PARITY_REQUIRE is 1, or is a list of architectures that names it. */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <jimm-test/jimm-test.h>
#include <stddef.h>

/* Adds the tests of a family; `expected` are `count` architectures, each with 3 and 1 channels, and
 * the pyramid of both. */
void fixture_add_tests(const char *family, const char *const *expected, size_t count);

#define FIXTURE_TESTS(family, ...)                                             \
  TEST_SETUP() {                                                               \
    static const char *const expected[] = {__VA_ARGS__};                       \
    fixture_add_tests(family, expected, sizeof expected / sizeof expected[0]); \
  }

#endif
