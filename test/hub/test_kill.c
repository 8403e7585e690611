/* kill -9 of a downloading client at random moments: what it leaves never passes for a file, and
 * the next client is not hindered. JIMM_TEST_FULL=1 does it more often. */
#include <fcntl.h>
#include <jimm-test/jimm-test.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "case.h"
#include "folder.h"
#include "server/server.h"

#define SIZE (2 << 20)
/* A download takes so long; it is killed within a little more. */
#define SECONDS 0.25

static const char *client;

TEST_SETUP() {
  hub_server_start();
  client = getenv("JIMM_HUB_CLIENT");
  TEST_REQUIRE_MSG(client != NULL, "JIMM_HUB_CLIENT must name the built client");
  client = realpath(client, NULL);
  TEST_REQUIRE(client != NULL);
}

static pid_t start_client(void) {
  fflush(NULL);
  const pid_t child = fork();
  TEST_REQUIRE(child >= 0);
  if (child == 0) {
    const int out = open("out.txt", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (out < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) {
      _exit(126);
    }
    execl(client, client, "ns/name", "sub/a.bin", (char *)NULL);
    _exit(127);
  }
  return child;
}

static int wait_for(pid_t child) {
  int state = 0;
  TEST_REQUIRE(waitpid(child, &state, 0) == child);
  return state;
}

static bool ends_in(const char *name, size_t length, const char *ending) {
  const size_t size = strlen(ending);
  return length >= size && memcmp(name + length - size, ending, size) == 0;
}

/* Every file of the cache: a blob is what its name says, all else is small or unfinished. Counts
 * the unfinished ones. */
static int check_left(const char *etag, bool whole) {
  char *tree = hub_tree(hub_path("cache"));
  bool found = false;
  int unfinished = 0;
  static unsigned char bytes[SIZE + 1];
  char blob[200], name[65];
  for (char *rest = NULL, *line = strtok_r(tree, "\n", &rest); line != NULL;
       line = strtok_r(NULL, "\n", &rest)) {
    const char *path = line + strcspn(line, " ") + 1;
    const size_t length = strcspn(path, " ");
    if (line[0] == 'd' || line[0] == 'l') {
      continue;
    }
    if (ends_in(path, length, ".incomplete") || ends_in(path, length, ".tmp")) {
      unfinished++;
    } else if (strncmp(path, "models--ns--name/blobs/", 23) == 0) {
      snprintf(blob, sizeof blob, "cache/%.*s", (int)length, path);
      const long size = read_bytes(hub_path(blob), bytes, sizeof bytes);
      hub_name_bytes(bytes, size < 0 ? 0 : (size_t)size, true, name);
      TEST_CHECK_MSG(strncmp(path + 23, name, 64) == 0 && length == 23 + 64,
                     "a blob that is not what its name says: %s", line);
      TEST_CHECK_STR(name, etag);
      found = true;
    } else {
      TEST_CHECK_MSG(strncmp(path, ".locks/", 7) == 0 || strncmp(path, "CACHEDIR.TAG", 12) == 0 ||
                         strncmp(path, "models--ns--name/refs/main \"" HUB_COMMIT "\"", 60) == 0,
                     "left: %s", line);
    }
  }
  free(tree);
  TEST_CHECK_MSG(found || !whole, "no blob");
  return unfinished;
}

TEST(killed_clients_leave_nothing_that_passes_for_a_file) {
  const char *full = getenv("JIMM_TEST_FULL");
  const int wanted = full != NULL && strcmp(full, "1") == 0 ? 50 : 6;
  unsigned seed = (unsigned)time(NULL);
  int unfinished = 0, killed = 0, whole = 0;
  TEST_NOTE("seed %u, %d times", seed, wanted);
  /* Moments from before the first request to after the end: those who have ended do not count. */
  for (int i = 0; killed < wanted && i < 4 * wanted; i++) {
    char place[20], etag[65];
    snprintf(place, sizeof place, "kill%d", i);
    hub_clear();
    hub_place(place);
    hub_publish(&(hub_file){.repo = "ns/name",
                            .commit = HUB_COMMIT,
                            .revisions = "main",
                            .name = "sub/a.bin",
                            .size = SIZE,
                            .seed = i + 1,
                            .lfs = true},
                etag);
    hub_rule_add(&(hub_rule){.target = "/cdn/",
                             .prefix = true,
                             .hub = true,
                             .times = 1,
                             .rate = (int64_t)(SIZE / SECONDS)});
    const pid_t child = start_client();
    seed = seed * 1103515245 + 12345;
    usleep((useconds_t)((double)(seed >> 8) / (1 << 24) * 1.3 * SECONDS * 1e6));
    kill(child, SIGKILL);
    const bool dead = WIFSIGNALED(wait_for(child));
    killed += dead;
    whole += !dead;
    unfinished += check_left(etag, !dead);
    const int state = wait_for(start_client());
    TEST_CHECK_MSG(WIFEXITED(state) && WEXITSTATUS(state) == 0, "state %d", state);
    check_left(etag, true);
    char line[700] = "", want[700];
    snprintf(want, sizeof want, "%s\n", hub_path(HUB_REPO "/snapshots/" HUB_COMMIT "/sub/a.bin"));
    const long size = read_bytes("out.txt", line, sizeof line - 1);
    line[size < 0 ? 0 : size] = 0;
    TEST_CHECK_STR(line, want);
  }
  TEST_NOTE("%d killed, %d had ended; %d unfinished files", killed, whole, unfinished);
  TEST_CHECK_MSG(killed == wanted, "only %d clients were killed in time", killed);
}

TEST_MAIN()
