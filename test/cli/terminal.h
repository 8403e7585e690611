/* A terminal of one's own for the program: what it shows is read, and answers are typed. */
#ifndef TEST_CLI_TERMINAL_H
#define TEST_CLI_TERMINAL_H

#include "run.h"

/* Which of the program's descriptors are the terminal. */
enum { TERMINAL_IN = 1, TERMINAL_OUT = 2, TERMINAL_ERR = 4 };

/* Opens a terminal so many columns wide for the runs that follow; `typed` is on its way already.
 * Skips the test where none is to be had. */
void terminal_open(int descriptors, int columns, const char *typed);
/* Closes it; what it has shown since, valid until the next terminal is opened. */
const char *terminal_close(void);
/* What is seen of that, line by line, after control sequences have done their work, without empty
 * lines at its end; valid until the next call. The longest line that was drawn, if `width` is not
 * NULL. */
const char *terminal_seen(const char *shown, int *width);

#endif
