/* What the licences of weights forbid. */
#include <string.h>

#include <jimm/registry.h>

/* A licence's identifier, in lower case, or a part of it. The first row that fits counts. */
static const struct {
  const char *text;
  bool whole;
  const char *restriction;
} rows[] = {
    {"dinov3-license", true,
     "Meta's own terms: some uses are forbidden, passed on under them only"},
    {"fair-noncommercial-research-license", true, "research only, no commercial use"},
    {"cc-by-nc-nd", false, "no commercial use, no derivatives"},
    {"cc-by-nc-sa", false, "no commercial use, share alike"},
    {"cc-by-nc", false, "no commercial use"},
    {"cc-by-nd", false, "no derivatives"},
    {"cc-by-sa", false, "share alike"},
    {"noncommercial", false, "no commercial use"},
    {"non-commercial", false, "no commercial use"},
    {"research", false, "research only"},
};

/* ASCII letters alone, whatever the locale. */
static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Whether `text` begins at `at`, or all of `at` is `text`. */
static bool begins(const char *at, const char *text, bool whole) {
  size_t i = 0;
  while (text[i] != 0 && lower(at[i]) == text[i]) {
    i++;
  }
  return text[i] == 0 && (!whole || at[i] == 0);
}

const char *jimm_license_restriction(const char *license) {
  if (license == NULL) {
    return NULL;
  }
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    const char *at = license;
    bool found = begins(at, rows[r].text, rows[r].whole);
    while (!found && !rows[r].whole && *at != 0) {
      found = begins(++at, rows[r].text, false);
    }
    if (found) {
      return rows[r].restriction;
    }
  }
  return NULL;
}
