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
/* Calls task(context, 0 .. count-1), split over the threads; returns when all are done. Denormals
 * are flushed to zero inside tasks and the caller's mode is restored. The pool must be started.
 * `more` says that the next call follows at once: the threads spin until it comes, else they sleep.
 */
void jimm_pool_run(jimm_pool *pool, void (*task)(void *context, size_t index), void *context,
                   size_t count, bool more);

#endif
