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
  const char *done; /* what becomes of the items: "asked" */
  bool progress;
  cli_rate rate;
} download_sweep;

/* What a progress callback gets. */
typedef struct download_job {
  download_sweep *sweep;
  download_item *item;
} download_job;

/* Notes the library's last message, which names the item or is preceded by it. */
static void fail_item(download_item *item, jimm_status status) {
  item->status = status;
  item->message = strdup(jimm_error_message());
  if (status != JIMM_ERROR_CANCELLED) {
    cli_fail_library(item->name);
  }
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
                       void (*one)(download_sweep *sweep, download_item *item), const char *done,
                       bool progress) {
  enum { THREADS = 16 };
  pthread_t threads[THREADS];
  size_t count = 0;
  const size_t wanted = (size_t)values->jobs < list->count ? (size_t)values->jobs : list->count;
  download_sweep sweep = {
      .list = list, .values = values, .work = one, .done = done, .progress = progress};
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

/* ---- progress ---- */

/* A line for each item that is downloaded, and one for all; the mutex is held. */
static void draw(download_sweep *sweep) {
  char lines[CLI_PROGRESS_LINES][CLI_PROGRESS_LINE];
  const char *texts[CLI_PROGRESS_LINES];
  int64_t bytes = 0, total = 0;
  int count = 0;
  for (size_t i = 0; i < sweep->list->count; i++) {
    const download_item *item = &sweep->list->items[i];
    jimm_hub_progress shown = item->now;
    shown.name = item->name;
    shown.bytes += item->before;
    shown.total = item->info.missing >= 0 ? item->info.missing : shown.total;
    shown.total = shown.total >= 0 && shown.total < shown.bytes ? shown.bytes : shown.total;
    bytes += shown.bytes;
    total = total < 0 || shown.total < 0 ? -1 : total + shown.total;
    if (item->active && count < CLI_PROGRESS_LINES - 1) {
      cli_hub_line(lines[count++], &shown, -1);
    }
  }
  cli_rate_add(&sweep->rate, bytes);
  char all[64];
  snprintf(all, sizeof all, "%zu of %zu %s", sweep->finished, sweep->list->count, sweep->done);
  if (bytes > 0 || total > 0) {
    cli_transfer_line(lines[count++], all, bytes, total, sweep->rate.value);
  } else if (sweep->list->count > 1) {
    snprintf(lines[count++], CLI_PROGRESS_LINE, "%s", all);
  }
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
    item->before += item->now.bytes;
  }
  item->now = *progress;
  item->now.name = item->current;
  item->now.waits_for = progress->waits_for == NULL ? NULL : ""; /* the text is the library's */
  if (job->sweep->progress && cli_progress_due()) {
    draw(job->sweep);
  }
  pthread_mutex_unlock(&job->sweep->mutex);
  return cli_caught_signal() != 0;
}

/* ---- asking ---- */

static jimm_hub_options options_of(download_job *job) {
  const download_values *values = job->sweep->values;
  const download_item *item = job->item;
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  options.progress = on_progress;
  options.context = job;
  options.repo_type = item->repo_type;
  options.revision = item->revision;
  options.cache = values->cache;
  options.offline = values->offline;
  options.force = values->force;
  return options;
}

static void begin_item(download_sweep *sweep, download_item *item) {
  pthread_mutex_lock(&sweep->mutex);
  item->active = true;
  item->now = (jimm_hub_progress){.total = -1};
  pthread_mutex_unlock(&sweep->mutex);
}

/* `info`, unless NULL, is what the hub says of it. */
static void end_item(download_sweep *sweep, download_item *item, const jimm_hub_info *info,
                     jimm_status status) {
  pthread_mutex_lock(&sweep->mutex);
  item->active = false;
  if (info != NULL) {
    item->info = *info;
    item->info.missing = status == JIMM_OK ? info->missing : 0; /* nothing will come */
  }
  pthread_mutex_unlock(&sweep->mutex);
  if (status != JIMM_OK) {
    fail_item(item, status);
  }
}

static void ask_item(download_sweep *sweep, download_item *item) {
  download_job job = {sweep, item};
  const jimm_hub_options options = options_of(&job);
  jimm_hub_info info = JIMM_HUB_INFO_INIT;
  begin_item(sweep, item);
  const jimm_status status = item->repo != NULL
                                 ? jimm_hub_ask(item->repo, item->name, &options, &info)
                                 : jimm_hub_ask_model(item->name, &options, &info);
  end_item(sweep, item, &info, status);
}

void download_ask(download_list *list, const download_values *values) {
  sweep_list(list, values, ask_item, "asked", cli_progress_wanted_by_hub());
  cli_progress_clear();
}

/* ---- downloading ---- */

static void download_one(download_sweep *sweep, download_item *item) {
  download_job job = {sweep, item};
  const jimm_hub_options options = options_of(&job);
  begin_item(sweep, item);
  const jimm_status status =
      item->repo != NULL ? jimm_hub_download(item->repo, item->name, &options, &item->path)
                         : jimm_hub_locate(item->name, &options, &item->path, &item->folder);
  end_item(sweep, item, NULL, status);
}

void download_run(download_list *list, const download_values *values) {
  cli_catch_signals();
  sweep_list(list, values, download_one, "downloaded", cli_progress_wanted_by_hub());
  cli_progress_clear();
  if (cli_caught_signal() != 0) {
    for (size_t i = 0; i < list->count; i++) { /* those that were not begun */
      download_item *item = &list->items[i];
      item->status =
          item->status == JIMM_OK && item->path == NULL ? JIMM_ERROR_CANCELLED : item->status;
    }
  }
}
