/* A thread pool that is made lazily and survives fork (the child makes its own). */
#ifndef JIMM_BASE_POOL_H
#define JIMM_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include <jimm/base.h>

typedef struct jimm_pool jimm_pool;

/* `threads` as in jimm_plan_options. No thread is started yet. */
jimm_status jimm_pool_create(int threads, jimm_pool **pool);
void jimm_pool_close(jimm_pool **pool);
int jimm_pool_threads(const jimm_pool *pool);
/* Starts the threads if this process has not yet done so. Allocates then, never again. */
jimm_status jimm_pool_start(jimm_pool *pool);
/* One part of the work: `index` below the count, `thread` below jimm_pool_threads(); no two parts
 * that are done at the same time have the same `thread`. */
typedef void (*jimm_task)(void *context, size_t index, size_t thread);

/* Calls task(context, index, thread) for every index 0 .. count-1, split over the threads; returns
 * when all are done. Denormals are flushed to zero inside tasks and the caller's mode is restored.
 * The pool must be started; nobody else may run it meanwhile. `more` says that the next call
 * follows at once: the threads spin until it comes, else they sleep. */
void jimm_pool_run(jimm_pool *pool, jimm_task task, void *context, size_t count, bool more);

#endif
