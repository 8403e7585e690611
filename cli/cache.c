/* jimm cache: the command; what it does is in cache_ls.c, cache_verify.c and cache_rm.c. */
#include "cache.h"

static int run(const void *values_, int count, char **arguments) {
  const cache_values *values = values_;
  cache_choice choice = {NULL, NULL, 0};
  int status = cache_choose(&choice, values, count, arguments);
  if (status == CLI_OK && values->verb == CACHE_LS) {
    status = cache_ls(&choice, values);
  } else if (status == CLI_OK && values->verb == CACHE_VERIFY) {
    status = cache_verify(&choice, values);
  } else if (status == CLI_OK) {
    status = cache_rm(&choice, values);
  }
  cache_choice_close(&choice);
  return status;
}

static const cache_values defaults = {0, NULL, NULL, false, false, false};

static const cli_verb verbs[] = {
    {"ls", "[REPO-GLOB...]", "list the files: repository, branches and tags, commit, size", 0},
    {"verify", "[REPO-GLOB...]",
     "compare every file's bytes with their hash: ok, DAMAGED, or not checkable where nothing says "
     "what they should be",
     0},
    {"rm", "REPO-GLOB...",
     "remove files: asks first; what other revisions need stays, a repository goes with its last "
     "file",
     1},
    {NULL, NULL, NULL, 0}};

enum { LS = 1 << CACHE_LS, VERIFY = 1 << CACHE_VERIFY, RM = 1 << CACHE_RM };

static const cli_option options[] = {
    {.name = "cache",
     .type = CLI_TEXT,
     .argument = "DIR",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(cache_values, cache),
     .help = "the cache's folder (default: $HF_HUB_CACHE, else $HF_HOME/hub, else "
             "~/.cache/huggingface/hub)"},
    {.name = "json",
     .type = CLI_FLAG,
     .verbs = LS | VERIFY,
     .offset = offsetof(cache_values, json),
     .help = "print one JSON array with an object for each file"},
    {.name = "revision",
     .type = CLI_TEXT,
     .argument = "REVISION",
     .verbs = RM,
     .offset = offsetof(cache_values, revision),
     .help = "only this branch, tag or commit (or its first digits, at least seven)"},
    {.name = "dry-run",
     .type = CLI_FLAG,
     .verbs = RM,
     .offset = offsetof(cache_values, dry_run),
     .help = "only print what would be removed"},
    {.name = "yes",
     .type = CLI_FLAG,
     .verbs = RM,
     .offset = offsetof(cache_values, yes),
     .help = "do not ask; needed where there is no terminal to ask on"},
};

const cli_command cli_cache = {
    .arguments = "ls|verify|rm [REPO-GLOB...]",
    .details =
        "Shows, checks and empties the cache of the Hugging Face Hub, which jimm shares with "
        "Python. REPO-GLOB is a shell pattern (quote it) for \"ns/name\", \"datasets/ns/name\" or "
        "\"spaces/ns/name\"; without a slash it is for the names of timm's repositories, too: "
        "resnet50.a1_in1k, 'resnet*', and resnet50 is its default tag. One that matches nothing is "
        "an error.\n"
        "Bytes that several commits of a repository share count once.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .verbs = verbs,
    .verb_offset = offsetof(cache_values, verb),
    .least = 0,
    .most = -1,
    .words = {CLI_WORDS_CACHED, CLI_WORDS_CACHED},
    .values_size = sizeof(cache_values),
    .defaults = &defaults,
    .run = run,
};
