#include "base/os.h"

jimm_status jimm_write_file(const char *path, const void *data, size_t size) {
  jimm_writer writer;
  jimm_status status = jimm_writer_open(path, &writer);
  if (status != JIMM_OK) {
    return status;
  }
  status = jimm_writer_write(&writer, data, size);
  if (status == JIMM_OK) {
    return jimm_writer_commit(&writer);
  }
  jimm_writer_abandon(&writer);
  return status;
}
