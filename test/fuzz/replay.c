/* Runs a target over its corpus: -DCORPUS="test/fuzz/corpus/TARGET". */
#include <dirent.h>
#include <jimm-test/jimm-test.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes of a file in memory of exactly that size. */
static uint8_t *read_input(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  TEST_REQUIRE_MSG(file != NULL, "cannot read %s", path);
  TEST_REQUIRE(fseek(file, 0, SEEK_END) == 0);
  const long length = ftell(file);
  TEST_REQUIRE(length >= 0);
  rewind(file);
  uint8_t *data = malloc(length > 0 ? (size_t)length : 1);
  TEST_REQUIRE(data != NULL && fread(data, 1, (size_t)length, file) == (size_t)length);
  fclose(file);
  *size = (size_t)length;
  return data;
}

TEST(corpus) {
  DIR *folder = opendir(CORPUS);
  TEST_REQUIRE_MSG(folder != NULL, "no folder %s: run from the source root", CORPUS);
  int inputs = 0;
  const struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", CORPUS, entry->d_name);
    if (entry->d_name[0] == '.') {
      continue;
    }
    size_t size;
    uint8_t *data = read_input(path, &size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
  }
  closedir(folder);
  TEST_CHECK_MSG(inputs >= 5, "%d inputs in %s", inputs, CORPUS);
  TEST_NOTE("%d inputs", inputs);
}

TEST_MAIN()
