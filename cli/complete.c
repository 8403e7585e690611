/* What completion.bash asks for: candidates for the last word, from the same tables as --help. */
#include <string.h>

#include "cli.h"

static void print_candidate(FILE *file, const char *prefix, const char *text) {
  if (strncmp(text, prefix, strlen(prefix)) == 0) {
    fprintf(file, "%s\n", text);
  }
}

static void print_models(FILE *file, const char *prefix) {
  for (int32_t f = 0; f < jimm_family_count(); f++) {
    const jimm_family *family = jimm_family_at(f);
    for (int32_t a = 0; a < family->arch_count; a++) {
      const jimm_arch *arch = &family->archs[a];
      print_candidate(file, prefix, arch->name);
      for (int32_t v = 0; v < arch->variant_count; v++) {
        char name[CLI_NAME_SIZE];
        if (arch->variants[v].tag[0] != 0) {
          print_candidate(file, prefix, cli_variant_name(arch, &arch->variants[v], name));
        }
      }
    }
  }
}

static void print_cached(FILE *file, const char *prefix) {
  jimm_cache *cache = NULL;
  const char *last = "";
  if (jimm_cache_open(NULL, &cache) != JIMM_OK) {
    return;
  }
  for (int64_t i = 0; i < jimm_cache_count(cache); i++) {
    const jimm_cached_file *cached = jimm_cache_file(cache, i);
    char name[CLI_NAME_SIZE];
    if (strcmp(cached->repo, last) != 0) {
      print_candidate(file, prefix, cli_repo_name(cached->repo_type, cached->repo, name));
    }
    last = cached->repo;
  }
  jimm_cache_close(&cache);
}

static void print_words(FILE *file, cli_words words, const char *prefix) {
  switch (words) {
    case CLI_WORDS_NONE:
      break;
    case CLI_WORDS_FILE:
      fputs(":files\n", file);
      break;
    case CLI_WORDS_MODEL:
      print_models(file, prefix);
      break;
    case CLI_WORDS_FAMILY:
      for (int32_t f = 0; f < jimm_family_count(); f++) {
        print_candidate(file, prefix, jimm_family_at(f)->name);
      }
      break;
    case CLI_WORDS_CACHED:
      print_cached(file, prefix);
      break;
  }
}

static void print_values(FILE *file, const cli_option *option, const char *prefix) {
  if (option->choices == NULL) {
    print_words(file, option->words, prefix);
    return;
  }
  for (int32_t i = 0; option->choices[i] != NULL; i++) {
    if (option->choices[i][0] != 0) {
      print_candidate(file, prefix, option->choices[i]);
    }
  }
}

/* `verb`: that of the words before; -1: none as yet, or the command has none. */
static void print_options(FILE *file, const cli_command *command, int32_t verb,
                          const char *prefix) {
  for (int32_t i = 0; i < command->option_count; i++) {
    char text[64];
    snprintf(text, sizeof text, "--%s", command->options[i].name);
    if (verb < 0 || cli_option_has_verb(&command->options[i], verb)) {
      print_candidate(file, prefix, text);
    }
  }
  print_candidate(file, prefix, "--help");
}

/* `words` are those after the command's name; the last one is to be completed. bash makes a word of
 * its own of every "=". */
static void complete_command(FILE *file, const cli_command *command, int count, char **words) {
  const char *prefix = words[count - 1];
  const cli_option *pending = NULL; /* an option that waits for its value */
  int arguments = 0;
  int32_t verb = -1;
  bool options = true;
  for (int i = 0; i < count - 1; i++) {
    if (pending != NULL) {
      if (strcmp(words[i], "=") != 0) {
        pending = NULL;
      }
    } else if (options && strcmp(words[i], "--") == 0) {
      options = false;
    } else if (options && words[i][0] == '-' && words[i][1] != 0) {
      const cli_option *option = cli_find_option(command, words[i]);
      bool has_value = words[i][1] != '-' && words[i][2] != 0;
      pending = option == NULL || option->type == CLI_FLAG || has_value ? NULL : option;
    } else if (command->verbs != NULL && verb < 0) {
      verb = cli_find_verb(command, words[i]);
    } else {
      arguments++;
    }
  }
  if (pending != NULL) {
    print_values(file, pending, strcmp(prefix, "=") == 0 ? "" : prefix);
  } else if (options && prefix[0] == '-') {
    print_options(file, command, verb, prefix);
  } else if (command->verbs != NULL && verb < 0) {
    for (int32_t i = 0; command->verbs[i].name != NULL; i++) {
      print_candidate(file, prefix, command->verbs[i].name);
    }
  } else {
    print_words(file, command->words[arguments == 0 ? 0 : 1], prefix);
  }
}

void cli_complete(FILE *file, int count, char **words) {
  if (count < 1) {
    return;
  }
  if (count > 1) {
    const cli_entry *entry = cli_find_command(words[0]);
    if (entry != NULL) {
      complete_command(file, entry->command, count - 1, words + 1);
    }
    return;
  }
  for (const cli_entry *entry = cli_commands; entry->name != NULL; entry++) {
    print_candidate(file, words[0], entry->name);
  }
  print_candidate(file, words[0], "--help");
  print_candidate(file, words[0], "--version");
}
