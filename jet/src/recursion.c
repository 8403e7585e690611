// Recursion: Tarjan's strongly connected components over the calls whose target is certain, one
// finding for each component with a cycle, at the first of its functions that the entry reaches.
#include "jet.h"

static jet_function **stack;
static size_t stack_count, next_index;

// The shortest way from `first` back to itself within its component. `from` has, for each function
// that the search came to, 1 + the number of that which it came from.
static const char *describe_cycle(const jet_function *first, jet_function **members, size_t count,
                                  jet_place *place) {
  size_t *from = jet_alloc((jet.function_count + 1) * sizeof *from);
  size_t *queue = jet_alloc((jet.function_count + 1) * sizeof *queue);
  bool *inside = jet_alloc(jet.function_count + 1);
  for (size_t i = 0; i < count; ++i) {
    inside[members[i] - jet.functions] = true;
  }
  size_t start = (size_t)(first - jet.functions);
  size_t end = 0;
  queue[end++] = start;
  for (size_t i = 0; i < end && !from[start]; ++i) {
    const jet_function *f = &jet.functions[queue[i]];
    for (size_t e = 0; e < f->edge_count; ++e) {
      size_t to = (size_t)(f->edges[e].to - jet.functions);
      if (f->edges[e].certain && inside[to] && !from[to]) {
        from[to] = queue[i] + 1;
        queue[end++] = to;
      }
    }
  }
  const char *text = first->name;
  size_t last = start;
  for (size_t at = from[start] - 1; at != start; at = from[at] - 1) {
    text = jet_format("%s -> %s", jet.functions[at].name, text);
    last = at;
  }
  for (size_t e = 0; e < first->edge_count && !place->line; ++e) {
    if (first->edges[e].certain && first->edges[e].to == &jet.functions[last]) {
      *place = first->edges[e].place;
    }
  }
  return jet_format("%s -> %s", first->name, text);
}

static size_t order_of(const jet_function *f) {
  size_t i = 0;
  while (jet.reached[i] != f) {
    ++i;
  }
  return i;
}

static void report_component(jet_function **members, size_t count) {
  bool cyclic = count > 1;
  for (size_t e = 0; e < members[0]->edge_count; ++e) {
    cyclic |= members[0]->edges[e].certain && members[0]->edges[e].to == members[0];
  }
  if (!cyclic) {
    return;
  }
  const jet_function *first = members[0];
  for (size_t i = 1; i < count; ++i) {
    if (order_of(members[i]) < order_of(first)) {
      first = members[i];
    }
  }
  jet_place place = {0};
  const char *cycle = describe_cycle(first, members, count, &place);
  jet_find((jet_finding){.rule = "recursion",
                         .file = place.file,
                         .line = place.line,
                         .function = first,
                         .message = jet_format("recursion: %s", cycle)});
}

static void visit(jet_function *f) {
  f->index = f->low = ++next_index;
  f->on_stack = true;
  stack[stack_count++] = f;
  for (size_t e = 0; e < f->edge_count; ++e) {
    jet_function *to = f->edges[e].to;
    if (!f->edges[e].certain) {
      continue;
    }
    if (!to->index) {
      visit(to);
      f->low = to->low < f->low ? to->low : f->low;
    } else if (to->on_stack) {
      f->low = to->index < f->low ? to->index : f->low;
    }
  }
  if (f->low != f->index) {
    return;
  }
  size_t begin = stack_count;
  do {
    stack[--begin]->on_stack = false;
  } while (stack[begin] != f);
  report_component(stack + begin, stack_count - begin);
  stack_count = begin;
}

void jet_find_recursion(void) {
  stack = jet_alloc((jet.reached_count + 1) * sizeof(jet_function *));
  for (size_t i = 0; i < jet.reached_count; ++i) {
    if (!jet.reached[i]->index) {
      visit(jet.reached[i]);
    }
  }
}
