// The body of a test, until it returns or is ended.
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void jt_end_test(void) {
  if (!jti_running_test()) {
    fprintf(stderr, "jimm-test: a test was ended where none runs\n");
    abort();
  }
  if (!pthread_equal(jti_now.thread, pthread_self())) {
    pthread_exit(NULL);
  }
  longjmp(jti_now.end, 1);
}

void jti_run_body(const jti_test *test, jti_result *result) {
  const pid_t process = getpid();
  jti_attach(result);
  if (setjmp(jti_now.end) == 0) {
    if (test->plain) {
      test->plain();
    } else {
      test->with_context(test->ctx);
    }
  }
  if (getpid() != process) {
    // The test forked, and its child came back here: it must not run the other tests once more.
    fprintf(stderr, "jimm-test: a process forked by test \"%s\" returned from it\n", test->name);
    _exit(1);
  }
  jti_close_sets();
  jti_attach(NULL);
}
