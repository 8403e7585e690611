/* jimm: weights by name: files of the Hugging Face Hub, in the cache that its Python client uses.
 *
 * libjimm-hub is a library of its own, so that the core needs no network. It loads libcurl when the
 * first request is made: files that the cache answers for need none.
 *
 * What is on disk and on the wire is what huggingface_hub 1 and 2 read and write: a file that
 * either downloads is a hit for the other, and both may run at once. Nothing that a server says can
 * make jimm write outside the cache, follow a redirect to a plainer protocol, or show the token to
 * another host; what it sends is verified before it gets its name.
 *
 * Environment, read at every call: HF_ENDPOINT, HF_HOME (else $XDG_CACHE_HOME/huggingface, else
 * ~/.cache/huggingface), HF_HUB_CACHE (else HUGGINGFACE_HUB_CACHE, else $HF_HOME/hub), HF_TOKEN
 * (else HUGGING_FACE_HUB_TOKEN, else the file HF_TOKEN_PATH, else $HF_HOME/token; none of them
 * under HF_HUB_DISABLE_IMPLICIT_TOKEN), HF_HUB_OFFLINE (else TRANSFORMERS_OFFLINE),
 * HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT (seconds, 10 each), HF_HUB_DISABLE_SYMLINKS;
 * JIMM_HUB_RETRY_SECONDS: the first wait before a failed request is made again (1; later ones are
 * 2, 4 and 8 times as long). Not to be changed while another thread is in a call.
 *
 * Thread contract: all functions may be called from several threads at once; two that want the same
 * file wait for each other as two processes do.
 */
#ifndef JIMM_HUB_H
#define JIMM_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum jimm_repo_type {
  JIMM_REPO_MODEL = 0,
  JIMM_REPO_DATASET = 1,
  JIMM_REPO_SPACE = 2
} jimm_repo_type;

/* How far a download is. */
typedef struct jimm_hub_progress {
  const char *name;      /* what is downloaded: the file's name in its repository, or the url */
  int64_t bytes, total;  /* bytes that are there; of how many, -1 when it is not known */
  const char *waits_for; /* the lock file that another process holds; NULL: nothing */
  double retry_seconds;  /* until a request that has failed is made again; 0: none is */
} jimm_hub_progress;

typedef struct jimm_hub_options {
  size_t size;
  jimm_repo_type repo_type;
  const char *revision; /* branch, tag, "refs/pr/1" or commit; NULL: "main" */
  const char *cache;    /* the cache's folder; NULL: as the environment says */
  const char *endpoint; /* "https://host"; NULL: HF_ENDPOINT, else the public hub */
  const char *token;    /* NULL: as the environment says; "": none */
  bool offline;         /* only what the cache has; also when the environment says so */
  bool force;           /* download again what the cache has */
  /* Called from the downloading thread when something has changed, at most ten times a second and
   * once at the end; returning true cancels (JIMM_ERROR_CANCELLED). May be NULL. */
  bool (*progress)(void *context, const jimm_hub_progress *progress);
  void *context;
} jimm_hub_options;
#define JIMM_HUB_OPTIONS_INIT \
  { sizeof(jimm_hub_options), JIMM_REPO_MODEL, NULL, NULL, NULL, NULL, false, false, NULL, NULL }

/* The path of `filename` of the repository `repo` ("ns/name" or "name"), downloaded into the cache
 * unless it is there (huggingface_hub.hf_hub_download). *path lies in a snapshot folder of the
 * cache, and is the caller's to free with jimm_text_free. A revision that is a commit of 40 digits
 * and is cached takes no request, anything else one HEAD. When the hub can't be reached, what the
 * cache has for that revision is the answer. `options` may be NULL.
 *
 * Errors: INVALID_ARGUMENT (names that could leave the cache, before any request), REPO_NOT_FOUND,
 * REVISION_NOT_FOUND, ENTRY_NOT_FOUND, GATED_REPO, UNAUTHORIZED, NOT_CACHED (offline, or no
 * connection, and not in the cache), NETWORK, INTEGRITY (the bytes are not those that the hub
 * promised, twice), FORMAT (an answer that is no hub's), IO (the disk), CANCELLED. */
JIMM_API jimm_status jimm_hub_download(const char *repo, const char *filename,
                                       const jimm_hub_options *options, char **path);

/* What a download would do. */
typedef struct jimm_hub_info {
  size_t size;
  char repo[200]; /* where the hub is asked for it; "" when there is only an url */
  char commit[41];
  char etag[201];  /* of the file, or a model's weights; "" when the hub did not say */
  int64_t bytes;   /* of all files; -1 when the server does not say */
  int64_t missing; /* of those that are not in the cache; -1 when the server does not say */
  bool cached;     /* no download would be needed */
} jimm_hub_info;
#define JIMM_HUB_INFO_INIT \
  { sizeof(jimm_hub_info), "", "", "", -1, -1, false }

/* Asks what jimm_hub_download would find, and writes nothing (one HEAD, or none as above). */
JIMM_API jimm_status jimm_hub_ask(const char *repo, const char *filename,
                                  const jimm_hub_options *options, jimm_hub_info *info);

/* Downloads `url` (http or https) to the file `path`, which appears whole or not at all. A path
 * that exists is left alone unless options->force. A name like "resnet18-f37072fd.pth" holds the
 * beginning of the SHA-256 (as torch.hub's do): the bytes must fit it. Of `options` (may be NULL)
 * force, offline, progress and context count; the token is never sent. */
JIMM_API jimm_status jimm_hub_fetch(const char *url, const char *path,
                                    const jimm_hub_options *options);

/* ---- models ---- */

/* Where weights by that name are on this machine, downloaded if need be.
 *   "resnet50.a1_in1k", "resnet50", "timm/resnet50.a1_in1k", each with "@revision": registered
 * tags: model.safetensors of the tag's repository, else pytorch_model.bin, else the tag's url (in
 *     torch's cache: $TORCH_HOME, else $XDG_CACHE_HOME/torch, else ~/.cache/torch, below
 *     hub/checkpoints). *weights is the file, *folder NULL.
 *   "hf://ns/name", "hf-hub:ns/name" with "@revision": any repository in timm's format: its
 *     config.json says what it is. *folder is the snapshot folder (jimm_folder_open), *weights the
 *     file in it.
 * Both are freed with jimm_text_free. Either may be NULL: without `weights` only config.json is
 * downloaded, nothing for a registered tag. */
JIMM_API jimm_status jimm_hub_locate(const char *name, const jimm_hub_options *options,
                                     char **weights, char **folder);
/* Asks what jimm_hub_locate would find for `name`, and writes nothing: the sums over its files.
 * What is at an url is not asked about, and so of unknown size, unless it is there. When it fails,
 * info->repo is where it looked. */
JIMM_API jimm_status jimm_hub_ask_model(const char *name, const jimm_hub_options *options,
                                        jimm_hub_info *info);
/* Whether `name` begins with "hf://", "hf-hub:" or "hf_hub:". */
JIMM_API bool jimm_hub_is_named(const char *name);
/* The same, and it is not one of timm's own tags ("hf-hub:timm/resnet50.a1_in1k"): only its
 * config.json says what it is. */
JIMM_API bool jimm_hub_is_repo(const char *name);

typedef struct jimm_open_options {
  size_t size;
  const jimm_model_options *model;     /* NULL: defaults; a folder's own come first */
  const jimm_weights_options *weights; /* NULL: defaults */
  const jimm_hub_options *hub;         /* NULL: defaults */
} jimm_open_options;
#define JIMM_OPEN_OPTIONS_INIT \
  { sizeof(jimm_open_options), NULL, NULL, NULL }

/* A model with its released weights (timm.create_model(name, pretrained=True)): a name as
 * jimm_hub_locate takes it, or the path of a weights folder. *folder, unless NULL, receives what
 * config.json says (preprocessing, labels) for a repository or folder, and NULL for a registered
 * tag, whose variant jimm_model_find gives; close both. `options` may be NULL. */
JIMM_API jimm_status jimm_model_open(const char *name, const jimm_open_options *options,
                                     jimm_model **model, jimm_folder **folder);

/* ---- the cache ---- */

typedef struct jimm_cache jimm_cache;

/* A file of a snapshot. */
typedef struct jimm_cached_file {
  const char *repo; /* "ns/name" */
  jimm_repo_type repo_type;
  const char *commit, *name; /* the snapshot's commit; the file's name in the repository */
  const char *path;          /* of the file in the snapshot */
  const char *blob;          /* of the bytes: what the pointer leads to, or `path` */
  int64_t bytes;             /* -1: the pointer leads nowhere */
  const char *refs;          /* revisions that stand for the commit, separated by spaces; "" */
} jimm_cached_file;

/* What the cache `path` (NULL: as the environment says) holds, sorted by type, repository, commit,
 * name. A folder that does not exist is an empty cache. Damage is no error: files that do not
 * belong there are left out. */
JIMM_API jimm_status jimm_cache_open(const char *path, jimm_cache **cache);
JIMM_API void jimm_cache_close(jimm_cache **cache);
JIMM_API const char *jimm_cache_path(const jimm_cache *cache);
JIMM_API int64_t jimm_cache_count(const jimm_cache *cache);
JIMM_API const jimm_cached_file *jimm_cache_file(const jimm_cache *cache, int64_t index);

/* Reads the file's bytes and compares them with its blob's name, which is their SHA-256 or git's
 * SHA-1: INTEGRITY when they differ or the pointer leads nowhere, UNSUPPORTED when the name is
 * neither. `progress` (may be NULL) as in jimm_hub_options. */
JIMM_API jimm_status jimm_cache_verify(const jimm_cached_file *file,
                                       bool (*progress)(void *context,
                                                        const jimm_hub_progress *progress),
                                       void *context);

/* Removes the files `files` of the cache: pointers, then blobs that no pointer leads to any more,
 * then folders and refs that stand for nothing. *freed (may be NULL) is the sum of the blobs'
 * bytes. Downloads that run at the same time are waited for: `progress` (may be NULL) is told so,
 * with the repository's name, and may cancel; what is removed by then stays removed. */
JIMM_API jimm_status jimm_cache_remove(const jimm_cache *cache,
                                       const jimm_cached_file *const *files, int64_t count,
                                       bool (*progress)(void *context,
                                                        const jimm_hub_progress *progress),
                                       void *context, int64_t *freed);

#ifdef __cplusplus
}
#endif
#endif
