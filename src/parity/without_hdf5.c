/* Fixtures in a build without HDF5. */
#include <jimm/parity.h>

bool jimm_parity_has_hdf5(void) {
  return false;
}

static jimm_status refuse(const char *path) {
  return jimm_fail(JIMM_ERROR_UNSUPPORTED, "%s: this build of jimm has no HDF5", path);
}

jimm_status jimm_parity_read(const char *path, jimm_parity *parity) {
  *parity = (jimm_parity){.state = NULL};
  return refuse(path);
}

jimm_status jimm_parity_write(const char *path, const jimm_parity *parity) {
  (void)parity;
  return refuse(path);
}
