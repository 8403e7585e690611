#include "terminal.h"

#include <fcntl.h>
#include <jimm-test/jimm-test.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static char shown[1 << 18];
static char name[128];
static int master = -1, keep = -1, chosen;
static pthread_t reader;
static atomic_bool ends;

static void *read_all(void *unused) {
  size_t size = 0;
  (void)unused;
  for (;;) {
    struct pollfd ready = {.fd = master, .events = POLLIN};
    const int count = poll(&ready, 1, 20);
    if (count == 0 && ends) {
      break;
    }
    if (count > 0) {
      const ssize_t got = read(master, shown + size, sizeof shown - size - 1);
      if (got <= 0) {
        break;
      }
      size += (size_t)got;
    }
  }
  shown[size] = 0;
  return NULL;
}

static void take_terminal(void) {
  const int slave = open(name, O_RDWR | O_NOCTTY);
  for (int fd = 0; fd < 3; fd++) {
    if ((chosen >> fd & 1) != 0 && dup2(slave, fd) < 0) {
      _exit(126);
    }
  }
  close(slave);
}

void terminal_open(int descriptors, int columns, const char *typed) {
  master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
    close(master);
    TEST_SKIP("no terminal to be had");
  }
  snprintf(name, sizeof name, "%s", ptsname(master));
  keep = open(name, O_RDWR | O_NOCTTY); /* its end would drop the output */
  struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
  TEST_REQUIRE(keep >= 0 && ioctl(keep, TIOCSWINSZ, &size) == 0);
  chosen = descriptors;
  ends = false;
  TEST_REQUIRE_INT(pthread_create(&reader, NULL, read_all, NULL), 0);
  TEST_REQUIRE(write(master, typed, strlen(typed)) == (ssize_t)strlen(typed));
  setenv("TERM", "xterm", 1);
  run_prepare = take_terminal;
}

const char *terminal_close(void) {
  run_prepare = NULL;
  ends = true;
  pthread_join(reader, NULL);
  close(keep);
  close(master);
  return shown;
}

/* Knows what the program uses: newline, return, up, clear to the end of line or screen. */
const char *terminal_seen(const char *text, int *width) {
  enum { ROWS = 200, COLUMNS = 512 };
  static char screen[ROWS][COLUMNS], seen[ROWS * 8];
  int row = 0, column = 0, rows = 0;
  memset(screen, 0, sizeof screen);
  if (width != NULL) {
    *width = 0;
  }
  for (const char *c = text; *c != 0; c++) {
    if (*c == '\n') {
      TEST_REQUIRE(++row < ROWS);
      rows = row > rows ? row : rows;
    } else if (*c == '\r') {
      column = 0;
    } else if (*c == '\033' && c[1] == '[') {
      const int number = atoi(c + 2);
      c += 2 + strspn(c + 2, "0123456789");
      if (*c == 'A') {
        row -= number < row ? number : row;
      } else {
        TEST_CHECK(*c == 'K' || *c == 'J');
        memset(screen[row] + column, 0, (size_t)(COLUMNS - column));
        for (int below = row + 1; *c == 'J' && below < ROWS; below++) {
          memset(screen[below], 0, COLUMNS);
        }
      }
    } else {
      TEST_REQUIRE(column < COLUMNS - 1);
      screen[row][column++] = *c;
      if (width != NULL && column > *width) {
        *width = column;
      }
    }
  }
  size_t length = 0;
  for (int i = 0; i <= rows; i++) {
    length += (size_t)snprintf(seen + length, sizeof seen - length, "%s%s", screen[i],
                               i < rows ? "\n" : "");
    TEST_REQUIRE(length < sizeof seen);
  }
  while (length > 0 && seen[length - 1] == '\n') {
    seen[--length] = 0;
  }
  return seen;
}
