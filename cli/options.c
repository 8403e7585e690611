/* The parser of command lines: option tables in, values out. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

bool cli_read_seed(const char *text, uint64_t *value) {
  uint64_t sum = 0;
  if (*text == 0) {
    return false;
  }
  for (const char *c = text; *c != 0; c++) {
    if (*c < '0' || *c > '9') {
      return false;
    }
    uint64_t digit = (uint64_t)(*c - '0');
    if (sum > (UINT64_MAX - digit) / 10) {
      return false;
    }
    sum = sum * 10 + digit;
  }
  *value = sum;
  return true;
}

bool cli_read_integer(const char *text, int64_t *value) {
  bool negative = *text == '-';
  uint64_t size = 0;
  if (!cli_read_seed(negative ? text + 1 : text, &size) || size > (uint64_t)INT64_MAX) {
    return false;
  }
  *value = negative ? -(int64_t)size : (int64_t)size;
  return true;
}

static const cli_option *find_letter(const cli_command *command, char letter) {
  for (int32_t i = 0; i < command->option_count; i++) {
    if (command->options[i].letter != 0 && command->options[i].letter == letter) {
      return &command->options[i];
    }
  }
  return NULL;
}

const cli_option *cli_find_option(const cli_command *command, const char *word) {
  if (word[0] != '-' || word[1] == 0) {
    return NULL;
  }
  if (word[1] != '-') {
    return find_letter(command, word[1]);
  }
  size_t length = strcspn(word + 2, "=");
  for (int32_t i = 0; i < command->option_count; i++) {
    const char *name = command->options[i].name;
    if (strlen(name) == length && memcmp(name, word + 2, length) == 0) {
      return &command->options[i];
    }
  }
  return NULL;
}

static int set_choice(const cli_option *option, const char *text, void *field) {
  for (int32_t i = 0; option->choices[i] != NULL; i++) {
    if (strcmp(option->choices[i], text) != 0) {
      continue;
    }
    if (option->type == CLI_WORD) {
      *(const char **)field = option->choices[i];
    } else {
      *(int32_t *)field = i;
    }
    return CLI_OK;
  }
  char list[256];
  size_t length = 0;
  list[0] = 0;
  for (int32_t i = 0; option->choices[i] != NULL && length < sizeof list; i++) {
    const char *choice = option->choices[i][0] == 0 ? "''" : option->choices[i];
    length +=
        (size_t)snprintf(list + length, sizeof list - length, "%s%s", i == 0 ? "" : ", ", choice);
  }
  return cli_usage("option --%s: expected one of %s, got '%s'", option->name, list, text);
}

static int set_value(const cli_option *option, const char *text, void *values) {
  void *field = (char *)values + option->offset;
  switch (option->type) {
    case CLI_FLAG:
      *(bool *)field = true;
      return CLI_OK;
    case CLI_TEXT:
      if (*text == 0) {
        return cli_usage("option --%s: expected %s, got ''", option->name, option->argument);
      }
      *(const char **)field = text;
      return CLI_OK;
    case CLI_INTEGER: {
      int64_t value = 0;
      if (!cli_read_integer(text, &value) || value < option->minimum || value > option->maximum) {
        return cli_usage("option --%s: expected an integer from %lld to %lld, got '%s'",
                         option->name, (long long)option->minimum, (long long)option->maximum,
                         text);
      }
      *(int64_t *)field = value;
      return CLI_OK;
    }
    case CLI_SEED: {
      cli_seed *seed = field;
      if (!cli_read_seed(text, &seed->value)) {
        return cli_usage("option --%s: expected an integer from 0 to %llu, got '%s'", option->name,
                         (unsigned long long)UINT64_MAX, text);
      }
      seed->given = true;
      return CLI_OK;
    }
    case CLI_CHOICE:
    case CLI_WORD:
      return set_choice(option, text, field);
  }
  return CLI_OK;
}

/* The value of an option: what follows it in its own word, else the next word. */
static int take_value(const cli_option *option, const char *value, int left, char **words,
                      void *values, int *used) {
  if (value == NULL) {
    if (left < 2) {
      return cli_usage("option --%s needs a value: expected %s", option->name, option->argument);
    }
    value = words[1];
    *used = 2;
  }
  return set_value(option, value, values);
}

static int parse_long(const cli_command *command, int left, char **words, void *values, int *used) {
  const char *equals = strchr(words[0], '=');
  const char *value = equals == NULL ? NULL : equals + 1;
  const cli_option *option = cli_find_option(command, words[0]);
  if (option == NULL) {
    return cli_usage("unknown option '%.*s'", (int)strcspn(words[0], "="), words[0]);
  }
  if (option->type != CLI_FLAG) {
    return take_value(option, value, left, words, values, used);
  }
  if (value != NULL) {
    return cli_usage("option --%s takes no value, got '%s'", option->name, value);
  }
  return set_value(option, "", values);
}

/* A word such as -xk5: flags, and last an option with a value. */
static int parse_short(const cli_command *command, int left, char **words, void *values,
                       int *used) {
  for (const char *c = words[0] + 1; *c != 0; c++) {
    const cli_option *option = find_letter(command, *c);
    if (option == NULL) {
      return cli_usage("unknown option '-%c'", *c);
    }
    if (option->type != CLI_FLAG) {
      return take_value(option, c[1] == 0 ? NULL : c + 1, left, words, values, used);
    }
    int status = set_value(option, "", values);
    if (status != CLI_OK) {
      return status;
    }
  }
  return CLI_OK;
}

int32_t cli_find_verb(const cli_command *command, const char *word) {
  for (int32_t i = 0; command->verbs != NULL && command->verbs[i].name != NULL; i++) {
    if (strcmp(command->verbs[i].name, word) == 0) {
      return i;
    }
  }
  return -1;
}

bool cli_option_has_verb(const cli_option *option, int32_t verb) {
  return option->verbs == 0 || (verb >= 0 && (option->verbs >> verb & 1) != 0);
}

/* The options that `word` gives, which was parsed, as bits. */
static uint64_t options_of(const cli_command *command, const char *word) {
  uint64_t found = 0;
  if (word[1] == '-') {
    return UINT64_C(1) << (cli_find_option(command, word) - command->options);
  }
  for (const char *c = word + 1; *c != 0; c++) {
    const cli_option *option = find_letter(command, *c);
    found |= UINT64_C(1) << (option - command->options);
    if (option->type != CLI_FLAG) {
      break;
    }
  }
  return found;
}

/* Takes the verb off the arguments; `given` are the options that were, as bits. */
static int take_verb(const cli_command *command, char **argv, uint64_t given, void *values,
                     cli_parsed *parsed) {
  if (parsed->count == 0) {
    return cli_usage("expected %s", command->arguments);
  }
  const int32_t verb = cli_find_verb(command, argv[0]);
  if (verb < 0) {
    return cli_usage("unknown word '%s': expected %s", argv[0], command->arguments);
  }
  for (int32_t i = 0; i < command->option_count; i++) {
    if ((given >> i & 1) != 0 && !cli_option_has_verb(&command->options[i], verb)) {
      return cli_usage("option --%s does not go with '%s'", command->options[i].name, argv[0]);
    }
  }
  *(int32_t *)((char *)values + command->verb_offset) = verb;
  parsed->count--;
  memmove(argv, argv + 1, (size_t)parsed->count * sizeof *argv);
  if (parsed->count < command->verbs[verb].least) {
    return cli_usage("expected %s %s", command->verbs[verb].name, command->verbs[verb].arguments);
  }
  return CLI_OK;
}

int cli_parse(const cli_command *command, int argc, char **argv, void *values, cli_parsed *parsed) {
  bool options = true;
  uint64_t given = 0;
  *parsed = (cli_parsed){false, 0};
  for (int i = 0; i < argc;) {
    if (options && strcmp(argv[i], "--") == 0) {
      options = false;
      i++;
    } else if (options && argv[i][0] == '-' && argv[i][1] != 0) {
      if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
        parsed->help = true;
        return CLI_OK;
      }
      int used = 1;
      int status = (argv[i][1] == '-' ? parse_long : parse_short)(command, argc - i, argv + i,
                                                                  values, &used);
      if (status != CLI_OK) {
        return status;
      }
      given |= options_of(command, argv[i]);
      i += used;
    } else {
      argv[parsed->count++] = argv[i++];
    }
  }
  if (command->verbs != NULL) {
    const int status = take_verb(command, argv, given, values, parsed);
    if (status != CLI_OK) {
      return status;
    }
  }
  if (parsed->count < command->least) {
    return cli_usage("expected %s", command->arguments);
  }
  if (command->most >= 0 && parsed->count > command->most) {
    return cli_usage("unexpected argument '%s'", argv[command->most]);
  }
  return CLI_OK;
}
