// Child processes. A process of its own, the janitor, waits for the end of this program: whatever
// ends it (a signal, too), the janitor ends the children and removes the private folder. Children
// are of the janitor's process group, so that one kill reaches them all.
#include "jet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *temporary;
static pid_t janitor;
static int alive = -1;  // the janitor sees the end of file when nobody has it open

const char *jet_temporary(void) {
  return temporary;
}

// The folder has no folders in it.
static bool remove_folder(const char *path) {
  DIR *open_folder = opendir(path);
  if (!open_folder) {
    return errno == ENOENT;
  }
  for (struct dirent *entry; (entry = readdir(open_folder));) {
    unlinkat(dirfd(open_folder), entry->d_name, 0);
  }
  closedir(open_folder);
  return rmdir(path) == 0;
}

static void clean(int end, const char *path) JET_NORETURN;

static void clean(int end, const char *path) {
  setpgid(0, 0);
  signal(SIGTERM, SIG_IGN);
  char byte;
  while (read(end, &byte, 1) < 0 && errno == EINTR) {
  }
  kill(0, SIGTERM);
  // A child that is ending may still write a file.
  for (int i = 0; i < 100 && !remove_folder(path); ++i) {
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  _exit(0);
}

void jet_open_processes(void) {
  const char *base = getenv("TMPDIR");
  temporary = jet_format("%s/jimm-jet-XXXXXX", base && *base ? base : "/tmp");
  int ends[2];
  if (!mkdtemp(temporary)) {
    char *path = temporary;
    temporary = NULL;
    jet_fail("cannot make a folder like %s: %s", path, strerror(errno));
  }
  if (pipe2(ends, O_CLOEXEC) != 0 || (janitor = fork()) < 0) {
    remove_folder(temporary);
    jet_fail("cannot start a process: %s", strerror(errno));
  }
  if (janitor == 0) {
    close(ends[1]);
    clean(ends[0], temporary);
  }
  setpgid(janitor, janitor);
  close(ends[0]);
  alive = ends[1];
  jet.at_end = jet_close_processes;
}

void jet_close_processes(void) {
  if (alive >= 0) {
    close(alive);
    alive = -1;
    while (waitpid(janitor, NULL, 0) < 0 && errno == EINTR) {
    }
  }
}

extern char **environ;

static pid_t start(jet_job *job) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, janitor);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, job->output ? job->output : "/dev/null",
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  if (job->directory) {
    posix_spawn_file_actions_addchdir_np(&actions, job->directory);
  }
  pid_t pid = -1;
  job->error =
      posix_spawnp(&pid, job->argv.items[0], &actions, &attributes, job->argv.items, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return job->error ? -1 : pid;
}

void jet_run(jet_job *jobs, size_t count, unsigned parallel) {
  pid_t *pids = jet_alloc((count + 1) * sizeof *pids);
  size_t next = 0;
  size_t running = 0;
  while (next < count || running) {
    if (next < count && running < parallel) {
      pids[next] = start(&jobs[next]);
      running += pids[next] > 0;
      ++next;
      continue;
    }
    int status;
    pid_t pid = waitpid(-janitor, &status, 0);
    if (pid < 0 && errno != EINTR) {
      jet_fail("cannot wait for a process: %s", strerror(errno));
    }
    for (size_t i = 0; i < next; ++i) {
      if (pid > 0 && pids[i] == pid) {
        jobs[i].status = status;
        pids[i] = 0;
        --running;
      }
    }
    if (pid == janitor) {
      jet_fail("the process that cleans up has ended");
    }
  }
}

bool jet_succeeded(const jet_job *job) {
  return !job->error && WIFEXITED(job->status) && WEXITSTATUS(job->status) == 0;
}
