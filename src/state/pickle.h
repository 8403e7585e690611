/* A restricted reader of Python's pickles, for the checkpoints that torch.save writes. It builds a
 * tree of plain values and never runs anything: classes and functions are names, and the few that
 * are known (pickle_globals.def) stand for a fixed meaning. Everything else is refused by name. */
#ifndef JIMM_STATE_PICKLE_H
#define JIMM_STATE_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/tensor.h>

#include "base/alloc.h"

typedef enum jimm_pickle_type {
  JIMM_PICKLE_NONE,
  JIMM_PICKLE_BOOL,
  JIMM_PICKLE_INTEGER,
  JIMM_PICKLE_BIG, /* an integer beyond 64 bits: its bytes, lowest first, as two's complement */
  JIMM_PICKLE_FLOAT,
  JIMM_PICKLE_TEXT,
  JIMM_PICKLE_BYTES,
  JIMM_PICKLE_TUPLE,
  JIMM_PICKLE_LIST,
  JIMM_PICKLE_DICT,
  JIMM_PICKLE_SET,
  JIMM_PICKLE_GLOBAL, /* a class or function */
  JIMM_PICKLE_OBJECT, /* what a call of one gives that need not be understood */
  JIMM_PICKLE_STORAGE,
  JIMM_PICKLE_TENSOR
} jimm_pickle_type;

/* What a known global means. */
typedef enum jimm_global_action {
  JIMM_GLOBAL_OPAQUE, /* a call gives a JIMM_PICKLE_OBJECT */
  JIMM_GLOBAL_NAMESPACE,
  JIMM_GLOBAL_ORDERED_DICT,
  JIMM_GLOBAL_DICT,
  JIMM_GLOBAL_SIZE,
  JIMM_GLOBAL_PARAMETER,
  JIMM_GLOBAL_TENSOR,
  JIMM_GLOBAL_TENSOR_V2,
  JIMM_GLOBAL_TENSOR_V3,
  JIMM_GLOBAL_REBUILD_PARAMETER,
  JIMM_GLOBAL_REBUILD_TYPE,
  JIMM_GLOBAL_STORAGE,
  JIMM_GLOBAL_UNTYPED_STORAGE,
  JIMM_GLOBAL_DTYPE
} jimm_global_action;

typedef struct jimm_pickle_global {
  const char *module, *name;
  jimm_global_action action;
  jimm_dtype dtype;    /* of a storage or a dtype; JIMM_DTYPE_NONE: one that jimm does not have */
  size_t element_size; /* of a storage that jimm does not have, in bytes */
} jimm_pickle_global;

/* Bytes in another part of the file, which tensors are views of. */
typedef struct jimm_pickle_storage {
  const jimm_pickle_global *type;
  const char *key; /* names the bytes */
  size_t key_length;
  int64_t count;         /* elements; of an untyped storage bytes */
  bool has_view;         /* only a part counts, of the legacy format: */
  int64_t begin, length; /* in elements */
  size_t offset;         /* of the opcode, for messages */
  /* Set by whoever finds the bytes: the first storage of that key, which has them. */
  struct jimm_pickle_storage *root;
  const unsigned char *data;        /* of the root */
  struct jimm_pickle_storage *next; /* in the order of the pickle */
} jimm_pickle_storage;

typedef struct jimm_pickle_tensor {
  jimm_pickle_storage *storage;
  const jimm_pickle_global *type; /* element type: a dtype or a storage */
  int64_t offset;                 /* in elements */
  bool has_metadata;              /* negated or conjugated when it is read */
  int64_t rank;
  int64_t size[JIMM_MAX_RANK], stride[JIMM_MAX_RANK]; /* unset above JIMM_MAX_RANK */
} jimm_pickle_tensor;

typedef struct jimm_pickle jimm_pickle;
struct jimm_pickle {
  jimm_pickle_type type;
  bool ordered;  /* of a dict: an OrderedDict */
  size_t offset; /* of the opcode that made it, for messages */
  union {
    int64_t integer; /* BOOL, INTEGER */
    struct {
      const char *text; /* TEXT, BYTES, BIG: in the pickle, no zero byte after it */
      size_t length;
    };
    struct {
      jimm_pickle **items; /* TUPLE, LIST, DICT: there key, value, key, value ... */
      size_t count, capacity;
    };
    const jimm_pickle_global *global; /* GLOBAL, OBJECT */
    jimm_pickle_storage *storage;
    jimm_pickle_tensor *tensor;
  };
};

/* Zero-initialise, then set what is marked. */
typedef struct jimm_unpickler {
  const char *name;          /* set: stands for the file in messages */
  const unsigned char *data; /* set; must outlive the values */
  size_t size, at;           /* set; `at` moves on behind the pickle */
  bool legacy;               /* set: storages are named as the legacy format does */
  size_t memory_limit;       /* set; 0: JIMM_PICKLE_MEMORY */
  size_t opcode_at;          /* of the opcode that is run */
  const char *opcode;
  jimm_arena arena; /* holds all values */
  size_t memory;
  jimm_pickle **stack, **memo;
  size_t stack_count, stack_capacity, memo_count, memo_filled;
  size_t *marks;
  size_t mark_count;
  jimm_pickle_storage *storages, **last_storage; /* all that were named, in order */
} jimm_unpickler;

/* Bytes that the values of one file may take. */
#define JIMM_PICKLE_MEMORY ((size_t)1 << 30)

/* Reads one pickle, of protocols 1 to 5, from `at` to its STOP. The values live until
 * jimm_unpickler_close, and a later call reads the pickle after it. Errors name the opcode and its
 * byte: a global that is not known, a call that is not meant, what no checkpoint needs
 * (JIMM_ERROR_UNSUPPORTED); malformed or truncated (JIMM_ERROR_FORMAT); more than the limits of
 * memory, of open marks or of the memo (JIMM_ERROR_LIMIT). */
jimm_status jimm_pickle_read(jimm_unpickler *reader, jimm_pickle **value);
void jimm_unpickler_close(jimm_unpickler *reader);

/* The type in words, "a dict"; of an object the name of its class, into `buffer`; returns it. */
const char *jimm_pickle_describe(const jimm_pickle *value, char *buffer, size_t size);
/* Whether `value` is a text (or bytes, as Python 2 wrote them) of these characters. */
bool jimm_pickle_is_text(const jimm_pickle *value, const char *text);

/* ---- between pickle.c and pickle_call.c ---- */

/* An error at the opcode that is run. */
jimm_status jimm_pickle_fail(const jimm_unpickler *reader, jimm_status status, const char *format,
                             ...) JIMM_PRINTF(3, 4);
/* Zeroed memory that counts; NULL and a message when there is none. *status says which error. */
void *jimm_pickle_alloc(jimm_unpickler *reader, size_t bytes, jimm_status *status);
/* A value of that type; NULL as above. */
jimm_pickle *jimm_pickle_make(jimm_unpickler *reader, jimm_pickle_type type, jimm_status *status);
/* Adds to a list, a tuple or a dict. */
jimm_status jimm_pickle_append(jimm_unpickler *reader, jimm_pickle *list, jimm_pickle *item);

/* The global of that name as a value. */
jimm_status jimm_pickle_global_value(jimm_unpickler *reader, const char *module,
                                     size_t module_length, const char *name, size_t name_length,
                                     jimm_pickle **value);
/* REDUCE; NEWOBJ when `creates`. */
jimm_status jimm_pickle_call(jimm_unpickler *reader, const jimm_pickle *callable,
                             const jimm_pickle *arguments, bool creates, jimm_pickle **value);
jimm_status jimm_pickle_build(const jimm_unpickler *reader, const jimm_pickle *object,
                              const jimm_pickle *state);
/* BINPERSID. */
jimm_status jimm_pickle_persistent(jimm_unpickler *reader, const jimm_pickle *id,
                                   jimm_pickle **value);

#endif
