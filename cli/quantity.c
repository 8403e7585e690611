/* Large numbers for people. */
#include <string.h>

#include "cli.h"

char *cli_quantity(int64_t value, char *buffer) {
  if (value >= 1000000000) {
    snprintf(buffer, 32, "%.2f G", (double)value / 1e9);
  } else if (value >= 1000000) {
    snprintf(buffer, 32, "%.1f M", (double)value / 1e6);
  } else if (value >= 1000) {
    snprintf(buffer, 32, "%.1f k", (double)value / 1e3);
  } else {
    snprintf(buffer, 32, "%lld ", (long long)value);
  }
  return buffer;
}

char *cli_bytes(int64_t value, char *buffer) {
  const size_t length = strlen(cli_quantity(value, buffer));
  snprintf(buffer + length, 32 - length, "B");
  return buffer;
}
