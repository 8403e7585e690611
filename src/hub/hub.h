/* What the files of the hub share: one call's settings, the cache's tree, locks, hashes. */
#ifndef JIMM_HUB_HUB_H
#define JIMM_HUB_HUB_H

#include <jimm/hub.h>

#include "base/alloc.h"
#include "net/http.h"

/* ---- progress.c ---- */

/* What the caller's callback is told: `now`, kept up to date by who works. */
typedef struct jimm_hub_teller {
  bool (*tell)(void *context, const jimm_hub_progress *progress); /* NULL: nobody listens */
  void *context;
  jimm_hub_progress now;
  double told;    /* when it was told last; 0: never */
  bool cancelled; /* it wants no more */
} jimm_hub_teller;
/* Tells, if it is time (`always`: in any case). False when it wants no more. */
bool jimm_hub_tell(jimm_hub_teller *teller, bool always);
/* Waits, telling. False when it wants no more. */
bool jimm_hub_wait(jimm_hub_teller *teller, double seconds);
/* The same before a request is made again, which is told. */
bool jimm_hub_wait_to_retry(jimm_hub_teller *teller, double seconds);
/* CANCELLED, with what was. */
jimm_status jimm_hub_cancelled(const char *what);

/* ---- settings.c: what the options and the environment say, for one call ---- */

typedef struct jimm_hub_call {
  jimm_arena arena; /* holds every text below */
  jimm_hub_options options;
  const char *cache;    /* absolute, without a slash at its end */
  const char *endpoint; /* "https://host", without a slash at its end; NULL until it is needed */
  const char *token;    /* NULL: none, or not needed yet */
  bool offline;
  bool asks;               /* jimm_hub_ask: nothing is written */
  bool no_symlinks;        /* HF_HUB_DISABLE_SYMLINKS */
  double etag_seconds;     /* for a HEAD in all */
  double download_seconds; /* without data */
  double retry_seconds;    /* the first wait before the hub is asked again */
  jimm_http *http;         /* NULL until the first request */
  jimm_hub_teller teller;
} jimm_hub_call;

/* Resolves `options` (may be NULL). Ended in any case by jimm_hub_call_end. */
jimm_status jimm_hub_call_begin(jimm_hub_call *call, const jimm_hub_options *options);
void jimm_hub_call_end(jimm_hub_call *call);
/* The cache's folder for an option (may be NULL) and the environment, in `arena`. */
jimm_status jimm_hub_cache_folder(const char *option, jimm_arena *arena, const char **path);
/* torch's cache of downloads: "$TORCH_HOME/hub/checkpoints". */
jimm_status jimm_hub_torch_folder(jimm_arena *arena, const char **path);
/* Finds endpoint and token, which what the cache answers alone does without. */
jimm_status jimm_hub_address(jimm_hub_call *call);
/* The connection, opened when it is needed first. */
jimm_status jimm_hub_connect(jimm_hub_call *call);

/* ---- names.c: what may become a part of a path or a url ---- */

/* INVALID_ARGUMENT, and what is wrong with it. */
jimm_status jimm_hub_check_repo(const char *repo);
jimm_status jimm_hub_check_filename(const char *filename);
jimm_status jimm_hub_check_revision(const char *revision);
bool jimm_hub_is_commit(const char *revision); /* 40 hexadecimal digits, small letters */
bool jimm_hub_is_etag(const char *etag);       /* fit to be a file's name */
/* "models--ns--name", in `arena`; NULL: out of memory. */
char *jimm_hub_repo_folder(jimm_arena *arena, jimm_repo_type repo_type, const char *repo);
/* "{endpoint}/{prefix}{repo}/resolve/{revision}/{file}". */
char *jimm_hub_url(const jimm_hub_call *call, jimm_arena *arena, const char *repo,
                   const char *revision, const char *filename);

/* ---- tree.c: the cache's tree ---- */

/* A file of a repository, as the cache sees it. Paths are absolute, in the call's arena. */
typedef struct jimm_hub_file {
  const char *repo, *filename, *revision;
  const char *url;     /* of the resolve endpoint; NULL until the hub is asked */
  const char *storage; /* CACHE/models--ns--name */
  const char *folder;  /* models--ns--name */
} jimm_hub_file;

bool jimm_hub_exists(const char *path); /* links followed: a dangling pointer does not exist */
/* Makes the folders that `path` lies in: mode 0777 less the umask. */
jimm_status jimm_hub_make_parents(const char *path);
/* storage/snapshots/COMMIT/FILENAME */
char *jimm_hub_pointer(jimm_hub_call *call, const jimm_hub_file *file, const char *commit);
/* The commit that the cache has for the file's revision; NULL when it has none. */
jimm_status jimm_hub_cached_commit(jimm_hub_call *call, const jimm_hub_file *file,
                                   const char **commit);
/* The file's path in the cache; NULL when it is not there. */
jimm_status jimm_hub_cached(jimm_hub_call *call, const jimm_hub_file *file, const char **path);
/* refs/REVISION, when the revision is not the commit. */
jimm_status jimm_hub_write_ref(jimm_hub_call *call, const jimm_hub_file *file, const char *commit);
/* CACHEDIR.TAG; that it cannot be written is no error. */
jimm_status jimm_hub_write_tag(jimm_hub_call *call);
/* .no_exist/COMMIT/FILENAME; that it cannot be written is no error. */
jimm_status jimm_hub_write_no_exist(jimm_hub_call *call, const jimm_hub_file *file,
                                    const char *commit);
/* Makes the pointer lead to the blob, or where links are not to be had gives it the bytes:
 * `fresh` blobs, to which nothing leads yet, are moved, others copied. What was in the pointer's
 * place is replaced. */
jimm_status jimm_hub_link(const jimm_hub_call *call, const char *blob, const char *pointer,
                          bool fresh);

/* ---- lock.c ---- */

typedef struct jimm_hub_lock {
  int descriptor; /* -1: none */
} jimm_hub_lock;
/* Takes the lock file `path` (made if need be) as the Python client does, and waits for it,
 * telling. On a file system without locks it goes on without. */
jimm_status jimm_hub_lock_take(jimm_hub_teller *teller, const char *path, jimm_hub_lock *lock);
void jimm_hub_lock_give(jimm_hub_lock *lock);
/* CACHE/.locks/FOLDER/ETAG.lock in the arena. */
char *jimm_hub_lock_path(jimm_arena *arena, const char *cache, const char *folder,
                         const char *etag);

/* ---- hash.c ---- */

/* What an etag says of a file's bytes. */
typedef enum jimm_hash_type {
  JIMM_HASH_NONE, /* nothing */
  JIMM_HASH_GIT,  /* SHA-1 of "blob SIZE", a zero byte, and the bytes */
  JIMM_HASH_SHA256
} jimm_hash_type;
jimm_hash_type jimm_hash_of_etag(const char *etag);

typedef struct jimm_hash {
  jimm_hash_type type;
  void *context;
} jimm_hash;
#define JIMM_HASH_TEXT 65 /* bytes of a hash in hexadecimal, with the zero byte */
/* Begins; `size` is the file's, for JIMM_HASH_GIT. A hash that was begun begins again. */
jimm_status jimm_hash_begin(jimm_hash *hash, jimm_hash_type type, int64_t size);
bool jimm_hash_add(jimm_hash *hash, const void *data, size_t size);
/* The hash in hexadecimal; "" for JIMM_HASH_NONE. */
bool jimm_hash_end(jimm_hash *hash, char text[JIMM_HASH_TEXT]);
void jimm_hash_close(jimm_hash *hash);

/* ---- redirect.c ---- */

#define JIMM_HUB_REDIRECTS_MOST 20
bool jimm_hub_is_redirect(int status);
/* Where the answer at `url` leads with `location`: *next, from jimm_alloc. NETWORK when that is
 * from https to http. `what` begins the messages. */
jimm_status jimm_hub_follow(const char *what, const char *url, const char *location, char **next);
/* More than JIMM_HUB_REDIRECTS_MOST of them. */
jimm_status jimm_hub_too_many_redirects(const char *what);

/* ---- metadata.c: what the hub says of a file ---- */

#define JIMM_HUB_SIZE_LARGEST INT64_C(1125899906842624) /* of a file: a pebibyte */

typedef struct jimm_hub_metadata {
  const char *commit, *etag; /* checked: fit for paths */
  const char *location;      /* where the bytes are */
  int64_t size;              /* -1: not said */
} jimm_hub_metadata;

/* What else is known of a HEAD that failed. */
typedef struct jimm_hub_trouble {
  bool transient;     /* another time may go better */
  bool stale_ok;      /* what the cache has may be the answer */
  const char *commit; /* of ENTRY_NOT_FOUND: the revision's; NULL: not said */
  double wait;        /* seconds of Retry-After; -1: none */
} jimm_hub_trouble;
/* One HEAD and the redirects that stay at the hub. */
jimm_status jimm_hub_head(jimm_hub_call *call, const jimm_hub_file *file,
                          jimm_hub_metadata *metadata, jimm_hub_trouble *trouble);
/* Judges one answer to a HEAD of `url`. *next, from jimm_alloc: the url that is to be asked
 * instead; NULL: the metadata are complete. */
jimm_status jimm_hub_read_answer(jimm_hub_call *call, const jimm_hub_file *file, const char *url,
                                 const jimm_http_response *response, jimm_hub_metadata *metadata,
                                 jimm_hub_trouble *trouble, char **next);
/* The error of an answer that is none of 200, 206 and 30x. `what` begins the message. */
jimm_status jimm_hub_status_error(const jimm_http_response *response, const char *what,
                                  const char *revision, bool has_token);
bool jimm_hub_status_is_passing(int status);
/* Seconds of Retry-After, at most 300; -1 when there are none. */
double jimm_hub_retry_after(const jimm_http_response *response);

/* ---- transfer.c: bytes from a url into a file, whole and verified ---- */

typedef struct jimm_hub_transfer {
  const char *name;    /* for progress and messages */
  const char *url;     /* where to begin */
  const char *trusted; /* the token goes to this origin alone; NULL: nowhere */
  const char *etag;    /* what the bytes must be; NULL: unknown */
  const char *prefix;  /* or: what their SHA-256 begins with; NULL: unknown */
  int64_t size;        /* -1: unknown */
  int descriptor;      /* of an empty file */
  const char *path;    /* of that file, for messages */
  /* Asks anew where the bytes are, when `url` has expired: a new url in *url, or an error;
   * *passing: another time may go better, after *wait seconds (-1: not said). NULL: there is nobody
   * to ask. */
  jimm_status (*renew)(void *context, const char **url, bool *passing, double *wait);
  void *context;
} jimm_hub_transfer;
jimm_status jimm_hub_transfer_run(jimm_hub_call *call, const jimm_hub_transfer *transfer);

/* ---- download.c ---- */

jimm_status jimm_hub_file_begin(jimm_hub_call *call, const char *repo, const char *filename,
                                jimm_hub_file *file);

/* ---- fetch.c ---- */

/* What jimm_hub_fetch to that path would do: bytes, missing and cached of *info. */
jimm_status jimm_hub_ask_fetch(const char *path, const jimm_hub_options *options,
                               jimm_hub_info *info);

#endif
