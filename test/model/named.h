/* Models by name and their graphs. Checks that fail end the test. */
#ifndef TEST_NAMED_H
#define TEST_NAMED_H

#include <jimm/model.h>
#include <stdint.h>

jimm_model_name named_model(const char *name);
/* Its graph; -1, -1 and NULL are the model's own. The caller closes. */
jimm_graph *named_graph(const char *name, int64_t num_classes, int64_t in_chans,
                        const char *global_pool);
/* The shape of an output for an input of [2, channels, 64, 64], as text; valid until the next
 * call. */
const char *named_output_shape(const jimm_graph *graph, const char *output, int64_t channels);

#endif
