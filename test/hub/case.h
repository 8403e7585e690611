/* What tests of the hub's client need around the server: a place of its own for each case, the tree
 * of files that is there as a text, and clients in processes of their own. */
#ifndef TEST_HUB_CASE_H
#define TEST_HUB_CASE_H

#include <jimm/hub.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HUB_COMMIT "0123456789abcdef0123456789abcdef01234567"
#define HUB_COMMIT_2 "89abcdef0123456789abcdef0123456789abcdef"
#define HUB_TOKEN "hf_test_token"
#define HUB_REPO "cache/models--ns--name" /* in the place: what is there of ns/name */

/* Makes the folder NAME with home/, tmp/ and work/ in it, which becomes the working folder, and
 * sets the environment: the tests' server, the cache NAME/cache (not made), no token, short waits.
 * The path is valid until the program ends. */
const char *hub_place(const char *name);
/* The server gets an LFS file "a.bin" of HUB_LARGE_SIZE bytes of hub_bytes and a git file "a.txt",
 * "hello", in the repository ns/name; `secure`: the first is led to by https. */
#define HUB_LARGE_SIZE 300000
#define HUB_LARGE_SEED 11
void hub_publish_pair(bool secure);
/* A place as above and a server that forgets, and has these two. */
const char *hub_begin(const char *name);
/* The path of `name` in the place that was made last; valid until eight calls later. */
const char *hub_path(const char *name);

/* The files below a folder, sorted, one a line: mode, path, and what it is:
 *   drwxr-xr-x cache
 *   -rw-r--r-- cache/refs/main "0123..."       up to 64 printable characters
 *   -rw-r--r-- cache/blobs/ce01... 6 ce01...   else its size and git's name of the bytes
 *   l cache/a -> ../b
 * The caller frees. A folder that is not there is "". */
char *hub_tree(const char *folder);
/* As hub_tree, with what is common in a cache's tree written short in `want`: lines whose mode is
 * "d" or "-" have the mode that the umask leaves of 0777 or 0666, "t" is the tag file, "k" a lock
 * file. Checks that the trees are equal. */
void hub_check_tree(const char *folder, mode_t mask, const char *want);
bool hub_file_equals(const char *path, const void *bytes, size_t size);
void hub_write_file(const char *path, const void *bytes, size_t size);
/* How many names below `folder` end in `ending`. */
int hub_count_files(const char *folder, const char *ending);
/* There is no file in HUB_REPO, not even a part of one. */
void hub_check_nothing_left(void);

/* Every request whose target begins with `prefix` came to `port` with that Authorization ("":
 * none); there is one. */
void hub_check_authorization(const char *prefix, int64_t port, const char *want);

/* ---- clients in processes of their own ---- */

typedef struct hub_outcome {
  int status; /* jimm_status; -1: the process was ended */
  int signal;
  double seconds;
  char path[1024];    /* of the file */
  char message[4096]; /* "" for JIMM_OK */
} hub_outcome;

typedef struct hub_job {
  const char *repo, *filename;
  const jimm_hub_options *options; /* NULL: defaults */
  void (*prepare)(void *context);  /* in the child, before; may be NULL */
  void (*work)(void *context);     /* in the child, in place of the download; may be NULL */
  void *context;
  pid_t child; /* 0: none */
  int pipe;
  double started;
} hub_job;

void hub_job_start(hub_job *job);
/* Whether it has ended. */
bool hub_job_done(const hub_job *job);
/* Waits for its end; after `limit` seconds it is killed. */
hub_outcome hub_job_wait(hub_job *job, double limit);
double hub_clock(void); /* seconds */
/* Whether that becomes true within `seconds`. */
bool hub_until(bool (*is)(void *context), void *context, double seconds);
/* jimm_hub_download in this process; the path, "" on failure, is valid until the next call. */
jimm_status hub_download(const char *repo, const char *filename, const jimm_hub_options *options,
                         const char **path);

#endif
