// A temporary folder for a test program's files: made at the first use, removed when the program
// ends.
#ifndef JIMM_TEST_FOLDER_H
#define JIMM_TEST_FOLDER_H

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder_name[512];
static pid_t folder_owner;

static inline int folder_remove_one(const char *path, const struct stat *info, int flag,
                                    struct FTW *walk) {
  (void)info;
  (void)flag;
  (void)walk;
  return remove(path);
}

// Forked children leave the folder to the process that made it.
static inline void folder_remove(void) {
  if (folder_owner == getpid()) {
    nftw(folder_name, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
  }
}

// The path of `name` in the folder. Valid until eight calls later.
static inline const char *in_folder(const char *name) {
  static char paths[8][1024];
  static unsigned next;
  if (folder_owner == 0) {
    const char *base = getenv("TMPDIR");
    snprintf(folder_name, sizeof folder_name, "%s/jimm-test-XXXXXX",
             base == NULL || base[0] == 0 ? "/tmp" : base);
    if (mkdtemp(folder_name) == NULL) {
      perror(folder_name);
      abort();
    }
    folder_owner = getpid();
    atexit(folder_remove);
  }
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder_name, name);
  return path;
}

static inline bool write_bytes(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  bool done = file != NULL && fwrite(data, 1, size, file) == size;
  return file != NULL && fclose(file) == 0 && done;
}

// Reads at most `room` bytes; returns how many, or -1.
static inline long read_bytes(const char *path, void *data, size_t room) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return -1;
  }
  size_t size = fread(data, 1, room, file);
  fclose(file);
  return (long)size;
}

// Entries in the folder, hidden ones too: shows whether a temporary file was left.
static int folder_entries;
static inline int folder_count_one(const char *path, const struct stat *info, int flag,
                                   struct FTW *walk) {
  (void)path;
  (void)info;
  (void)flag;
  folder_entries += walk->level == 1;
  return 0;
}
static inline int count_in_folder(const char *path) {
  folder_entries = 0;
  nftw(path, folder_count_one, 16, FTW_PHYS);
  return folder_entries;
}

#endif
