#include "graph.h"

#include <math.h>

int graph_input(graph *g, int index) {
  return graph_apply(g, GRAPH_INPUT, index, 0);
}

int graph_apply(graph *g, graph_op op, int a, int b) {
  g->nodes[g->count] = (graph_node){op, a, b};
  return g->count++;
}

static void evaluate(const graph *g, const double *x, double *value) {
  for (int i = 0; i < g->count; i++) {
    const graph_node *n = &g->nodes[i];
    switch (n->op) {
      case GRAPH_INPUT:
        value[i] = x[n->a];
        break;
      case GRAPH_ADD:
        value[i] = value[n->a] + value[n->b];
        break;
      case GRAPH_MUL:
        value[i] = value[n->a] * value[n->b];
        break;
      case GRAPH_SIN:
        value[i] = sin(value[n->a]);
        break;
      case GRAPH_EXP:
        value[i] = exp(value[n->a]);
        break;
    }
  }
}

double graph_value(const graph *g, const double *x) {
  double value[GRAPH_NODES];
  evaluate(g, x, value);
  return value[g->count - 1];
}

void graph_vjp(const graph *g, const double *x, double seed, double *gradient) {
  double value[GRAPH_NODES], bar[GRAPH_NODES] = {0};
  evaluate(g, x, value);
  bar[g->count - 1] = seed;
  for (int i = g->count - 1; i >= 0; i--) {
    const graph_node *n = &g->nodes[i];
    switch (n->op) {
      case GRAPH_INPUT:
        gradient[n->a] += bar[i];
        break;
      case GRAPH_ADD:
        bar[n->a] += bar[i];
        bar[n->b] += bar[i];
        break;
      case GRAPH_MUL:
        bar[n->a] += bar[i] * value[n->b];
        bar[n->b] += bar[i] * value[n->a];
        break;
      case GRAPH_SIN:
        bar[n->a] += bar[i] * cos(value[n->a]);
        break;
      case GRAPH_EXP:
        bar[n->a] += bar[i] * value[i];
        break;
    }
  }
}

double graph_jvp(const graph *g, const double *x, const double *v) {
  double value[GRAPH_NODES], dot[GRAPH_NODES];
  evaluate(g, x, value);
  for (int i = 0; i < g->count; i++) {
    const graph_node *n = &g->nodes[i];
    switch (n->op) {
      case GRAPH_INPUT:
        dot[i] = v[n->a];
        break;
      case GRAPH_ADD:
        dot[i] = dot[n->a] + dot[n->b];
        break;
      case GRAPH_MUL:
        dot[i] = dot[n->a] * value[n->b] + value[n->a] * dot[n->b];
        break;
      case GRAPH_SIN:
        dot[i] = cos(value[n->a]) * dot[n->a];
        break;
      case GRAPH_EXP:
        dot[i] = value[i] * dot[n->a];
        break;
    }
  }
  return dot[g->count - 1];
}
