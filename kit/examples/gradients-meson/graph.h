/* A toy library of differentiable graphs: nodes of scalars, evaluated in the order of their
 * making. */
#ifndef GRAPH_H
#define GRAPH_H

#include <stddef.h>

enum { GRAPH_NODES = 64 };

typedef enum graph_op { GRAPH_INPUT, GRAPH_ADD, GRAPH_MUL, GRAPH_SIN, GRAPH_EXP } graph_op;

typedef struct graph_node {
  graph_op op;
  int a, b; /* nodes; of GRAPH_INPUT, a is the input's index */
} graph_node;

/* The last node is the result. Zero-initialise. */
typedef struct graph {
  graph_node nodes[GRAPH_NODES];
  int count;
} graph;

/* Each returns the new node's number. */
int graph_input(graph *g, int index);
int graph_apply(graph *g, graph_op op, int a, int b);

double graph_value(const graph *g, const double *x);
/* gradient[i] += seed d result / d x[i], by reverse accumulation. */
void graph_vjp(const graph *g, const double *x, double seed, double *gradient);
/* The derivative along v, by forward accumulation. */
double graph_jvp(const graph *g, const double *x, const double *v);

#endif
