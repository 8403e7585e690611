/* What reader and writer of HDF5 fixtures share: element types, the library's lock and errors. */
#ifndef JIMM_PARITY_HDF5_H
#define JIMM_PARITY_HDF5_H

#include <hdf5.h>

#include <jimm/parity.h>

/* The longest attribute, with its end. */
#define JIMM_PARITY_TEXT_BYTES 4096

/* One entry into the HDF5 library, which may neither be used by two threads at once nor print. */
typedef struct jimm_hdf5_session {
  H5E_auto2_t printer;
  void *printer_data;
} jimm_hdf5_session;
void jimm_hdf5_enter(jimm_hdf5_session *session);
void jimm_hdf5_leave(const jimm_hdf5_session *session);

/* Sets the message "path: what: the library's own reason". */
jimm_status jimm_hdf5_fail(jimm_status status, const char *path, const char *format, ...)
    JIMM_PRINTF(3, 4);

/* jimm_parity_read in this process: damaged files may crash the HDF5 library. */
jimm_status jimm_hdf5_read_fixture(const char *path, jimm_parity *parity);

/* The HDF5 type of our element type, little-endian; the caller closes it. Negative on failure.
 * BF16 is a floating type of 8 exponent and 7 fraction bits, BOOL the enumeration that h5py uses.
 */
hid_t jimm_hdf5_type_make(jimm_dtype dtype);
/* Our element type of a type in a file, of either byte order; JIMM_DTYPE_NONE when there is none.
 */
jimm_dtype jimm_hdf5_type_find(hid_t type);

#endif
