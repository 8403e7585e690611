/* Instruction sets that the processor, the operating system and JIMM_CPU allow (base.h). */
#ifndef JIMM_BASE_CPU_H
#define JIMM_BASE_CPU_H

#include <jimm/base.h>

/* What the hardware has, JIMM_CPU not looked at. */
jimm_isa jimm_cpu_detect(void);
/* `detected`, cut to what `value` (of JIMM_CPU; may be NULL) allows. */
jimm_isa jimm_cpu_mask(jimm_isa detected, const char *value);

#endif
