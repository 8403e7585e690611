#include "hub/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/locale.h"
#include "base/log.h"

/* ---- errors ---- */

jimm_status jimm_walk_fail(const char *path, const char *doing, int error) {
  if (error == ENOMEM) {
    return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "%s: cannot %s: out of memory", path, doing);
  }
  return jimm_fail(JIMM_ERROR_IO, "%s: cannot %s: %s", path, doing, jimm_errno_text(error));
}

jimm_status jimm_walk_tolerate(const char *shown, const char *name, int error) {
  switch (error) {
    case ENOENT: /* gone since it was listed, or never there */
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
      return JIMM_OK;
    case ENOMEM: /* nothing is wrong with the cache */
    case EMFILE:
    case ENFILE:
      return jimm_walk_fail(shown, "open what is in it", error);
    default:
      jimm_log(JIMM_LOG_WARNING, "%s%s%s: cannot be read and is left out: %s", shown,
               name[0] == 0 ? "" : "/", name, jimm_errno_text(error));
      return JIMM_OK;
  }
}

/* ---- opening ---- */

static int open_at(int folder, const char *name, int flags) {
  int descriptor;
  do {
    descriptor = openat(folder, name, flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

/* As jimm_walk_open, for the first `length` characters of `path`. */
static int open_below(int folder, const char *path, size_t length) {
  int at = open_at(folder, ".", O_DIRECTORY);
  for (size_t done = 0; at >= 0 && done < length;) {
    char part[256];
    size_t size = strcspn(path + done, "/");
    size = size > length - done ? length - done : size;
    if (size >= sizeof part) {
      close(at);
      errno = ENAMETOOLONG;
      return -1;
    }
    memcpy(part, path + done, size);
    part[size] = 0;
    const int next = open_at(at, part, O_DIRECTORY);
    const int error = errno;
    close(at);
    errno = error;
    at = next;
    done += size + 1;
  }
  return at;
}

int jimm_walk_open(int folder, const char *path) {
  return open_below(folder, path, strlen(path));
}

int jimm_walk_open_parent(int folder, const char *path, const char **name) {
  const char *slash = strrchr(path, '/');
  *name = slash == NULL ? path : slash + 1;
  return open_below(folder, path, slash == NULL ? 0 : (size_t)(slash - path));
}

long jimm_walk_read(int folder, const char *name, char *text, size_t size) {
  struct stat info;
  size_t length = 0;
  const int descriptor = open_at(folder, name, 0);
  if (descriptor < 0) {
    return -1;
  }
  int error = fstat(descriptor, &info) != 0 ? errno : S_ISREG(info.st_mode) ? 0 : EINVAL;
  while (error == 0 && length < size) {
    const ssize_t got = read(descriptor, text + length, size - length);
    if (got == 0) {
      break;
    }
    length += got < 0 ? 0 : (size_t)got;
    error = got < 0 && errno != EINTR ? errno : 0;
  }
  close(descriptor);
  if (error == 0 && length == size) {
    error = EFBIG;
  }
  if (error != 0) {
    errno = error;
    return -1;
  }
  text[length] = 0;
  return (long)length;
}

/* ---- listing ---- */

/* Texts of an arena. Zero-initialise. */
typedef struct text_list {
  const char **texts;
  size_t count, capacity;
} text_list;

static jimm_status add_text(text_list *list, const char *text) {
  if (text == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  const jimm_status status = jimm_reserve(&list->texts, list->count, list->count + 1,
                                          sizeof *list->texts, &list->capacity);
  if (status == JIMM_OK) {
    list->texts[list->count++] = text;
  }
  return status;
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static jimm_status read_names(DIR *stream, const char *shown, jimm_arena *arena, text_list *list) {
  jimm_status status = JIMM_OK;
  errno = 0;
  for (const struct dirent *entry = readdir(stream); status == JIMM_OK && entry != NULL;
       entry = readdir(stream)) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      status = add_text(list, jimm_arena_strdup(arena, entry->d_name));
    }
    errno = 0;
  }
  return status != JIMM_OK || errno == 0 ? status : jimm_walk_tolerate(shown, "", errno);
}

jimm_status jimm_walk_list(int folder, const char *shown, jimm_arena *arena, const char ***names,
                           size_t *count) {
  text_list list = {NULL, 0, 0};
  *names = NULL;
  *count = 0;
  const int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0); /* the stream's own */
  DIR *stream = copy < 0 ? NULL : fdopendir(copy);
  if (stream == NULL) {
    const int error = errno;
    if (copy >= 0) {
      close(copy);
    }
    return jimm_walk_tolerate(shown, "", error);
  }
  jimm_status status = read_names(stream, shown, arena, &list);
  closedir(stream);
  if (status == JIMM_OK && list.count > 0) {
    *names = jimm_arena_alloc(arena, list.count * sizeof **names);
    if (*names == NULL) {
      status = JIMM_ERROR_OUT_OF_MEMORY;
    } else {
      memcpy(*names, list.texts, list.count * sizeof **names);
      qsort(*names, list.count, sizeof **names, compare_texts);
      *count = list.count;
    }
  }
  jimm_free(list.texts);
  return status;
}

/* ---- walking ---- */

typedef struct walk {
  int top;
  const char *shown;
  size_t room; /* for paths from the top */
  jimm_arena *arena;
  text_list waiting; /* folders, by their paths; the last one that was found is the next one */
  jimm_status (*visit)(void *context, const jimm_walk_entry *entry);
  void *context;
} walk;

static jimm_status visit_entry(walk *w, int folder, const char *above, const char *name) {
  struct stat info;
  const size_t before = strlen(above);
  if (before + 1 + strlen(name) >= w->room) {
    return JIMM_OK; /* no path leads there */
  }
  const char *relative = jimm_arena_format(w->arena, "%s%s%s", above, before > 0 ? "/" : "", name);
  if (relative == NULL) {
    return JIMM_ERROR_OUT_OF_MEMORY;
  }
  if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return jimm_walk_tolerate(w->shown, relative, errno);
  }
  const jimm_walk_entry entry = {folder, name, relative, &info};
  const jimm_status status = w->visit(w->context, &entry);
  return status == JIMM_OK && S_ISDIR(info.st_mode) ? add_text(&w->waiting, relative) : status;
}

static jimm_status visit_folder(walk *w, const char *path) {
  const char **names = NULL;
  size_t count = 0;
  const int folder = jimm_walk_open(w->top, path);
  if (folder < 0) {
    return jimm_walk_tolerate(w->shown, path, errno);
  }
  jimm_status status = jimm_walk_list(folder, w->shown, w->arena, &names, &count);
  for (size_t i = 0; status == JIMM_OK && i < count; i++) {
    status = visit_entry(w, folder, path, names[i]);
  }
  close(folder);
  return status;
}

jimm_status jimm_walk(int folder, const char *path, const char *shown, jimm_arena *arena,
                      jimm_status (*visit)(void *context, const jimm_walk_entry *entry),
                      void *context) {
  const size_t used = strlen(shown) + 2;
  walk w = {.shown = shown, .arena = arena, .visit = visit, .context = context};
  w.room = used < JIMM_WALK_PATH ? JIMM_WALK_PATH - used : 0;
  w.top = jimm_walk_open(folder, path);
  if (w.top < 0) {
    return jimm_walk_tolerate(shown, "", errno);
  }
  jimm_status status = add_text(&w.waiting, "");
  while (status == JIMM_OK && w.waiting.count > 0) {
    status = visit_folder(&w, w.waiting.texts[--w.waiting.count]);
  }
  jimm_free(w.waiting.texts);
  close(w.top);
  return status;
}

/* ---- links ---- */

bool jimm_walk_link(int folder, const char *name, char text[JIMM_WALK_PATH]) {
  const ssize_t length = readlinkat(folder, name, text, JIMM_WALK_PATH);
  if (length <= 0 || length >= JIMM_WALK_PATH) {
    return false;
  }
  text[length] = 0;
  return true;
}

/* What follows "root/" in `text`; NULL when that is not how it begins. */
static const char *strip(const char *root, const char *text) {
  const size_t length = root == NULL ? 0 : strlen(root);
  return length > 0 && strncmp(text, root, length) == 0 && text[length] == '/' ? text + length + 1
                                                                               : NULL;
}

bool jimm_walk_target(const char *root, const char *real, const char *from, const char *text,
                      char target[JIMM_WALK_PATH]) {
  size_t length = strlen(from);
  if (length >= JIMM_WALK_PATH) {
    return false;
  }
  memcpy(target, from, length + 1);
  if (text[0] == '/') {
    const char *rest = strip(root, text);
    text = rest == NULL ? strip(real, text) : rest;
    length = 0;
  }
  for (const char *part = text; part != NULL && *part != 0;) {
    const size_t size = strcspn(part, "/");
    if (size == 2 && memcmp(part, "..", 2) == 0) {
      if (length == 0) {
        return false;
      }
      while (length > 0 && target[--length] != '/') {
      }
    } else if (size > 0 && !(size == 1 && *part == '.')) {
      if (length + 1 + size >= JIMM_WALK_PATH) {
        return false;
      }
      target[length] = '/';
      length += length > 0;
      memcpy(target + length, part, size);
      length += size;
    }
    part += size + (part[size] == '/');
  }
  target[length] = 0;
  return text != NULL && length > 0;
}
