/* Files and folders that the commands read and write. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

/* Standard input is read whole; no image file that is worth decoding is larger. */
#define STDIN_LIMIT ((size_t)1 << 30)

bool cli_is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool cli_has_extension(const char *path, const char *extension) {
  size_t length = strlen(path);
  size_t wanted = strlen(extension);
  return length > wanted && strcasecmp(path + length - wanted, extension) == 0;
}

int cli_check_output(const char *path) {
  if (cli_is_folder(path)) {
    return cli_fail("%s: cannot write: it is a folder", path);
  }
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 0 : (size_t)(slash - path);
  char *folder = NULL;
  if (slash == NULL) {
    folder = strdup(".");
  } else {
    folder = strndup(path, length == 0 ? 1 : length);
  }
  if (folder == NULL) {
    return cli_fail_memory();
  }
  int status = CLI_OK;
  struct stat info;
  if (stat(folder, &info) == 0 && !S_ISDIR(info.st_mode)) {
    status = cli_fail("%s: cannot write: %s is no folder", path, folder);
  } else if (access(folder, W_OK | X_OK) != 0) {
    status = cli_fail("%s: cannot write into the folder %s: %s", path, folder, strerror(errno));
  }
  free(folder);
  return status;
}

int cli_check_apart(const char *output, const char *input, const char *what) {
  struct stat a, b;
  if (input != NULL && stat(output, &a) == 0 && stat(input, &b) == 0 && a.st_dev == b.st_dev &&
      a.st_ino == b.st_ino) {
    return cli_fail("%s: cannot write: it is %s, which would be lost", output, what);
  }
  return CLI_OK;
}

static jimm_status read_stdin(unsigned char **data, size_t *size) {
  size_t capacity = 0;
  *data = NULL;
  *size = 0;
  while (!feof(stdin)) {
    if (*size == capacity) {
      if (capacity >= STDIN_LIMIT) {
        return jimm_fail(JIMM_ERROR_LIMIT, "-: more than %zu bytes on standard input", STDIN_LIMIT);
      }
      if (!cli_reserve(data, *size == 0 ? 65536 : *size + 1, 1, &capacity)) {
        return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "-: out of memory for standard input");
      }
    }
    *size += fread(*data + *size, 1, capacity - *size, stdin);
    if (ferror(stdin)) {
      return jimm_fail(JIMM_ERROR_IO, "-: cannot read standard input: %s", strerror(errno));
    }
  }
  return JIMM_OK;
}

jimm_status cli_image_read(const char *path, jimm_image *image) {
  if (strcmp(path, "-") != 0) {
    return jimm_image_read(path, NULL, image);
  }
  unsigned char *data = NULL;
  size_t size = 0;
  jimm_status status = read_stdin(&data, &size);
  if (status == JIMM_OK) {
    status = jimm_image_decode(data, size, "-", NULL, image);
  }
  free(data);
  return status;
}

static bool is_image_name(const char *name) {
  static const char *const extensions[] = {".png", ".jpg", ".jpeg", ".webp", ".ppm", ".pgm"};
  for (int32_t i = 0; i < CLI_COUNT(extensions); i++) {
    if (cli_has_extension(name, extensions[i])) {
      return true;
    }
  }
  return false;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds folder/name when it is a regular file with an image's extension. False: out of memory. */
static bool add_entry(const char *folder, const char *name, char ***names, size_t *count,
                      size_t *capacity) {
  if (!is_image_name(name)) {
    return true;
  }
  size_t length = strlen(folder);
  const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
  char *path = malloc(length + strlen(name) + 2);
  if (path == NULL) {
    return false;
  }
  sprintf(path, "%s%s%s", folder, slash, name);
  struct stat info;
  if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
    free(path);
    return true;
  }
  if (!cli_reserve(names, *count + 1, sizeof **names, capacity)) {
    free(path);
    return false;
  }
  (*names)[(*count)++] = path;
  return true;
}

void cli_folder_images_free(char **names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(names[i]);
  }
  free(names);
}

int cli_folder_images(const char *path, char ***names, size_t *count) {
  size_t capacity = 0;
  *names = NULL;
  *count = 0;
  DIR *folder = opendir(path);
  if (folder == NULL) {
    return cli_fail("%s: cannot read the folder: %s", path, strerror(errno));
  }
  bool enough = true;
  errno = 0;
  for (struct dirent *entry = readdir(folder); entry != NULL && enough; entry = readdir(folder)) {
    enough = add_entry(path, entry->d_name, names, count, &capacity);
    errno = 0;
  }
  int status = CLI_OK;
  if (!enough) {
    status = cli_fail_memory();
  } else if (errno != 0) {
    status = cli_fail("%s: cannot read the folder: %s", path, strerror(errno));
  } else if (*count == 0) {
    status = cli_fail(
        "%s: the folder holds no image files (.png .jpg .jpeg .webp .ppm .pgm; folders "
        "inside it are not searched)",
        path);
  } else {
    qsort(*names, *count, sizeof **names, compare_names);
  }
  closedir(folder);
  if (status != CLI_OK) {
    cli_folder_images_free(*names, *count);
    *names = NULL;
    *count = 0;
  }
  return status;
}

/* ---- another program ---- */

static char **own_arguments;

void cli_keep_arguments(int argc, char **argv) {
  const size_t size = ((size_t)argc + 1) * sizeof *argv;
  own_arguments = malloc(size);
  if (own_arguments != NULL) {
    memcpy(own_arguments, argv, size);
  }
}

int cli_become(const char *name, const char *what) {
  char path[PATH_MAX];
  if (own_arguments == NULL) {
    return cli_fail_memory();
  }
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  if (length > 0 && (size_t)length < sizeof path) {
    path[length] = 0;
    char *slash = strrchr(path, '/');
    const size_t room = slash == NULL ? 0 : sizeof path - (size_t)(slash + 1 - path);
    if (room > strlen(name)) {
      memcpy(slash + 1, name, strlen(name) + 1);
      execv(path, own_arguments);
    }
  }
  snprintf(path, sizeof path, "%s/%s", JIMM_PROGRAM_FOLDER, name);
  execv(path, own_arguments);
  return cli_fail("%s (%s): %s", path, what, strerror(errno));
}
