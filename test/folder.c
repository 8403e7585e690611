#include "folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder_name[512];
static pid_t folder_owner;

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *walk) {
  (void)info;
  (void)flag;
  (void)walk;
  return remove(path);
}

void remove_tree(const char *path) {
  nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

// Forked children leave the folder to the process that made it.
static void remove_folder(void) {
  if (folder_owner == getpid()) {
    remove_tree(folder_name);
  }
}

const char *in_folder(const char *name) {
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
    atexit(remove_folder);
  }
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", folder_name, name);
  return path;
}

bool write_bytes(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  bool done = file != NULL && fwrite(data, 1, size, file) == size;
  return file != NULL && fclose(file) == 0 && done;
}

long read_bytes(const char *path, void *data, size_t room) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return -1;
  }
  size_t size = fread(data, 1, room, file);
  fclose(file);
  return (long)size;
}

static int entries;

static int count_one(const char *path, const struct stat *info, int flag, struct FTW *walk) {
  (void)path;
  (void)info;
  (void)flag;
  entries += walk->level == 1;
  return 0;
}

int count_in_folder(const char *path) {
  entries = 0;
  nftw(path, count_one, 16, FTW_PHYS);
  return entries;
}
