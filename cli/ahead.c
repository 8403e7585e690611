/* The bounded queue between the threads that classify and the one that prints. */
#include "ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct ahead_slot {
  const char *path;
  jimm_tensor input, logits; /* made once, reused */
  jimm_status status;
  char *message;
  bool ready;
} ahead_slot;

/* Slots are used in turn; the counters only grow: dropped <= begun <= put <= dropped + room. `lock`
 * guards begun, put, closing and every `ready`. */
struct cli_ahead {
  cli_work work;
  pthread_mutex_t lock;
  pthread_cond_t wanted, done;
  pthread_t threads[CLI_WORKERS_MAX];
  int started;
  uint64_t dropped, begun, put, room;
  bool closing;
  ahead_slot slots[2 * CLI_WORKERS_MAX + 2];
};

/* Makes the tensors of a slot that has none yet. */
static jimm_status make_tensors(const cli_ahead *ahead, const jimm_plan *plan, ahead_slot *slot) {
  jimm_shape shape = {4, {1, 3, ahead->work.data->height, ahead->work.data->width}};
  jimm_status status = JIMM_OK;
  if (slot->input.data == NULL) {
    status = jimm_tensor_create(JIMM_F32, &shape, &slot->input);
  }
  if (status == JIMM_OK && slot->logits.data == NULL) {
    status = jimm_plan_output_shape(plan, 0, &shape);
    status = status == JIMM_OK ? jimm_tensor_create(JIMM_F32, &shape, &slot->logits) : status;
  }
  return status;
}

/* *plan is made when it is NULL. */
static void classify(const cli_ahead *ahead, jimm_plan **plan, ahead_slot *slot) {
  jimm_image image = {0, 0, NULL};
  slot->status = JIMM_OK;
  if (*plan == NULL) {
    slot->status = jimm_plan_create(ahead->work.model, ahead->work.options, plan);
  }
  if (slot->status == JIMM_OK) {
    slot->status = make_tensors(ahead, *plan, slot);
  }
  if (slot->status == JIMM_OK) {
    slot->status = cli_image_read(slot->path, &image);
  }
  if (slot->status == JIMM_OK) {
    slot->status = jimm_image_preprocess(&image, ahead->work.data, &slot->input);
  }
  jimm_image_close(&image);
  if (slot->status == JIMM_OK) {
    slot->status = jimm_plan_run(*plan, &slot->input, &slot->logits);
  }
  slot->message = slot->status == JIMM_OK ? NULL : strdup(jimm_error_message());
}

static ahead_slot *slot_of(cli_ahead *ahead, uint64_t number) {
  return &ahead->slots[number % ahead->room];
}

/* Does the oldest image that nobody has begun. Called and left with the lock held. */
static void do_next(cli_ahead *ahead, jimm_plan **plan) {
  ahead_slot *slot = slot_of(ahead, ahead->begun++);
  pthread_mutex_unlock(&ahead->lock);
  classify(ahead, plan, slot);
  pthread_mutex_lock(&ahead->lock);
  slot->ready = true;
  pthread_cond_signal(&ahead->done);
}

static void *worker(void *argument) {
  cli_ahead *ahead = argument;
  jimm_plan *plan = NULL;
  pthread_mutex_lock(&ahead->lock);
  while (!ahead->closing) {
    if (ahead->begun < ahead->put) {
      do_next(ahead, &plan);
    } else {
      pthread_cond_wait(&ahead->wanted, &ahead->lock);
    }
  }
  pthread_mutex_unlock(&ahead->lock);
  jimm_plan_close(&plan);
  return NULL;
}

cli_ahead *cli_ahead_open(const cli_work *work, int workers) {
  cli_ahead *ahead = calloc(1, sizeof *ahead);
  if (ahead == NULL) {
    return NULL;
  }
  ahead->work = *work;
  pthread_mutex_init(&ahead->lock, NULL);
  pthread_cond_init(&ahead->wanted, NULL);
  pthread_cond_init(&ahead->done, NULL);
  sigset_t all, before; /* signals stay with the first thread, but for its own faults */
  static const int faults[] = {SIGBUS, SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT};
  sigfillset(&all);
  for (int32_t i = 0; i < CLI_COUNT(faults); i++) {
    sigdelset(&all, faults[i]);
  }
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (ahead->started < workers && ahead->started < CLI_WORKERS_MAX &&
         pthread_create(&ahead->threads[ahead->started], NULL, worker, ahead) == 0) {
    ahead->started++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  ahead->room = 2 * (uint64_t)ahead->started + 2;
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
  pthread_cond_broadcast(&ahead->wanted);
  pthread_mutex_unlock(&ahead->lock);
  for (int i = 0; i < ahead->started; i++) {
    pthread_join(ahead->threads[i], NULL);
  }
  for (uint64_t i = 0; i < ahead->room; i++) {
    free(ahead->slots[i].message);
    jimm_tensor_close(&ahead->slots[i].input);
    jimm_tensor_close(&ahead->slots[i].logits);
  }
  pthread_cond_destroy(&ahead->done);
  pthread_cond_destroy(&ahead->wanted);
  pthread_mutex_destroy(&ahead->lock);
  free(ahead);
}

/* `put` and `dropped` are written by the caller's thread only, which may read them without lock. */
bool cli_ahead_full(const cli_ahead *ahead) {
  return ahead->put - ahead->dropped == ahead->room;
}

bool cli_ahead_empty(const cli_ahead *ahead) {
  return ahead->put == ahead->dropped;
}

void cli_ahead_put(cli_ahead *ahead, const char *path) {
  pthread_mutex_lock(&ahead->lock);
  slot_of(ahead, ahead->put++)->path = path;
  pthread_cond_signal(&ahead->wanted);
  pthread_mutex_unlock(&ahead->lock);
}

cli_ready cli_ahead_take(cli_ahead *ahead) {
  ahead_slot *slot = slot_of(ahead, ahead->dropped);
  pthread_mutex_lock(&ahead->lock);
  while (!slot->ready) {
    if (ahead->started == 0) {
      do_next(ahead, &ahead->work.plan);
    } else {
      pthread_cond_wait(&ahead->done, &ahead->lock);
    }
  }
  pthread_mutex_unlock(&ahead->lock);
  return (cli_ready){slot->path, slot->status, slot->message, &slot->input, &slot->logits};
}

void cli_ahead_drop(cli_ahead *ahead) {
  ahead_slot *slot = slot_of(ahead, ahead->dropped++);
  free(slot->message);
  slot->message = NULL;
  slot->ready = false; /* the slot is nobody else's until the next put */
}
