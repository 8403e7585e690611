// A temporary folder for a test program's files: made at the first use, removed when the program
// ends.
#ifndef JIMM_TEST_FOLDER_H
#define JIMM_TEST_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

// The path of `name` in the folder. Valid until eight calls later.
const char *in_folder(const char *name);

bool write_bytes(const char *path, const void *data, size_t size);
// Reads at most `room` bytes; returns how many, or -1.
long read_bytes(const char *path, void *data, size_t room);

// Entries in the folder, hidden ones too: shows whether a temporary file was left.
int count_in_folder(const char *path);
// Removes what is there, with all that is below it.
void remove_tree(const char *path);

#endif
