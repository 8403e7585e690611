/* The jimm program: finds the command, parses its options, runs it, checks that stdout was written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* Were descriptor 1 closed, the first file that is opened would take its number and receive what is
 * printed. A descriptor that cannot be written makes the printing fail instead. */
static void guard_descriptors(void) {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
      (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
  }
}

static void print_warning(void *context, jimm_log_level level, const char *message) {
  (void)context;
  (void)level;
  cli_note("warning: %s", message);
}

static int run_command(const cli_entry *entry, int argc, char **argv) {
  const cli_command *command = entry->command;
  void *values = malloc(command->values_size);
  if (values == NULL) {
    return cli_fail_memory();
  }
  memcpy(values, command->defaults, command->values_size);
  cli_parsed parsed;
  int status = cli_parse(command, argc, argv, values, &parsed);
  if (status == CLI_OK && parsed.help) {
    cli_print_command_help(stdout, entry);
  } else if (status == CLI_OK) {
    status = command->run(values, parsed.count, argv);
  }
  free(values);
  return status;
}

static int fail_word(const char *word) {
  if (word[0] == '-') {
    return cli_usage("unknown option '%s'", word);
  }
  char names[256] = "";
  size_t length = 0;
  for (const cli_entry *entry = cli_commands; entry->name != NULL; entry++) {
    if (length < sizeof names) {
      length += (size_t)snprintf(names + length, sizeof names - length, "%s%s",
                                 length == 0 ? "" : ", ", entry->name);
    }
  }
  return cli_usage("unknown command '%s': expected one of %s", word, names);
}

static int dispatch(int argc, char **argv) {
  if (argc < 2) {
    cli_print_help(stderr);
    return CLI_USAGE;
  }
  const char *word = argv[1];
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
    cli_print_help(stdout);
    return CLI_OK;
  }
  if (strcmp(word, "--version") == 0) {
    printf("jimm %s\n", jimm_version());
    return CLI_OK;
  }
  if (strcmp(word, "--man") == 0) { /* for the build and for packagers: the man page */
    cli_print_man(stdout);
    return CLI_OK;
  }
  if (strcmp(word, "--complete") == 0) { /* for completion.bash */
    cli_complete(stdout, argc - 2, argv + 2);
    return CLI_OK;
  }
  const cli_entry *entry = cli_find_command(word);
  if (entry == NULL) {
    return fail_word(word);
  }
  cli_set_command(entry->name);
  return run_command(entry, argc - 2, argv + 2);
}

int main(int argc, char **argv) {
  guard_descriptors();
  cli_watch_signals();
  cli_keep_arguments(argc, argv);
  jimm_set_log(print_warning, NULL, JIMM_LOG_WARNING);
  int status = dispatch(argc, argv);
  errno = 0;
  bool failed = fflush(stdout) != 0;
  if (failed || ferror(stdout)) {
    int printed = cli_fail("cannot write to standard output: %s",
                           errno != 0 ? strerror(errno) : "write error");
    return status == CLI_OK ? printed : status;
  }
  return status;
}
