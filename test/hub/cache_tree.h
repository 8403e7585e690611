/* Builds caches as huggingface_hub leaves them, and worse ones. */
#ifndef TEST_CACHE_TREE_H
#define TEST_CACHE_TREE_H

#include <stdbool.h>

#define COMMIT_A "1111111111111111111111111111111111111111"
#define COMMIT_B "2222222222222222222222222222222222222222"

/* Texts, with their SHA-256 or git hash. */
#define WEIGHTS "the weights\n"
#define WEIGHTS_SHA256 "e4671b5ccabd3d7460036c1fd0f633b746591dc6746d1e2b039455b8ded61695"
#define WEIGHTS_GIT "24285f95367197a91b62babe77fb8a50b5aebec2"
#define OTHERS "other weights\n"
#define OTHERS_SHA256 "4b2d93ddbb00f224b4ae2a3fefe90843718a3aea650f7a9fe849d14a11a24657"
#define CONFIG "{}\n"
#define CONFIG_GIT "0967ef424bce6791893e9a57bb952f80fd536e93"

#define REPO_A "models--timm--test_resnet.r160_in1k"
#define REPO_B "models--gpt2"
#define REPO_C "datasets--ns--cats"

/* What follows is made in this folder, which is made if need be; copied. */
void tree_begin(const char *root);
/* The path of `name` in it; valid until eight calls later. */
const char *tree_path(const char *name);
/* Each makes the folders that it lies in. Checks that fail end the test. */
void tree_folder(const char *name);
void tree_file(const char *name, const char *text);
void tree_link(const char *name, const char *target);
/* There, links not followed. */
bool tree_has(const char *name);
/* Everything below the folder goes. */
void tree_clear(void);

/* REPO_A: at COMMIT_A ("main", "refs/pr/1") model.safetensors and config.json, at COMMIT_B only the
 * same config.json; a file that is known not to exist in each. REPO_B: vocab.txt, three folders
 * deep. REPO_C: data.bin, whose etag is no hash. */
void tree_standard(void);

#endif
