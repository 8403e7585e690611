/* One line to the installed log callback (base.h); cheap when there is none. */
#ifndef JIMM_BASE_LOG_H
#define JIMM_BASE_LOG_H

#include <jimm/base.h>

JIMM_SIBLING void jimm_log(jimm_log_level level, const char *format, ...) JIMM_PRINTF(2, 3);

#endif
