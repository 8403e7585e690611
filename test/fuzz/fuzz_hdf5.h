/* The HDF5 file that the library opens next: an image in memory; NULL: the input itself. */
#ifndef TEST_FUZZ_HDF5_H
#define TEST_FUZZ_HDF5_H

#include <jimm/parity.h>
#include <stddef.h>

extern const void *fuzz_hdf5_image;
extern size_t fuzz_hdf5_size;

/* Reads every byte of a fixture and closes it. */
void fuzz_touch_fixture(jimm_parity *parity);

#endif
