/* jimm: weights folders: timm's config.json and weights. */
#ifndef JIMM_FOLDER_H
#define JIMM_FOLDER_H

#include <stdint.h>

#include <jimm/model_options.h>
#include <jimm/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a folder's config.json says. */
typedef struct jimm_folder jimm_folder;

/* Reads DIR/config.json: architecture, num_classes, pretrained_cfg (preprocessing), label_names,
 * label_descriptions. The weights are DIR/model.safetensors or, when there is none, the first that
 * is there of pytorch_model.bin, pytorch_model.pth, model.pth, open_clip_model.safetensors and
 * open_clip_pytorch_model.safetensors, .bin, .pth, as in timm. */
JIMM_API jimm_status jimm_folder_open(const char *path, jimm_folder **folder);
JIMM_API void jimm_folder_close(jimm_folder **folder);
JIMM_API const jimm_model_name *jimm_folder_model(const jimm_folder *folder);
/* The variant that the folder describes: its own preprocessing and class count, not the registry's.
 */
JIMM_API const jimm_variant *jimm_folder_variant(const jimm_folder *folder);
JIMM_API const jimm_model_options *jimm_folder_options(const jimm_folder *folder);
JIMM_API const char *jimm_folder_weights(const jimm_folder *folder); /* path of the weights */
/* The class's name; NULL when the folder has none for that index. */
JIMM_API const char *jimm_folder_label(const jimm_folder *folder, int64_t index);
/* What label_descriptions says about that name, e.g. "tench, Tinca tinca" for a synset; or NULL. */
JIMM_API const char *jimm_folder_description(const jimm_folder *folder, int64_t index);
JIMM_API int64_t jimm_folder_label_count(const jimm_folder *folder);

#ifdef __cplusplus
}
#endif
#endif
