// jet_case.h: what the tests of call-tree checks share: a folder of their own, and runs of
// jimm-jet.
#ifndef JET_TESTS_JET_CASE_H
#define JET_TESTS_JET_CASE_H

#include <stdbool.h>

typedef struct jet_output {
  int status;  // as pclose gives it
  char *text;  // standard output and error; owned by the caller
} jet_output;

// Makes the folder with a compile database of the samples in it. NULL, or why it cannot be.
const char *jet_case_open(void);
void jet_case_close(void);
const char *jet_case_folder(void);
const char *jet_case_samples(void);   // the folder of the samples
const char *jet_case_database(void);  // the samples' compile database
const char *jet_case_program(void);   // jimm-jet
// Why jimm-jet is missing; NULL when it was built.
const char *jet_case_no_program(void);
// Why jimm-jet or the analyser is missing; NULL when both are there.
const char *jet_case_no_clang(void);
void jet_case_need_program(void);  // skips the test
void jet_case_need_clang(void);

// Runs a shell command.
jet_output jet_case_run(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
// jimm-jet on the samples with these arguments.
jet_output jet_case_jet(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
bool jet_case_exited(const jet_output *output, int status);
// Writes a file below the folder, and returns its path (valid until the next call).
const char *jet_case_write(const char *name, const char *text);
char *jet_case_read(const char *path);  // owned by the caller; NULL when it cannot be read

#endif  // JET_TESTS_JET_CASE_H
