/* What is known of fixtures without HDF5: their names, and how they are closed. */
#include <stdio.h>
#include <string.h>

#include <jimm/parity.h>

#include "base/alloc.h"

bool jimm_parity_parse_name(const char *file, jimm_parity_name *name) {
  static const char ending[] = "_io.h5", pyramid[] = "_featsonly";
  const char *slash = strrchr(file, '/');
  const char *base = slash == NULL ? file : slash + 1;
  size_t length = strlen(base);
  memset(name, 0, sizeof *name);
  name->in_chans = 3;
  if (length < sizeof ending || length >= sizeof name->key ||
      strcmp(base + length - (sizeof ending - 1), ending) != 0) {
    return false;
  }
  length -= sizeof ending - 1;
  memcpy(name->key, base, length);
  if (length >= sizeof pyramid && strcmp(name->key + length - (sizeof pyramid - 1), pyramid) == 0) {
    length -= sizeof pyramid - 1;
    name->key[length] = 0;
    name->pyramid = true;
  }
  char *mark = strrchr(name->key, '_');
  int channels = 0, end = 0;
  if (mark != NULL && mark > name->key && sscanf(mark, "_in%4dc%n", &channels, &end) == 1 &&
      mark[end] == 0 && channels > 0) {
    *mark = 0;
    name->in_chans = channels;
  }
  return true;
}

void jimm_parity_close(jimm_parity *parity) {
  if (parity != NULL) {
    jimm_tensor_close(&parity->input);
    jimm_tensor_close(&parity->channels);
    jimm_tensor_close(&parity->reductions);
    jimm_state_close(&parity->state);
    jimm_state_close(&parity->outputs);
    jimm_state_close(&parity->stages);
    jimm_free(parity->variant);
    jimm_free(parity->options);
    *parity = (jimm_parity){.state = NULL};
  }
}
