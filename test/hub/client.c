/* hub_client [datasets/|spaces/]NS/NAME FILE... [--revision R]: a small client of the hub for tests
 * that end it, watch it, or run it beside others. Prints a path a file; the exit status is the
 * jimm_status. */
#include <jimm/base.h>
#include <jimm/hub.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  jimm_hub_options options = JIMM_HUB_OPTIONS_INIT;
  const char *repo = argc > 1 ? argv[1] : "";
  if (strncmp(repo, "datasets/", 9) == 0) {
    options.repo_type = JIMM_REPO_DATASET;
    repo += 9;
  } else if (strncmp(repo, "spaces/", 7) == 0) {
    options.repo_type = JIMM_REPO_SPACE;
    repo += 7;
  }
  for (int i = 2; i + 1 < argc; i++) {
    if (strcmp(argv[i], "--revision") == 0) {
      options.revision = argv[i + 1];
    }
  }
  for (int i = 2; i < argc; i++) {
    char *path = NULL;
    if (strcmp(argv[i], "--revision") == 0) {
      i++;
      continue;
    }
    const jimm_status status = jimm_hub_download(repo, argv[i], &options, &path);
    if (status != JIMM_OK) {
      fprintf(stderr, "hub_client: %s\n", jimm_error_message());
      return (int)status;
    }
    printf("%s\n", path);
    jimm_text_free(path);
  }
  return fflush(stdout) == 0 ? 0 : JIMM_ERROR_IO;
}
