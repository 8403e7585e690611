/* Two models that the program downloads from the tests' hub. */
#ifndef TEST_CLI_MODELS_H
#define TEST_CLI_MODELS_H

#include <stdint.h>

#include "hub/cache_tree.h"

#define MODEL "timm/test_resnet.r160_in1k"
#define MODEL_18 "timm/resnet18.a1_in1k"
/* Their folders in the cache, and the weights there. */
#define STORED "models--timm--test_resnet.r160_in1k"
#define STORED_18 "models--timm--resnet18.a1_in1k"
#define WEIGHTS_AT(stored) stored "/snapshots/" COMMIT_A "/model.safetensors"

/* An empty cache "hub", and a hub where nothing is published. */
void models_begin(void);
/* A file of `repo` at COMMIT_A. The target of its bytes' address is valid until the next call. */
const char *models_publish(const char *repo, const char *name, int64_t size);
/* GETs of bytes hand out so many a second. */
void models_slow_down(int64_t rate);
/* Each of the lines is the path of `names`, which end with NULL, in the cache. */
void models_check_paths(const char *out, const char *const *names);
#define MODELS_CHECK_PATHS(out, ...) \
  models_check_paths(out, (const char *const[]){__VA_ARGS__, NULL})

#endif
