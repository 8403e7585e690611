/* Fixtures made of jimm's own reference in place of timm, so that each can be spoilt in one way. */
#ifndef TEST_OWN_FIXTURE_H
#define TEST_OWN_FIXTURE_H

#include <jimm/parity.h>
#include <stdbool.h>
#include <stdint.h>

#define FIXTURE_ARCH "test_resnet"

/* A good one: of two outputs, or of the pyramid; every node's value is a stage. */
void fixture_make(jimm_parity *parity, int64_t in_chans, int64_t output_stride, bool pyramid);
/* The values of the tensor `name`, which must be there. */
float *fixture_values(const jimm_state *state, const char *name);
/* Writes the fixture, closes it, and checks the file. */
jimm_status fixture_check(const char *file, jimm_parity *parity, const jimm_parity_options *options,
                          jimm_parity_report **report);

#endif
