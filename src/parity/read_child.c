/* Reading a fixture without trusting the HDF5 library, which damaged files can crash: a child
 * process reads the file (read.c) and sends what it found through a pipe; here it is checked and
 * put together. The stream, in the machine's own layout: a status; then either a message, or the
 * input and the two states, each a count and so many names and tensors, then what a fixture need
 * not have. */
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "base/child.h"
#include "parity/hdf5.h"
#include "tensor/tensor.h"

#define NAME_BYTES 1024
#define MESSAGE_BYTES 1024
#define STATE_LIMIT 1000000
#define STREAM_LIMIT ((uint64_t)16 << 30)

typedef struct record {
  int32_t dtype, rank;
  int64_t dim[JIMM_MAX_RANK];
} record;

/* ---- the child ---- */

static void send_text(const jimm_child *child, const char *text, size_t limit) {
  const uint32_t length = (uint32_t)strnlen(text, limit);
  jimm_child_write(child, &length, sizeof(length));
  jimm_child_write(child, text, length);
}

static void send_tensor(const jimm_child *child, const jimm_tensor *tensor) {
  record r = {(int32_t)tensor->dtype, tensor->shape.rank, {0}};
  memcpy(r.dim, tensor->shape.dim, sizeof(r.dim));
  jimm_child_write(child, &r, sizeof(r));
  jimm_child_write(child, tensor->data, jimm_tensor_bytes(tensor));
}

static void send_state(const jimm_child *child, const jimm_state *state) {
  const int64_t count = jimm_state_count(state);
  jimm_child_write(child, &count, sizeof(count));
  for (int64_t i = 0; i < count; i++) {
    send_text(child, jimm_state_name(state, i), NAME_BYTES);
    send_tensor(child, jimm_state_tensor(state, i));
  }
}

/* What a fixture need not have is preceded by whether it is there. */
static void send_optional(const jimm_child *child, bool there) {
  const int32_t flag = there ? 1 : 0;
  jimm_child_write(child, &flag, sizeof(flag));
}

static void send_vector(const jimm_child *child, const jimm_tensor *tensor) {
  send_optional(child, tensor->dtype != JIMM_DTYPE_NONE);
  if (tensor->dtype != JIMM_DTYPE_NONE) {
    send_tensor(child, tensor);
  }
}

static void send_attribute(const jimm_child *child, const char *text) {
  send_optional(child, text != NULL);
  if (text != NULL) {
    send_text(child, text, JIMM_PARITY_TEXT_BYTES - 1);
  }
}

typedef struct request {
  const char *path;
  jimm_hdf5_session
      session; /* entered, so that no other thread is inside the library at the fork */
} request;

static void read_and_send(void *context, const jimm_child *child) {
  const request *r = context;
  jimm_parity parity;
  jimm_hdf5_leave(&r->session);
  const int32_t status = (int32_t)jimm_hdf5_read_fixture(r->path, &parity);
  jimm_child_write(child, &status, sizeof(status));
  if (status != JIMM_OK) {
    send_text(child, jimm_error_message(), MESSAGE_BYTES);
    return;
  }
  send_tensor(child, &parity.input);
  send_state(child, parity.state);
  send_state(child, parity.outputs);
  send_optional(child, parity.stages != NULL);
  if (parity.stages != NULL) {
    send_state(child, parity.stages);
  }
  send_vector(child, &parity.channels);
  send_vector(child, &parity.reductions);
  send_attribute(child, parity.variant);
  send_attribute(child, parity.options);
}

/* ---- the caller: every number may be wrong, for the child may be damaged before it crashes ----
 */

typedef struct receiver {
  const char *path;
  const jimm_child *child;
  uint64_t bytes; /* of tensors so far */
  bool early;     /* the child ended before it had sent everything */
} receiver;

static jimm_status ended(receiver *r) {
  r->early = true;
  return JIMM_ERROR_FORMAT;
}

static jimm_status nonsense(const receiver *r) {
  return jimm_fail(JIMM_ERROR_FORMAT,
                   "%s: the HDF5 library came to nonsense on this file, which is damaged", r->path);
}

static jimm_status receive_text(receiver *r, char *text, size_t limit) {
  uint32_t length;
  if (!jimm_child_read(r->child, &length, sizeof(length))) {
    return ended(r);
  }
  if (length > limit) {
    return nonsense(r);
  }
  if (!jimm_child_read(r->child, text, length)) {
    return ended(r);
  }
  text[length] = 0;
  return JIMM_OK;
}

static jimm_status receive_tensor(receiver *r, jimm_tensor *tensor) {
  record header;
  size_t bytes;
  if (!jimm_child_read(r->child, &header, sizeof(header))) {
    return ended(r);
  }
  jimm_shape shape = {.rank = header.rank};
  memcpy(shape.dim, header.dim, sizeof(shape.dim));
  if (jimm_tensor_check_type((jimm_dtype)header.dtype, &shape, &bytes) != JIMM_OK ||
      bytes > STREAM_LIMIT - r->bytes) {
    return nonsense(r);
  }
  r->bytes += bytes;
  jimm_status status = jimm_tensor_create((jimm_dtype)header.dtype, &shape, tensor);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "%s", r->path);
  }
  if (!jimm_child_read(r->child, tensor->data, bytes)) {
    jimm_tensor_close(tensor);
    return ended(r);
  }
  return JIMM_OK;
}

static jimm_status receive_state(receiver *r, jimm_state **state) {
  int64_t count;
  char name[NAME_BYTES + 1];
  jimm_status status = jimm_state_create(state);
  if (status == JIMM_OK && !jimm_child_read(r->child, &count, sizeof(count))) {
    return ended(r);
  }
  if (status == JIMM_OK && (count < 0 || count > STATE_LIMIT)) {
    return nonsense(r);
  }
  for (int64_t i = 0; status == JIMM_OK && i < count; i++) {
    jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
    status = receive_text(r, name, NAME_BYTES);
    if (status == JIMM_OK) {
      status = receive_tensor(r, &tensor);
    }
    if (status == JIMM_OK) {
      status = jimm_state_add_owned(*state, name, &tensor);
      status = status == JIMM_ERROR_INVALID_ARGUMENT ? nonsense(r) : status;
    }
    jimm_tensor_close(&tensor);
  }
  return status;
}

static jimm_status receive_optional(receiver *r, bool *there) {
  int32_t flag;
  if (!jimm_child_read(r->child, &flag, sizeof(flag))) {
    return ended(r);
  }
  *there = flag == 1;
  return flag == 0 || flag == 1 ? JIMM_OK : nonsense(r);
}

static jimm_status receive_vector(receiver *r, jimm_tensor *tensor) {
  bool there = false;
  const jimm_status status = receive_optional(r, &there);
  return status == JIMM_OK && there ? receive_tensor(r, tensor) : status;
}

static jimm_status receive_attribute(receiver *r, char **text) {
  bool there = false;
  char buffer[JIMM_PARITY_TEXT_BYTES];
  jimm_status status = receive_optional(r, &there);
  if (status != JIMM_OK || !there) {
    return status;
  }
  status = receive_text(r, buffer, sizeof(buffer) - 1);
  if (status == JIMM_OK) {
    *text = jimm_strdup(buffer);
    status = *text == NULL ? JIMM_ERROR_OUT_OF_MEMORY : JIMM_OK;
  }
  return status;
}

static jimm_status receive_extras(receiver *r, jimm_parity *parity) {
  bool stages = false;
  jimm_status status = receive_optional(r, &stages);
  if (status == JIMM_OK && stages) {
    status = receive_state(r, &parity->stages);
  }
  if (status == JIMM_OK) {
    status = receive_vector(r, &parity->channels);
  }
  if (status == JIMM_OK) {
    status = receive_vector(r, &parity->reductions);
  }
  if (status == JIMM_OK) {
    status = receive_attribute(r, &parity->variant);
  }
  return status == JIMM_OK ? receive_attribute(r, &parity->options) : status;
}

static jimm_status receive(receiver *r, jimm_parity *parity) {
  int32_t found;
  if (!jimm_child_read(r->child, &found, sizeof(found))) {
    return ended(r);
  }
  if (found != JIMM_OK) {
    char message[MESSAGE_BYTES + 1] = "";
    const jimm_status status = receive_text(r, message, MESSAGE_BYTES);
    if (status != JIMM_OK) {
      return status;
    }
    const char *known = jimm_status_name((jimm_status)found);
    return strcmp(known, "unknown status") == 0 || message[0] == 0
               ? nonsense(r)
               : jimm_fail((jimm_status)found, "%s", message);
  }
  jimm_status status = receive_tensor(r, &parity->input);
  if (status == JIMM_OK && parity->input.shape.rank != 4) {
    status = nonsense(r);
  }
  if (status == JIMM_OK) {
    status = receive_state(r, &parity->state);
  }
  if (status == JIMM_OK) {
    status = receive_state(r, &parity->outputs);
  }
  return status == JIMM_OK ? receive_extras(r, parity) : status;
}

jimm_status jimm_parity_read(const char *path, jimm_parity *parity) {
  jimm_child child;
  request q = {.path = path};
  *parity = (jimm_parity){.state = NULL};
  jimm_hdf5_enter(&q.session);
  jimm_status status = jimm_child_start(&child, read_and_send, &q);
  jimm_hdf5_leave(&q.session);
  if (status != JIMM_OK) {
    return jimm_fail_context(status, "%s", path);
  }
  receiver r = {path, &child, 0, false};
  status = receive(&r, parity);
  const int signal = jimm_child_end(&child, !r.early);
  if (r.early && signal == SIGXCPU) {
    status = jimm_fail(JIMM_ERROR_FORMAT,
                       "%s: the HDF5 library came to no end on this file, which is damaged", path);
  } else if (r.early) {
    /* by a fault of its own, or by somebody else */
    const bool fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT ||
                       signal == SIGFPE || signal == SIGILL;
    status = fault ? jimm_fail(JIMM_ERROR_FORMAT,
                               "%s: the HDF5 library crashed on this file (signal %d), which is "
                               "damaged",
                               path, signal)
                   : jimm_fail(JIMM_ERROR_IO,
                               "%s: the process that read this file ended early (signal %d)", path,
                               signal);
  }
  if (status != JIMM_OK) {
    jimm_parity_close(parity);
  }
  return status;
}
