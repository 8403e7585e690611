/* Dropout of elements and of whole branches. */
#include "layer/layer.h"
#include "layer/parameter.h"

jimm_value jimm_layer_drop_path(jimm_graph *graph, const char *name, jimm_value x, double rate) {
  const jimm_dropout_attrs attrs = {rate};
  return jimm_layer_unary(graph, "drop_path", name, &attrs, x);
}

jimm_value jimm_layer_dropout(jimm_graph *graph, const char *name, jimm_value x, double rate) {
  const jimm_dropout_attrs attrs = {rate};
  return jimm_layer_unary(graph, "dropout", name, &attrs, x);
}

jimm_drop_schedule jimm_schedule_drop_path(double rate, const int64_t *depths, int stages) {
  jimm_drop_schedule schedule = {.rate = rate};
  for (int i = 0; i < stages; i++) {
    schedule.blocks += depths[i];
  }
  return schedule;
}

double jimm_next_drop_path(jimm_drop_schedule *schedule) {
  const int64_t index = schedule->made++, last = schedule->blocks - 1;
  return last > 0 ? schedule->rate * (double)index / (double)last : 0.0;
}
