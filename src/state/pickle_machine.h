/* What the files of the pickle machine share: its bytes, its stack, the functions of its opcodes.
 */
#ifndef JIMM_STATE_PICKLE_MACHINE_H
#define JIMM_STATE_PICKLE_MACHINE_H

#include "state/pickle.h"

/* ---- pickle_bytes.c: the next bytes; truncated: JIMM_ERROR_FORMAT ---- */

/* NULL after a failure; *status says which. */
const unsigned char *jimm_pickle_take(jimm_unpickler *r, uint64_t count, jimm_status *status);
/* An integer of `count` bytes, at most 8. */
jimm_status jimm_pickle_take_number(jimm_unpickler *r, int count, uint64_t *number);
/* The characters up to the next newline, which is passed. */
jimm_status jimm_pickle_take_line(jimm_unpickler *r, const char **line, size_t *length);

/* ---- pickle_stack.c ---- */

jimm_status jimm_pickle_push(jimm_unpickler *r, jimm_pickle *value);
jimm_status jimm_pickle_push_new(jimm_unpickler *r, jimm_pickle_type type, int64_t integer);
jimm_status jimm_pickle_push_text(jimm_unpickler *r, jimm_pickle_type type, const void *text,
                                  size_t length);
/* Whether the stack has `count` values above the last mark: opcodes reach no deeper. */
jimm_status jimm_pickle_need(const jimm_unpickler *r, size_t count);
jimm_pickle *jimm_pickle_top(const jimm_unpickler *r);

/* ---- opcodes ---- */

#define OPCODE(code, name, run, argument) jimm_status run(jimm_unpickler *, int);
#include "state/pickle_opcodes.def"
#undef OPCODE

#endif
