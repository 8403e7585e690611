/* What the caller's callback is told, and waits in which it is told. */
#include <time.h>

#include "base/os.h"
#include "hub/hub.h"

#define TELL_SECONDS 0.1
#define NAP_SECONDS 0.05

bool jimm_hub_tell(jimm_hub_teller *teller, bool always) {
  if (teller->tell == NULL || teller->cancelled) {
    return !teller->cancelled;
  }
  const double now = jimm_os_seconds();
  if (always || now - teller->told >= TELL_SECONDS) {
    teller->told = now;
    teller->cancelled = teller->tell(teller->context, &teller->now);
  }
  return !teller->cancelled;
}

/* `counts`: retry_seconds counts down. */
static bool wait(jimm_hub_teller *teller, double seconds, bool counts) {
  const double end = jimm_os_seconds() + seconds;
  for (;;) {
    const double left = end - jimm_os_seconds();
    if (counts) {
      teller->now.retry_seconds = left > 0 ? left : 0;
    }
    if (!jimm_hub_tell(teller, counts && left <= 0)) {
      return false;
    }
    if (left <= 0) {
      return true;
    }
    const double nap = left < NAP_SECONDS ? left : NAP_SECONDS;
    const struct timespec time = {0, (long)(nap * 1e9)};
    nanosleep(&time, NULL);
  }
}

bool jimm_hub_wait(jimm_hub_teller *teller, double seconds) {
  return wait(teller, seconds, false);
}

bool jimm_hub_wait_to_retry(jimm_hub_teller *teller, double seconds) {
  return wait(teller, seconds, true);
}

jimm_status jimm_hub_cancelled(const char *what) {
  return jimm_fail(JIMM_ERROR_CANCELLED, "%s: cancelled", what);
}
