/* What `jimm download` is asked for, and what becomes of it. */
#ifndef JIMM_CLI_DOWNLOAD_H
#define JIMM_CLI_DOWNLOAD_H

#include "cli.h"

typedef struct download_values {
  const char *repo, *revision, *family, *cache;
  bool all, dry_run, force, offline, json;
  int64_t jobs;
} download_values;

/* A model, or a file of --repo. */
typedef struct download_item {
  char *name;     /* as it was asked for: a model, or a file */
  char *repo;     /* where it is; NULL: the tag has an url only, or it is not known */
  char *revision; /* NULL: the default */
  int32_t repo_type;
  bool is_file;    /* of --repo */
  bool has_config; /* "hf://...": config.json comes along */
  bool has_url;    /* where the repository has no weights, they come from the tag's url */

  /* what the hub says of it */
  char commit[41];
  int64_t bytes;   /* of all its files; -1: not known */
  int64_t missing; /* of those that are not in the cache; 0 when not known */
  bool cached;

  /* what has become of it */
  jimm_status status;
  char *message; /* of the failure; NULL */
  char *path;    /* of the file or the weights; NULL as yet */
  char *folder;  /* of "hf://..." */

  /* how far it is, while it is downloaded */
  bool active;
  char current[256]; /* the file that is downloaded */
  char waits_for[256];
  int64_t before; /* bytes of its files that were downloaded before that */
  int64_t done, total;
} download_item;

typedef struct download_list {
  download_item *items;
  size_t count, capacity;
} download_list;

/* Asks the hub about every item, several at once: sizes, and what is cached. Failures are noted in
 * the items, after a message. */
void download_ask(download_list *list, const download_values *values);
/* Downloads every item that has not failed, likewise, with progress on a terminal. A signal that
 * ends the program makes it stop; cli_caught_signal says which. */
void download_run(download_list *list, const download_values *values);

#endif
