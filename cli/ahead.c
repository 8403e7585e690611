/* The bounded queue between the decoders and the plan. */
#include "ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 16, DECODERS_MAX = 8 };

typedef struct ahead_slot {
  const char *path;
  jimm_tensor input; /* made once, reused */
  jimm_status status;
  char *message;
  bool ready;
} ahead_slot;

/* Slots are used in turn; the counters only grow: dropped <= begun <= put <= dropped + ROOM. `lock`
 * guards begun, put, closing and every `ready`. */
struct cli_ahead {
  const jimm_data_config *data;
  pthread_mutex_t lock;
  pthread_cond_t work, done;
  pthread_t threads[DECODERS_MAX];
  int started;
  uint64_t dropped, begun, put;
  bool closing;
  ahead_slot slots[ROOM];
};

static void decode(const cli_ahead *ahead, ahead_slot *slot) {
  jimm_image image = {0, 0, NULL};
  slot->status = JIMM_OK;
  if (slot->input.data == NULL) {
    jimm_shape shape = {4, {1, 3, ahead->data->height, ahead->data->width}};
    slot->status = jimm_tensor_create(JIMM_F32, &shape, &slot->input);
  }
  if (slot->status == JIMM_OK) {
    slot->status = cli_image_read(slot->path, &image);
  }
  if (slot->status == JIMM_OK) {
    slot->status = jimm_image_preprocess(&image, ahead->data, &slot->input);
  }
  jimm_image_close(&image);
  slot->message = slot->status == JIMM_OK ? NULL : strdup(jimm_error_message());
}

/* Decodes the oldest image that nobody has begun. Called and left with the lock held. */
static void decode_next(cli_ahead *ahead) {
  ahead_slot *slot = &ahead->slots[ahead->begun++ % ROOM];
  pthread_mutex_unlock(&ahead->lock);
  decode(ahead, slot);
  pthread_mutex_lock(&ahead->lock);
  slot->ready = true;
  pthread_cond_signal(&ahead->done);
}

static void *decoder(void *argument) {
  cli_ahead *ahead = argument;
  pthread_mutex_lock(&ahead->lock);
  while (!ahead->closing) {
    if (ahead->begun < ahead->put) {
      decode_next(ahead);
    } else {
      pthread_cond_wait(&ahead->work, &ahead->lock);
    }
  }
  pthread_mutex_unlock(&ahead->lock);
  return NULL;
}

cli_ahead *cli_ahead_open(const jimm_data_config *data, int decoders) {
  cli_ahead *ahead = calloc(1, sizeof *ahead);
  if (ahead == NULL) {
    return NULL;
  }
  ahead->data = data;
  pthread_mutex_init(&ahead->lock, NULL);
  pthread_cond_init(&ahead->work, NULL);
  pthread_cond_init(&ahead->done, NULL);
  sigset_t all, before; /* signals stay with the first thread */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (ahead->started < decoders && ahead->started < DECODERS_MAX &&
         pthread_create(&ahead->threads[ahead->started], NULL, decoder, ahead) == 0) {
    ahead->started++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return ahead;
}

void cli_ahead_close(cli_ahead **ahead_) {
  cli_ahead *ahead = *ahead_;
  *ahead_ = NULL;
  if (ahead == NULL) {
    return;
  }
  pthread_mutex_lock(&ahead->lock);
  ahead->closing = true;
  pthread_cond_broadcast(&ahead->work);
  pthread_mutex_unlock(&ahead->lock);
  for (int i = 0; i < ahead->started; i++) {
    pthread_join(ahead->threads[i], NULL);
  }
  for (int i = 0; i < ROOM; i++) {
    free(ahead->slots[i].message);
    jimm_tensor_close(&ahead->slots[i].input);
  }
  pthread_cond_destroy(&ahead->done);
  pthread_cond_destroy(&ahead->work);
  pthread_mutex_destroy(&ahead->lock);
  free(ahead);
}

/* `put` and `dropped` are written by the caller's thread only, which may read them without lock. */
bool cli_ahead_full(const cli_ahead *ahead) {
  return ahead->put - ahead->dropped == ROOM;
}

bool cli_ahead_empty(const cli_ahead *ahead) {
  return ahead->put == ahead->dropped;
}

void cli_ahead_put(cli_ahead *ahead, const char *path) {
  pthread_mutex_lock(&ahead->lock);
  ahead->slots[ahead->put++ % ROOM].path = path;
  pthread_cond_signal(&ahead->work);
  pthread_mutex_unlock(&ahead->lock);
}

cli_ready cli_ahead_take(cli_ahead *ahead) {
  ahead_slot *slot = &ahead->slots[ahead->dropped % ROOM];
  pthread_mutex_lock(&ahead->lock);
  while (!slot->ready) {
    if (ahead->begun == ahead->dropped) { /* no decoder has come to it */
      decode_next(ahead);
    } else {
      pthread_cond_wait(&ahead->done, &ahead->lock);
    }
  }
  pthread_mutex_unlock(&ahead->lock);
  return (cli_ready){slot->path, slot->status, slot->message, &slot->input};
}

void cli_ahead_drop(cli_ahead *ahead) {
  ahead_slot *slot = &ahead->slots[ahead->dropped++ % ROOM];
  free(slot->message);
  slot->message = NULL;
  slot->ready = false; /* the slot is nobody else's until the next put */
}
