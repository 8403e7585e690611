/* The work of `jimm download`: several threads, and lines on the terminal that say how far they
 * are. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "download.h"
#include "progress.h"

/* One sweep over the list. */
typedef struct download_sweep {
  download_list *list;
  const download_values *values;
  void (*work)(struct download_sweep *sweep, download_item *item);
  pthread_mutex_t mutex; /* of what follows, and of the items' progress */
  size_t next, finished;
  bool progress;
  cli_rate rate;
} download_sweep;

/* What a progress callback gets. */
typedef struct download_job {
  download_sweep *sweep;
  download_item *item;
} download_job;

static jimm_hub_options options_of(const download_values *values, const download_item *item) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  options.repo_type = item->repo_type;
  options.revision = item->revision;
  options.cache = values->cache;
  options.offline = values->offline;
  options.force = values->force;
  return options;
}

/* Notes the library's last message, which names the item or is preceded by it. */
static void fail_item(download_item *item, jimm_status status) {
  item->status = status;
  item->message = strdup(jimm_error_message());
  if (status != JIMM_ERROR_CANCELLED) {
    cli_fail_library(item->name);
  }
}

/* The same for an earlier message, which it takes over. */
static void fail_item_for(download_item *item, jimm_status status, char *message) {
  item->status = status;
  item->message = message;
  cli_fail("%s: %s", item->name, message);
}

/* ---- threads ---- */

static download_item *take_item(download_sweep *sweep) {
  download_item *item = NULL;
  pthread_mutex_lock(&sweep->mutex);
  while (item == NULL && sweep->next < sweep->list->count && cli_caught_signal() == 0) {
    item = &sweep->list->items[sweep->next++];
    if (item->status != JIMM_OK) {
      sweep->finished++;
      item = NULL;
    }
  }
  pthread_mutex_unlock(&sweep->mutex);
  return item;
}

static void *work(void *context) {
  download_sweep *sweep = context;
  for (download_item *item = take_item(sweep); item != NULL; item = take_item(sweep)) {
    sweep->work(sweep, item);
    pthread_mutex_lock(&sweep->mutex);
    sweep->finished++;
    pthread_mutex_unlock(&sweep->mutex);
  }
  return NULL;
}

/* The caller is one of the threads: without others the work is done all the same. */
static void sweep_list(download_list *list, const download_values *values,
                       void (*one)(download_sweep *sweep, download_item *item), bool progress) {
  enum { THREADS = 16 };
  pthread_t threads[THREADS];
  size_t count = 0;
  const size_t wanted = (size_t)values->jobs < list->count ? (size_t)values->jobs : list->count;
  download_sweep sweep = {.list = list, .values = values, .work = one, .progress = progress};
  pthread_mutex_init(&sweep.mutex, NULL);
  while (count + 1 < wanted && count < THREADS &&
         pthread_create(&threads[count], NULL, work, &sweep) == 0) {
    count++;
  }
  work(&sweep);
  while (count > 0) {
    pthread_join(threads[--count], NULL);
  }
  pthread_mutex_destroy(&sweep.mutex);
}

/* ---- asking ---- */

/* Adds what the hub says of one file. */
static jimm_status ask_file(const download_values *values, download_item *item, const char *file) {
  const jimm_hub_options options = options_of(values, item);
  jimm_hub_info info = JIMM_HUB_INFO_INIT;
  const jimm_status status = jimm_hub_ask(item->repo, file, &options, &info);
  if (status == JIMM_OK) {
    memcpy(item->commit, info.commit, sizeof item->commit);
    item->cached = item->cached && info.cached;
    item->bytes = item->bytes < 0 || info.bytes < 0 ? -1 : item->bytes + info.bytes;
    item->missing += info.cached || info.bytes < 0 ? 0 : info.bytes;
  }
  return status;
}

static bool is_absent(jimm_status status) {
  return status == JIMM_ERROR_ENTRY_NOT_FOUND || status == JIMM_ERROR_NOT_CACHED;
}

/* Of the weights' names the first that the repository has. For the second a hub that could not be
 * reached is not waited for again. *reason is then the message of the first. */
static jimm_status ask_weights(const download_values *values, download_item *item, char **reason) {
  const jimm_status first = ask_file(values, item, "model.safetensors");
  if (!is_absent(first)) {
    return first;
  }
  *reason = strdup(jimm_error_message());
  if (first == JIMM_ERROR_NOT_CACHED && values->force) {
    return first;
  }
  download_values second = *values;
  second.offline = second.offline || first == JIMM_ERROR_NOT_CACHED;
  const jimm_status status = ask_file(&second, item, "pytorch_model.bin");
  if (is_absent(status)) {
    return first;
  }
  free(*reason);
  *reason = NULL;
  return status;
}

/* The same files that jimm_hub_locate takes. */
static void ask_item(download_sweep *sweep, download_item *item) {
  jimm_status status = JIMM_OK;
  char *reason = NULL;
  item->bytes = 0;
  item->cached = true;
  if (item->is_file) {
    status = ask_file(sweep->values, item, item->name);
  } else if (item->repo != NULL) {
    status = item->has_config ? ask_file(sweep->values, item, "config.json") : JIMM_OK;
    if (status == JIMM_OK) {
      status = ask_weights(sweep->values, item, &reason);
    }
  }
  const bool by_url = item->repo == NULL ||
                      (item->has_url && (is_absent(status) || status == JIMM_ERROR_REPO_NOT_FOUND));
  if (by_url) {
    item->bytes = -1;
    item->cached = false;
  } else if (status != JIMM_OK && reason != NULL) {
    fail_item_for(item, status, reason);
    reason = NULL;
  } else if (status != JIMM_OK) {
    fail_item(item, status);
  }
  free(reason);
}

void download_ask(download_list *list, const download_values *values) {
  sweep_list(list, values, ask_item, false);
}

/* ---- progress ---- */

/* A line for each item that is downloaded, and one for all; the mutex is held. */
static void draw(download_sweep *sweep) {
  char lines[CLI_PROGRESS_LINES][CLI_PROGRESS_LINE];
  const char *texts[CLI_PROGRESS_LINES];
  int64_t bytes = 0, total = 0;
  int count = 0;
  for (size_t i = 0; i < sweep->list->count; i++) {
    const download_item *item = &sweep->list->items[i];
    const bool waits = item->active && item->waits_for[0] != 0;
    const int64_t done = item->before + item->done;
    int64_t all = item->bytes >= 0 ? item->missing : item->total;
    all = all >= 0 && all < done ? done : all;
    bytes += done;
    total = total < 0 || all < 0 ? -1 : total + all;
    if (!item->active || count == CLI_PROGRESS_LINES - 1) {
      continue;
    }
    if (waits) {
      snprintf(lines[count], CLI_PROGRESS_LINE, "waiting for another process  %.400s", item->name);
    } else {
      cli_transfer_line(lines[count], item->name, done, all, -1);
    }
    count++;
  }
  cli_rate_add(&sweep->rate, bytes);
  char all[64];
  snprintf(all, sizeof all, "%zu of %zu", sweep->finished, sweep->list->count);
  cli_transfer_line(lines[count++], all, bytes, total, sweep->rate.value);
  for (int i = 0; i < count; i++) {
    texts[i] = lines[i];
  }
  cli_progress_draw(texts, count);
}

static bool on_progress(void *context, const jimm_hub_progress *progress) {
  const download_job *job = context;
  download_item *item = job->item;
  pthread_mutex_lock(&job->sweep->mutex);
  if (strncmp(item->current, progress->name, sizeof item->current - 1) != 0) {
    snprintf(item->current, sizeof item->current, "%s", progress->name);
    item->before += item->done;
  }
  snprintf(item->waits_for, sizeof item->waits_for, "%s",
           progress->waits_for == NULL ? "" : progress->waits_for);
  item->done = progress->bytes;
  item->total = progress->total;
  if (job->sweep->progress && cli_progress_due()) {
    draw(job->sweep);
  }
  pthread_mutex_unlock(&job->sweep->mutex);
  return cli_caught_signal() != 0;
}

/* ---- downloading ---- */

static void set_active(download_sweep *sweep, download_item *item, bool active) {
  pthread_mutex_lock(&sweep->mutex);
  item->active = active;
  pthread_mutex_unlock(&sweep->mutex);
}

static void download_one(download_sweep *sweep, download_item *item) {
  download_job job = {sweep, item};
  jimm_hub_options options = options_of(sweep->values, item);
  options.progress = on_progress;
  options.context = &job;
  set_active(sweep, item, true);
  const jimm_status status =
      item->is_file ? jimm_hub_download(item->repo, item->name, &options, &item->path)
                    : jimm_hub_locate(item->name, &options, &item->path, &item->folder);
  set_active(sweep, item, false);
  if (status != JIMM_OK) {
    fail_item(item, status);
  }
}

void download_run(download_list *list, const download_values *values) {
  cli_catch_signals();
  sweep_list(list, values, download_one, cli_progress_wanted_by_hub());
  cli_progress_clear();
  if (cli_caught_signal() != 0) {
    for (size_t i = 0; i < list->count; i++) { /* those that were not begun */
      download_item *item = &list->items[i];
      item->status =
          item->status == JIMM_OK && item->path == NULL ? JIMM_ERROR_CANCELLED : item->status;
    }
  }
}
