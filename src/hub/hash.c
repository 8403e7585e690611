/* SHA-256 and git's SHA-1, by OpenSSL. */
#include <string.h>

#include <openssl/evp.h>

#include "base/locale.h"
#include "hub/hub.h"

jimm_hash_type jimm_hash_of_etag(const char *etag) {
  const size_t length = strlen(etag);
  if (strspn(etag, "0123456789abcdef") != length) {
    return JIMM_HASH_NONE;
  }
  return length == 64 ? JIMM_HASH_SHA256 : length == 40 ? JIMM_HASH_GIT : JIMM_HASH_NONE;
}

jimm_status jimm_hash_begin(jimm_hash *hash, jimm_hash_type type, int64_t size) {
  hash->type = type;
  if (type == JIMM_HASH_NONE) {
    return JIMM_OK;
  }
  if (hash->context == NULL) {
    hash->context = EVP_MD_CTX_new();
  }
  const EVP_MD *kind = type == JIMM_HASH_GIT ? EVP_sha1() : EVP_sha256();
  if (hash->context == NULL || EVP_DigestInit_ex(hash->context, kind, NULL) != 1) {
    return jimm_fail(JIMM_ERROR_OUT_OF_MEMORY, "out of memory: a hash");
  }
  char header[32];
  const int length = jimm_snprintf(header, sizeof header, "blob %lld", (long long)size);
  return type != JIMM_HASH_GIT || jimm_hash_add(hash, header, (size_t)length + 1)
             ? JIMM_OK
             : jimm_fail(JIMM_ERROR_INTERNAL, "OpenSSL cannot hash");
}

bool jimm_hash_add(jimm_hash *hash, const void *data, size_t size) {
  return hash->type == JIMM_HASH_NONE || EVP_DigestUpdate(hash->context, data, size) == 1;
}

bool jimm_hash_end(jimm_hash *hash, char text[JIMM_HASH_TEXT]) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int count = 0;
  text[0] = 0;
  if (hash->type == JIMM_HASH_NONE) {
    return true;
  }
  if (EVP_DigestFinal_ex(hash->context, bytes, &count) != 1 || 2 * count >= JIMM_HASH_TEXT) {
    return false;
  }
  for (unsigned int i = 0; i < count; i++) {
    jimm_snprintf(text + (size_t)2 * i, 3, "%02x", (unsigned int)bytes[i]);
  }
  return true;
}

void jimm_hash_close(jimm_hash *hash) {
  EVP_MD_CTX_free(hash->context);
  hash->context = NULL;
}
