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
  char *name;           /* as it was asked for: a model, or a file */
  const char *repo;     /* of a file of --repo; NULL: it is a model */
  const char *revision; /* of a file; NULL: the default */
  jimm_repo_type repo_type;
  jimm_hub_info info; /* what the hub says of it */

  /* what has become of it */
  jimm_status status;
  char *message; /* of the failure; NULL */
  char *path;    /* of the file or the weights; NULL as yet */
  char *folder;  /* of "hf://..." */

  /* how far it is, while it is downloaded */
  bool active;
  jimm_hub_progress now;
  char current[256]; /* now.name */
  int64_t before;    /* bytes of its files that were downloaded before that */
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
