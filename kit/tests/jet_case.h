// jet_case.h: what jimm-jet is asked about in the tests of call-tree checks, and whether it is
// there.
#ifndef JT_TESTS_JET_CASE_H
#define JT_TESTS_JET_CASE_H

#include <stdbool.h>

typedef struct jet_output {
  int status;  // as pclose gives it
  char *text;  // standard output and error; owned by the caller
} jet_output;

// Makes a folder with a compile database of jet_samples in it. NULL, or why it cannot be.
const char *jet_case_open(void);
void jet_case_close(void);
const char *jet_case_folder(void);
const char *jet_case_samples(void);   // the folder of the samples
const char *jet_case_database(void);  // the samples' compile database
const char *jet_case_program(void);   // jimm-jet, or ""
void jet_case_need_program(void);     // skips the test
void jet_case_need_clang(void);

// Runs a shell command.
jet_output jet_case_run(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
bool jet_case_exited(const jet_output *output, int status);
// Writes a file below the folder, and returns its path (valid until the next call).
const char *jet_case_write(const char *name, const char *text);

#endif  // JT_TESTS_JET_CASE_H
