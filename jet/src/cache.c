// What earlier runs left. A unit's results are files named after the unit (its path and its flags),
// so that a new result takes an old one's place. NAME.key says what the bitcode was made from: the
// version of clang, and of the file and every header that it read a hash of the contents.
#include "jet.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *folder;

static bool make_folders(const char *path) {
  char *partial = jet_format("%s", path);
  for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(partial, 0777);
    *slash = '/';
  }
  return mkdir(path, 0777) == 0 || errno == EEXIST;
}

void jet_open_cache(void) {
  folder = jet_temporary();
  if (jet.options.cache) {
    folder = jet_path(NULL, jet.options.cache);
    if (!make_folders(folder) || access(folder, W_OK) != 0) {
      jet_fail("cannot write into the cache folder %s: %s", folder, strerror(errno));
    }
  }
}

char *jet_cached(const jet_unit *unit, const char *kind) {
  return jet_format("%s/%s.%s", folder, unit->name, kind);
}

// Many units read the same headers: each is hashed once.
typedef struct hashed {
  const char *path;
  const char *hash;  // "" when it cannot be read
  struct hashed *next;
} hashed;

enum { SLOTS = 4096 };
static hashed *seen[SLOTS];

static const char *hash_file(const char *path) {
  jet_hash name = {0};
  jet_hash_text(&name, path);
  hashed **slot = &seen[name.b % SLOTS];
  for (hashed *h = *slot; h; h = h->next) {
    if (strcmp(h->path, path) == 0) {
      return h->hash;
    }
  }
  size_t size = 0;
  char *text = jet_read(path, &size);
  jet_hash contents = {0};
  jet_hash_add(&contents, text ? text : "", size);
  hashed *h = jet_alloc(sizeof *h);
  *h = (hashed){.path = path, .hash = text ? jet_hash_name(&contents) : "", .next = *slot};
  *slot = h;
  return h->hash;
}

static void start_key(const jet_unit *unit, jet_hash *key) {
  *key = (jet_hash){0};
  jet_hash_text(key, jet.clang);
  jet_hash_text(key, unit->name);
  for (size_t i = 0; i < jet.options.opt_args.count; ++i) {
    jet_hash_text(key, jet.options.opt_args.items[i]);
  }
}

// The file has the key, and then the files that went into it, one a line.
bool jet_cache_holds(jet_unit *unit) {
  unit->bitcode = jet_cached(unit, "bc");
  char *text = jet.options.cache ? jet_read(jet_cached(unit, "key"), NULL) : NULL;
  if (!text || access(unit->bitcode, R_OK) != 0) {
    return false;
  }
  jet_hash key;
  start_key(unit, &key);
  char *rest = NULL;
  const char *told = strtok_r(text, "\n", &rest);
  for (const char *path; (path = strtok_r(NULL, "\n", &rest));) {
    jet_hash_text(&key, path);
    jet_hash_text(&key, hash_file(path));
  }
  unit->key = jet_hash_name(&key);
  return told && strcmp(told, unit->key) == 0;
}

// The words of a Make rule after its colon: blanks end them, a backslash hides a blank or a
// newline.
static void read_dependencies(const char *text, const char *directory, jet_list *files) {
  const char *at = strstr(text, ": ");
  char *word = jet_alloc(strlen(text) + 1);
  for (at = at ? at + 1 : ""; *at;) {
    size_t size = 0;
    while (*at == ' ' || *at == '\n' || (*at == '\\' && at[1] == '\n')) {
      at += *at == '\\' ? 2 : 1;
    }
    for (; *at && *at != ' ' && *at != '\n' && !(*at == '\\' && at[1] == '\n'); ++at) {
      if ((*at == '\\' && (at[1] == ' ' || at[1] == '#')) || (*at == '$' && at[1] == '$')) {
        ++at;
      }
      word[size++] = *at;
    }
    word[size] = '\0';
    if (size) {
      jet_add(files, jet_path(directory, word));
    }
  }
}

void jet_cache_keep(jet_unit *unit, const char *bitcode, const char *dependencies) {
  unit->bitcode = bitcode;
  jet_list files = {0};
  char *rule = jet_read(dependencies, NULL);
  read_dependencies(rule ? rule : "", unit->directory, &files);
  jet_hash key;
  start_key(unit, &key);
  for (size_t i = 0; i < files.count; ++i) {
    jet_hash_text(&key, files.items[i]);
    jet_hash_text(&key, hash_file(files.items[i]));
  }
  unit->key = jet_hash_name(&key);
  size_t size = 0;
  char *data = jet.options.cache && files.count ? jet_read(bitcode, &size) : NULL;
  if (!data) {
    return;
  }
  char *text = jet_format("%s\n", unit->key);
  for (size_t i = 0; i < files.count; ++i) {
    text = jet_format("%s%s\n", text, files.items[i]);
  }
  unlink(jet_cached(unit, "key"));
  unlink(jet_cached(unit, "loops"));
  unlink(jet_cached(unit, "call"));
  if (!jet_write(jet_cached(unit, "bc"), data, size) ||
      !jet_write(jet_cached(unit, "key"), text, strlen(text))) {
    jet_note("cannot write into the cache folder %s: %s", folder, strerror(errno));
  }
}
