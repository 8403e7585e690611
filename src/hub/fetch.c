/* jimm_hub_fetch: a file from any url. */
#include <string.h>
#include <sys/stat.h>

#include "base/os.h"
#include "hub/hub.h"

#define PREFIX_SHORTEST 8
#define PREFIX_LONGEST 64

/* The beginning of the SHA-256 in a name like "resnet18-f37072fd.pth" (torch.hub's HASH_REGEX, of
 * eight digits or more), in `arena`; *prefix is NULL when there is none. */
static jimm_status find_prefix(jimm_arena *arena, const char *url, const char **prefix) {
  *prefix = NULL;
  const int path = jimm_http_shown(url);
  const char *name = url + path;
  while (name > url && name[-1] != '/') {
    name--;
  }
  for (const char *dash = name; dash < url + path; dash++) {
    if (*dash != '-') {
      continue;
    }
    const size_t length = strspn(dash + 1, "0123456789abcdef");
    if (dash[1 + length] == '.' && length >= PREFIX_SHORTEST && length <= PREFIX_LONGEST) {
      *prefix = jimm_arena_format(arena, "%.*s", (int)length, dash + 1);
      return *prefix == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
    }
  }
  return JIMM_OK;
}

static jimm_status fetch(jimm_hub_call *call, const char *url, const char *path) {
  jimm_writer writer;
  const char *prefix = NULL;
  jimm_status status = find_prefix(&call->arena, url, &prefix);
  if (status == JIMM_OK) {
    status = jimm_writer_open(path, &writer);
  }
  if (status != JIMM_OK) {
    return status;
  }
  const jimm_hub_transfer transfer = {
      .name = jimm_arena_format(&call->arena, "%.*s", jimm_http_shown(url), url),
      .url = url,
      .prefix = prefix,
      .size = -1,
      .descriptor = writer.descriptor,
      .path = path};
  status =
      transfer.name == NULL ? JIMM_ERROR_OUT_OF_MEMORY : jimm_hub_transfer_run(call, &transfer);
  if (status == JIMM_OK) {
    return jimm_writer_commit(&writer);
  }
  jimm_writer_abandon(&writer);
  return status;
}

/* Whether the file is there, and so nothing is to be fetched. */
static jimm_status look(const jimm_hub_call *call, const char *path, bool *is_there) {
  *is_there = !call->options.force && jimm_os_exists(path);
  if (*is_there && jimm_os_is_folder(path)) {
    return jimm_fail(JIMM_ERROR_IO, "%s: expected a file's name, found a folder", path);
  }
  return *is_there || !call->offline
             ? JIMM_OK
             : jimm_fail(JIMM_ERROR_NOT_CACHED, "%s does not exist, and nothing is fetched offline",
                         path);
}

jimm_status jimm_hub_fetch(const char *url, const char *path, const jimm_hub_options *options) {
  if (url == NULL || path == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_hub_fetch: url or path is NULL");
  }
  if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "%s: expected a url of http or https", url);
  }
  jimm_hub_call call;
  bool is_there = false;
  jimm_status status = jimm_hub_call_begin(&call, options);
  if (status == JIMM_OK) {
    status = look(&call, path, &is_there);
  }
  if (status == JIMM_OK && !is_there) {
    status = fetch(&call, url, path);
  }
  jimm_hub_call_end(&call);
  return status;
}

jimm_status jimm_hub_ask_fetch(const char *path, const jimm_hub_options *options,
                               jimm_hub_info *info) {
  jimm_hub_call call;
  struct stat details;
  jimm_status status = jimm_hub_call_begin(&call, options);
  if (status == JIMM_OK) {
    status = look(&call, path, &info->cached);
  }
  const bool known = status == JIMM_OK && info->cached && stat(path, &details) == 0;
  info->bytes = known ? (int64_t)details.st_size : -1;
  info->missing = known ? 0 : -1;
  jimm_hub_call_end(&call);
  return status;
}
