/* The directory of a zip archive whose entries are stored, not compressed, as torch.save writes it.
 * Nothing of an entry's data is read but what jimm_zip_check_crc is asked for. */
#ifndef JIMM_STATE_ZIP_H
#define JIMM_STATE_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"

typedef struct jimm_zip_entry {
  const char *name;          /* as the archive has it, with folders: "archive/data/0" */
  const unsigned char *data; /* in the mapping */
  size_t size;               /* as it lies there */
  uint32_t method;           /* 0: stored; else compressed, and of no use here */
  uint32_t crc;
  uint64_t begin; /* of its local header in the file */
} jimm_zip_entry;

typedef struct jimm_zip {
  const char *path;        /* for messages; borrowed */
  jimm_zip_entry *entries; /* by their place in the file */
  size_t count;
  const char *first; /* the name that the directory begins with; NULL: no entries */
  jimm_map index;    /* name -> number of the entry */
  jimm_arena names;  /* they end in a zero byte there */
} jimm_zip;

/* Reads the directory of the archive that `data` holds (which must outlive *zip): also with 64-bit
 * sizes. Every entry is checked: that it lies within the file and overlaps no other, that its local
 * header says what the directory says, that its name is there once, is relative and has no "..".
 * Entries that are encrypted, and archives of several files: JIMM_ERROR_UNSUPPORTED; more than a
 * million entries: JIMM_ERROR_LIMIT; else JIMM_ERROR_FORMAT.
 * The caller closes *zip, also after an error. */
jimm_status jimm_zip_open(const char *path, const unsigned char *data, size_t size, jimm_zip *zip);
void jimm_zip_close(jimm_zip *zip);
/* The entry of that name; NULL when there is none. */
const jimm_zip_entry *jimm_zip_find(const jimm_zip *zip, const char *name);
/* Whether all entries are stored: JIMM_ERROR_UNSUPPORTED names the first that is compressed. */
jimm_status jimm_zip_check_stored(const jimm_zip *zip);
/* Whether the entry's bytes have the checksum that the archive states: JIMM_ERROR_FORMAT. */
jimm_status jimm_zip_check_crc(const jimm_zip *zip, const jimm_zip_entry *entry);

#endif
