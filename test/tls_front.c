#include "tls_front.h"

#include <arpa/inet.h>
#include <jimm-test/jimm-test.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub_internal.h"

static SSL_CTX *context;
static int plain_port;
static pid_t owner, child;

/* ---- the certificate ---- */

static X509 *make_certificate(EVP_PKEY *key) {
  X509 *made = X509_new();
  X509_NAME *name = X509_get_subject_name(made);
  ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
  X509_set_version(made, 2);
  X509_gmtime_adj(X509_getm_notBefore(made), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made), 86400);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"127.0.0.1", -1, -1,
                             0);
  X509_set_issuer_name(made, name);
  X509_set_pubkey(made, key);
  static const struct {
    int kind;
    const char *value;
  } rows[] = {{NID_subject_alt_name, "IP:127.0.0.1"}, {NID_basic_constraints, "critical,CA:TRUE"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, rows[i].kind, rows[i].value);
    TEST_REQUIRE(extension != NULL && X509_add_ext(made, extension, -1) == 1);
    X509_EXTENSION_free(extension);
  }
  TEST_REQUIRE(X509_sign(made, key, EVP_sha256()) > 0);
  return made;
}

static void make_context(const char *path) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  TEST_REQUIRE(key != NULL);
  X509 *certificate = make_certificate(key);
  context = SSL_CTX_new(TLS_server_method());
  TEST_REQUIRE(context != NULL && SSL_CTX_use_certificate(context, certificate) == 1 &&
               SSL_CTX_use_PrivateKey(context, key) == 1);
  FILE *file = fopen(path, "w");
  TEST_REQUIRE_MSG(file != NULL && PEM_write_X509(file, certificate) == 1 && fclose(file) == 0,
                   "%s", path);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

/* ---- the child ---- */

static int connect_plain(void) {
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                      .sin_port = htons((uint16_t)plain_port)};
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made >= 0 && connect(made, (const struct sockaddr *)&address, sizeof address) == 0) {
    return made;
  }
  close(made);
  return -1;
}

/* Carries bytes both ways until either side ends. */
static void carry(SSL *ssl, int outside, int inside) {
  char block[16384];
  struct pollfd both[2] = {{outside, POLLIN, 0}, {inside, POLLIN, 0}};
  while (poll(both, 2, SSL_pending(ssl) > 0 ? 0 : -1) >= 0) {
    if (both[0].revents != 0 || SSL_pending(ssl) > 0) {
      const int got = SSL_read(ssl, block, sizeof block);
      if (got <= 0 || !hub_send(inside, block, (size_t)got)) {
        return;
      }
    }
    if (both[1].revents != 0) {
      const ssize_t got = read(inside, block, sizeof block);
      if (got <= 0 || SSL_write(ssl, block, (int)got) <= 0) {
        return;
      }
    }
  }
}

static void *serve(void *argument) {
  const int outside = (int)(intptr_t)argument;
  const int inside = connect_plain();
  SSL *ssl = SSL_new(context);
  if (inside >= 0 && ssl != NULL && SSL_set_fd(ssl, outside) == 1 && SSL_accept(ssl) == 1) {
    carry(ssl, outside, inside);
    SSL_shutdown(ssl);
  }
  SSL_free(ssl);
  close(inside);
  close(outside);
  return NULL;
}

static void serve_all(int listener) {
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    pthread_t thread;
    const int outside = accept(listener, NULL, NULL);
    if (outside >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)outside) == 0) {
      pthread_detach(thread);
    }
  }
}

static void stop(void) {
  if (owner == getpid() && child > 0) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
}

int tls_front_start(int port, const char *certificate) {
  int own = 0;
  const int listener = hub_listen(&own);
  TEST_REQUIRE(listener >= 0);
  make_context(certificate);
  plain_port = port;
  fflush(NULL);
  owner = getpid();
  child = fork();
  TEST_REQUIRE(child >= 0);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve_all(listener);
  }
  close(listener);
  SSL_CTX_free(context);
  atexit(stop);
  return own;
}
