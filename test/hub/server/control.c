/* POST /.control/rule     a rule in JSON (hub_rule), or a list of them
 * POST /.control/publish  a file (hub_file); the answer is {"etag": ...}
 * POST /.control/clear    forgets everything; /.control/clear-rules: rules and the log
 * GET  /.control/certificate  of the port that speaks TLS: {"certificate": ...}
 * GET  /.control/log      the requests so far; /.control/log?PREFIX: those whose target begins so
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static json_t *failure(const char *problem) {
  return json_pack("{s:s}", "error", problem);
}

static json_t *add_rules(const json_t *body) {
  char problem[200];
  const size_t count = json_is_array(body) ? json_array_size(body) : 1;
  for (size_t i = 0; i < count; i++) {
    hub_rule rule;
    const json_t *item = json_is_array(body) ? json_array_get(body, i) : body;
    if (!hub_from_json(item, hub_rule_fields, &rule, problem)) {
      return failure(problem);
    }
    hub_rules_add(&rule);
  }
  return json_object();
}

static json_t *publish(const json_t *body) {
  char problem[200], etag[65] = "";
  hub_file file;
  if (!hub_from_json(body, hub_file_fields, &file, problem)) {
    return failure(problem);
  }
  if (file.repo == NULL || file.commit == NULL) {
    hub_free_texts(&file, hub_file_fields);
    return failure("a file needs a repo and a commit");
  }
  if (!hub_repo_publish(&file, etag)) {
    return failure("the file can't be read");
  }
  return json_pack("{s:s}", "etag", etag);
}

static json_t *act(const char *what, const char *body) {
  json_error_t error;
  json_t *value = body[0] == 0 ? json_object() : json_loads(body, 0, &error), *result;
  if (value == NULL) {
    return failure(error.text);
  }
  if (strcmp(what, "/rule") == 0) {
    result = add_rules(value);
  } else if (strcmp(what, "/publish") == 0) {
    result = publish(value);
  } else if (strcmp(what, "/clear") == 0 || strcmp(what, "/clear-rules") == 0) {
    hub_rules_clear();
    hub_log_clear();
    if (strcmp(what, "/clear") == 0) {
      hub_repo_clear();
    }
    result = json_object();
  } else if (strcmp(what, "/certificate") == 0) {
    result = json_pack("{s:s}", "certificate", hub_tls_certificate());
  } else if (strncmp(what, "/log", 4) == 0) {
    result = hub_log_json(what[4] == '?' ? what + 5 : "");
  } else {
    result = failure("unknown request");
  }
  json_decref(value);
  return result;
}

bool hub_control(hub_connection *connection, const char *target, const char *body) {
  char head[200];
  json_t *result = act(target + strlen("/.control"), body);
  char *text = json_dumps(result, JSON_COMPACT);
  const bool failed = json_object_get(result, "error") != NULL;
  json_decref(result);
  if (text == NULL) {
    return false;
  }
  const int size =
      snprintf(head, sizeof head,
               "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
               failed ? "400 Bad Request" : "200 OK", strlen(text));
  const bool sent =
      hub_send(connection, head, (size_t)size) && hub_send(connection, text, strlen(text));
  free(text);
  return sent;
}
