/* hub_server: the tests' hub as a program. Prints {"endpoints": [hub, content network, stranger,
 * TLS]} and serves until its standard input ends. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

static void *wait_for_end(void *unused) {
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
  exit(0);
  return unused;
}

int main(void) {
  int sockets[HUB_PORTS], ports[HUB_PORTS];
  pthread_t thread;
  for (int i = 0; i < HUB_PORTS; i++) {
    sockets[i] = hub_listen(&ports[i]);
    if (sockets[i] < 0) {
      perror("hub_server");
      return 1;
    }
    printf("%s\"http%s://127.0.0.1:%d\"%s", i == 0 ? "{\"endpoints\": [" : ", ",
           i == HUB_PORTS - 1 ? "s" : "", ports[i], i == HUB_PORTS - 1 ? "]}\n" : "");
  }
  if (fflush(stdout) != 0 || pthread_create(&thread, NULL, wait_for_end, NULL) != 0) {
    return 1;
  }
  hub_serve(sockets);
}
