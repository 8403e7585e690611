/* What the other rooms of the library may know of a state's inside. */
#ifndef JIMM_STATE_STATE_H
#define JIMM_STATE_STATE_H

#include <jimm/state.h>

#include "base/alloc.h"
#include "base/os.h"

typedef struct jimm_state_entry {
  char *name;
  jimm_tensor tensor;
} jimm_state_entry;

typedef struct jimm_state_metadatum {
  char *key, *value;
} jimm_state_metadatum;

struct jimm_state {
  int references; /* atomic */
  jimm_state_entry *entries;
  size_t count, capacity;
  jimm_map index; /* name -> number of the entry */
  jimm_state_metadatum *metadata;
  size_t metadata_count, metadata_capacity;
  jimm_mapping mapping;            /* of an opened file; data of the tensors lies in it */
  jimm_state *source;              /* another state that tensors are views of; may be NULL */
  struct jimm_state_block *blocks; /* of jimm_state_room */
};

/* `bytes` of memory that lives as long as the state, for tensors that are views of it: many small
 * ones lie together, so that they can lie on huge pages. `most` is what all of them will take,
 * about. NULL: out of memory. */
void *jimm_state_room(jimm_state *state, size_t bytes, size_t most);

/* Adds `tensor` as it is: a view stays a view, owned memory is taken over. On failure the caller
 * keeps it. */
jimm_status jimm_state_append(jimm_state *state, const char *name, const jimm_tensor *tensor);

/* The same without the prefixes of wrappers, as timm's clean_state_dict: "module." of
 * DistributedDataParallel, then "_orig_mod." of torch.compile. Two names that become one, or a
 * malformed name: JIMM_ERROR_FORMAT. */
jimm_status jimm_state_append_cleaned(jimm_state *state, const char *name,
                                      const jimm_tensor *tensor);

/* Says that nothing will read this tensor soon: if its data lies in the state's file mapping, its
 * pages leave this process's memory (and come back from the file when they are read again). */
void jimm_state_release_pages(const jimm_state *state, const jimm_tensor *tensor);

#endif
