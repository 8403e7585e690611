// Records and results: what they own, and which record tells most.
#include "internal.h"

#include <stdlib.h>

const char *jti_outcome_name(jti_outcome outcome) {
  static const char *const names[JTI_OUTCOMES] = {"pass",   "skip", "soft",
                                                  "broken", "fail", "error"};
  return names[outcome];
}

void jti_free_record(jti_record *record) {
  free(record->file);
  free(record->expr);
  free(record->got);
  free(record->want);
  free(record->message);
  free(record->set);
  *record = (jti_record){0};
}

static void free_sets(jti_result *result) {
  jti_set_list *sets = &result->sets;
  for (size_t i = 0; i < sets->count; ++i) {
    free(sets->items[i].name);
    free(sets->items[i].file);
  }
  free(sets->items);
  free(result->path);
  free(result->set_line);
  *sets = (jti_set_list){0};
}

void jti_free_result(jti_result *result) {
  for (size_t i = 0; i < result->count; ++i) {
    jti_free_record(&result->records[i]);
  }
  free(result->records);
  for (size_t i = 0; i < result->reason_count; ++i) {
    free(result->reasons[i].file);
    free(result->reasons[i].reason);
  }
  free_sets(result);
  free(result->repeat);
  jti_text_free(&result->skip_lines);
  jti_text_free(&result->stderr_tail);
  jti_text_free(&result->diagnostic);
  *result = (jti_result){0};
}

const jti_record *jti_cause(const jti_result *result) {
  for (size_t i = 0; i < result->count; ++i) {
    if (result->records[i].outcome == result->outcome) {
      return &result->records[i];
    }
  }
  return NULL;
}
