/* What the targets of weights files share. */
#ifndef TEST_FUZZ_STATE_H
#define TEST_FUZZ_STATE_H

/* jimm_state_open, and every tensor read as it is and as float32. */
void fuzz_open_state(const char *name);

#endif
