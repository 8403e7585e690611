#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

static struct {
  pthread_mutex_t mutex;
  hub_rule *items;
  size_t count, capacity;
} rules = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static char *copy(const char *text) {
  char *copied = text == NULL ? NULL : strdup(text);
  if (text != NULL && copied == NULL) {
    abort();
  }
  return copied;
}

void hub_rules_add(hub_rule *rule) {
  pthread_mutex_lock(&rules.mutex);
  if (rules.count == rules.capacity) {
    rules.capacity = 2 * rules.capacity + 16;
    rules.items = realloc(rules.items, rules.capacity * sizeof rules.items[0]);
    if (rules.items == NULL) {
      abort();
    }
  }
  const size_t place = rule->first ? 0 : rules.count;
  memmove(rules.items + place + 1, rules.items + place,
          (rules.count - place) * sizeof rules.items[0]);
  rules.items[place] = *rule;
  rules.count++;
  pthread_mutex_unlock(&rules.mutex);
}

static void drop(size_t index) {
  hub_free_texts(&rules.items[index], hub_rule_fields);
  rules.count--;
  memmove(rules.items + index, rules.items + index + 1,
          (rules.count - index) * sizeof rules.items[0]);
}

void hub_rules_clear(void) {
  pthread_mutex_lock(&rules.mutex);
  while (rules.count > 0) {
    drop(rules.count - 1);
  }
  pthread_mutex_unlock(&rules.mutex);
}

static bool fits(const hub_rule *rule, const hub_incoming *request) {
  if (rule->port != 0 && rule->port != request->port) {
    return false;
  }
  if (rule->method != NULL && strcmp(rule->method, request->method) != 0) {
    return false;
  }
  if (rule->target != NULL &&
      (rule->prefix ? strncmp(request->target, rule->target, strlen(rule->target))
                    : strcmp(request->target, rule->target)) != 0) {
    return false;
  }
  return rule->header == NULL || strcasestr(request->headers, rule->header) != NULL;
}

static void copy_texts(hub_rule *rule) {
  for (const hub_field *field = hub_rule_fields; field->name != NULL; field++) {
    if (field->kind == HUB_TEXT) {
      char **text = (char **)(void *)((char *)rule + field->offset);
      *text = copy(*text);
    }
  }
}

bool hub_rules_take(const hub_incoming *request, hub_rule *rule) {
  bool found = false;
  pthread_mutex_lock(&rules.mutex);
  for (size_t i = 0; i < rules.count && !found; i++) {
    found = fits(&rules.items[i], request);
    if (found) {
      *rule = rules.items[i];
      copy_texts(rule);
      if (rule->times > 0 && --rules.items[i].times == 0) {
        drop(i);
      }
    }
  }
  pthread_mutex_unlock(&rules.mutex);
  return found;
}

/* Whether the member is what a rule matches by, not a part of its answer. */
static bool is_match(const hub_field *field) {
  return field->offset < offsetof(hub_rule, hub);
}

void hub_rules_merge(hub_rule *rule, const hub_rule *over) {
  char *joined = NULL;
  if (rule->headers != NULL && over->headers != NULL &&
      asprintf(&joined, "%s%s", rule->headers, over->headers) < 0) {
    abort();
  }
  if (over->body != NULL || over->file != NULL || over->size != 0) {
    free((char *)(uintptr_t)rule->body);
    free((char *)(uintptr_t)rule->file);
    rule->body = rule->file = NULL;
    rule->size = rule->seed = 0;
  }
  for (const hub_field *field = hub_rule_fields; field->name != NULL; field++) {
    void *to = (char *)rule + field->offset;
    const void *from = (const char *)over + field->offset;
    if (is_match(field)) {
      continue;
    }
    if (field->kind == HUB_TEXT && *(char *const *)from != NULL) {
      free(*(char **)to);
      *(char **)to = copy(*(char *const *)from);
    } else if (field->kind == HUB_NUMBER && *(const int64_t *)from != 0) {
      *(int64_t *)to = *(const int64_t *)from;
    } else if (field->kind == HUB_SWITCH) {
      *(bool *)to = *(bool *)to || *(const bool *)from;
    }
  }
  if (joined != NULL) {
    free((char *)(uintptr_t)rule->headers);
    rule->headers = joined;
  }
}
