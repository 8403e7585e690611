#include "jet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct block {
  struct block *next;
  max_align_t data[];
} block;

static block *blocks;

void *jet_alloc(size_t size) {
  block *b = size < SIZE_MAX - sizeof *b ? calloc(1, sizeof *b + size) : NULL;
  if (!b) {
    static const char message[] = "jimm-jet: out of memory\n";
    (void)!write(2, message, sizeof message - 1);
    _exit(JET_ERROR);
  }
  b->next = blocks;
  blocks = b;
  return b->data;
}

void *jet_reserve(void *items, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) {
    return items;
  }
  *capacity = *capacity ? 2 * *capacity : 16;
  void *grown = jet_alloc(*capacity * size);
  return count ? memcpy(grown, items, count * size) : grown;
}

void jet_free_all(void) {
  while (blocks) {
    block *next = blocks->next;
    free(blocks);
    blocks = next;
  }
}

char *jet_format_list(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  int size = format ? vsnprintf(NULL, 0, format, args) : 0;
  char *text = jet_alloc((size_t)size + 1);
  if (format) {
    vsnprintf(text, (size_t)size + 1, format, again);
  }
  va_end(again);
  return text;
}

char *jet_format(const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *text = jet_format_list(format, args);
  va_end(args);
  return text;
}

void jet_add(jet_list *list, const char *item) {
  list->items = jet_reserve(list->items, list->count, &list->capacity, sizeof *list->items);
  list->items[list->count++] = jet_format("%s", item);
  list->items = jet_reserve(list->items, list->count, &list->capacity, sizeof *list->items);
  list->items[list->count] = NULL;
}

void jet_add_all(jet_list *list, const jet_list *items) {
  for (size_t i = 0; i < items->count; ++i) {
    jet_add(list, items->items[i]);
  }
}

bool jet_has(const jet_list *list, const char *item) {
  for (size_t i = 0; i < list->count; ++i) {
    if (strcmp(list->items[i], item) == 0) {
      return true;
    }
  }
  return false;
}

bool jet_starts(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

bool jet_ends(const char *text, const char *end) {
  size_t size = strlen(text);
  size_t tail = strlen(end);
  return size >= tail && strcmp(text + size - tail, end) == 0;
}

// "/a/./b//c/.." becomes "/a/b", in place.
static void normalise(char *path) {
  char *out = path;
  for (char *at = path; *at;) {
    while (*at == '/') {
      ++at;
    }
    size_t size = strcspn(at, "/");
    if (size == 2 && at[0] == '.' && at[1] == '.') {
      while (out > path && *--out != '/') {
      }
    } else if (size && !(size == 1 && at[0] == '.')) {
      *out++ = '/';
      memmove(out, at, size);
      out += size;
    }
    at += size;
  }
  if (out == path) {
    *out++ = '/';
  }
  *out = '\0';
}

char *jet_path(const char *directory, const char *file) {
  char resolved[PATH_MAX];
  if (!directory) {
    directory = getcwd(resolved, sizeof resolved) ? resolved : "/";
  }
  char *path = file[0] == '/' ? jet_format("%s", file) : jet_format("%s/%s", directory, file);
  if (realpath(path, resolved)) {
    return jet_format("%s", resolved);
  }
  normalise(path);
  return path;
}

bool jet_below(const char *path, const char *folder) {
  size_t size = strlen(folder);
  return strncmp(path, folder, size) == 0 &&
         (path[size] == '/' || path[size] == '\0' || (size && folder[size - 1] == '/'));
}

const char *jet_shown(const char *path) {
  static char here[PATH_MAX];
  if (!here[0] && !getcwd(here, sizeof here)) {
    return path;
  }
  size_t size = strlen(here);
  return jet_below(path, here) && path[size] == '/' ? path + size + 1 : path;
}

char *jet_read(const char *path, size_t *size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    if (fd >= 0) {
      close(fd);
    }
    return NULL;
  }
  size_t want = (size_t)info.st_size;
  char *data = jet_alloc(want + 1);
  size_t have = 0;
  while (have < want) {
    ssize_t got = read(fd, data + have, want - have);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    have += (size_t)got;
  }
  close(fd);
  data[have] = '\0';
  if (size) {
    *size = have;
  }
  return have == want ? data : NULL;
}

bool jet_write(const char *path, const char *data, size_t size) {
  char *new_path = jet_format("%s.%ld.new", path, (long)getpid());
  int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  bool good = fd >= 0;
  while (good && size) {
    ssize_t written = write(fd, data, size);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    good = written > 0;
    if (good) {
      data += written;
      size -= (size_t)written;
    }
  }
  if (fd >= 0) {
    good = close(fd) == 0 && good;
  }
  if (good && rename(new_path, path) == 0) {
    return true;
  }
  unlink(new_path);
  return false;
}

void jet_hash_add(jet_hash *hash, const char *data, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    uint64_t byte = (unsigned char)data[i];
    hash->a = (hash->a ^ byte) * 0x100000001b3u;
    hash->b = (hash->b + byte + 1) * 0x9e3779b97f4a7c15u;
    hash->b ^= hash->b >> 29;
  }
}

void jet_hash_text(jet_hash *hash, const char *text) {
  jet_hash_add(hash, text, strlen(text) + 1);
}

char *jet_hash_name(const jet_hash *hash) {
  return jet_format("%016llx%016llx", (unsigned long long)hash->a, (unsigned long long)hash->b);
}
