/* Fuzz targets: each file defines fuzz_one, which must take any bytes without a crash, a leak or
 * undefined behaviour. The same targets are built with libFuzzer (scripts/fuzz.sh) and with
 * replay.c, which runs the corpus in the ordinary tests. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* The input of this run. fuzz_files.c gives it to the library in place of every file that it opens:
 * a copy of exactly `size` bytes, so that a sanitizer sees one byte read too many. */
extern const uint8_t *fuzz_data;
extern size_t fuzz_size;

void fuzz_one(void);

/* Takes bytes from the front of the input; zeros when there are no more. */
uint64_t fuzz_take(size_t bytes);
/* One of low .. high. */
int64_t fuzz_range(int64_t low, int64_t high);
/* Reads every byte, so that a sanitizer looks at them. */
void fuzz_touch(const void *data, size_t size);
/* Ends the process unless `ok`: a result that must not be. */
void fuzz_require(int ok);

#endif
