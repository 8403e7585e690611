/* What the files that read HDF5 share: the file as it is walked through, its parts. */
#ifndef JIMM_PARITY_HDF5_READ_H
#define JIMM_PARITY_HDF5_READ_H

#include "parity/hdf5.h"

typedef struct jimm_hdf5_walk {
  const char *path; /* of the file */
  hsize_t size;     /* of the file, in bytes */
  uint64_t bytes;   /* read so far */
  long objects;     /* seen so far */
} jimm_hdf5_walk;

/* Reads an open dataset; `name` is its place for messages. */
jimm_status jimm_hdf5_read_dataset(jimm_hdf5_walk *w, hid_t dataset, const char *name,
                                   jimm_tensor *tensor);
/* A string attribute of the file, in a new text; absent is no error. */
jimm_status jimm_hdf5_read_attribute(const jimm_hdf5_walk *w, hid_t file, const char *name,
                                     char **result);

#endif
