// Of another program, as its object file lies in another folder: its malloc is not that of the
// other samples.
#include <pthread.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static size_t count;

void *malloc(size_t size) {
  pthread_mutex_lock(&mutex);
  ++count;
  pthread_mutex_unlock(&mutex);
  return __libc_malloc(size);
}

void *counted(size_t size) {
  return malloc(size);
}
