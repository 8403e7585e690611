/* TLS for the fourth port: a certificate of its own for 127.0.0.1, made when the server starts. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static SSL_CTX *context;
static char *certificate;

static bool add_extension(X509 *made, int kind, const char *value) {
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
  const bool added = extension != NULL && X509_add_ext(made, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

static X509 *make_certificate(EVP_PKEY *key) {
  X509 *made = X509_new();
  X509_NAME *name = made == NULL ? NULL : X509_get_subject_name(made);
  if (name == NULL || X509_set_version(made, X509_VERSION_3) != 1 ||
      ASN1_INTEGER_set(X509_get_serialNumber(made), 1) != 1 ||
      X509_gmtime_adj(X509_getm_notBefore(made), -3600) == NULL ||
      X509_gmtime_adj(X509_getm_notAfter(made), 24L * 3600) == NULL ||
      X509_set_pubkey(made, key) != 1 ||
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test hub", -1,
                                 -1, 0) != 1 ||
      X509_set_issuer_name(made, name) != 1 ||
      !add_extension(made, NID_subject_alt_name, "IP:127.0.0.1") ||
      !add_extension(made, NID_basic_constraints, "critical,CA:TRUE") ||
      X509_sign(made, key, EVP_sha256()) == 0) {
    abort();
  }
  return made;
}

void hub_tls_begin(void) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  context = SSL_CTX_new(TLS_server_method());
  BIO *memory = BIO_new(BIO_s_mem());
  if (key == NULL || context == NULL || memory == NULL) {
    abort();
  }
  X509 *made = make_certificate(key);
  char *text = NULL;
  if (SSL_CTX_use_certificate(context, made) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1 ||
      PEM_write_bio_X509(memory, made) != 1) {
    abort();
  }
  const long size = BIO_get_mem_data(memory, &text);
  certificate = strndup(text, (size_t)size);
  BIO_free(memory);
  X509_free(made);
  EVP_PKEY_free(key);
}

const char *hub_tls_certificate(void) {
  return certificate;
}

bool hub_tls_accept(hub_connection *connection) {
  SSL *tls = SSL_new(context);
  if (tls == NULL || SSL_set_fd(tls, connection->socket) != 1 || SSL_accept(tls) != 1) {
    SSL_free(tls);
    ERR_clear_error();
    return false;
  }
  connection->tls = tls;
  return true;
}

ssize_t hub_tls_receive(const hub_connection *connection, void *data, size_t size) {
  return SSL_read(connection->tls, data, size > 65536 ? 65536 : (int)size);
}

ssize_t hub_tls_send(const hub_connection *connection, const void *data, size_t size) {
  return SSL_write(connection->tls, data, size > 65536 ? 65536 : (int)size);
}

void hub_tls_close(hub_connection *connection, bool whole) {
  if (whole) {
    SSL_shutdown(connection->tls);
  }
  SSL_free(connection->tls);
  connection->tls = NULL;
}
