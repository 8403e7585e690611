/* Fresh weights as timm's families initialise theirs. Numbers come from the counted stream of
 * docs/synthetic.md; logarithm and cosine are made of + - * / here, each rounded once, so that the
 * same seed gives the same bits on every machine. */
#include <math.h>
#include <string.h>

#include <jimm/weights.h>

#include "base/stream.h"
#include "family/family.h"
#include "graph/order.h"
#include "graph/part.h"

/* ---- random numbers ---- */

/* Uniform in (0, 1], 53 bits. */
static double unit(uint64_t key, uint64_t index) {
  return (double)((jimm_stream_bits(key, index) >> 11) + 1) * 0x1p-53;
}

/* The natural logarithm of x in (0, 1], to about 1e-16: x = m 2^e with m about 1, and ln m = 2
 * artanh((m - 1) / (m + 1)). */
static double natural_log(double x) {
  int exponent;
  double m = frexp(x, &exponent);
  if (m < 0x1.6a09e667f3bcdp-1) {
    m *= 2.0;
    exponent--;
  }
  const double s = (m - 1.0) / (m + 1.0), s2 = s * s;
  double sum = 1.0 / 23.0;
  for (int n = 21; n >= 1; n -= 2) {
    sum = sum * s2 + 1.0 / (double)n;
  }
  return 2.0 * s * sum + (double)exponent * 0x1.62e42fefa39efp-1;
}

/* cos(2 pi x) for x in (0, 1], to about 1e-15: Taylor's series over a quarter of a turn. */
static double cosine_of_turn(double x) {
  const double half = fabs(x - 0.5); /* cos(2 pi x) = -cos(2 pi half) */
  const bool far = half > 0.25;
  const double angle = 0x1.921fb54442d18p+2 * (far ? 0.5 - half : half), y = angle * angle;
  double sum = 1.0;
  for (int n = 26; n >= 2; n -= 2) {
    sum = 1.0 - sum * y / (double)(n * (n - 1));
  }
  return far ? sum : -sum;
}

/* Box and Muller's normal deviate. */
static double normal(uint64_t key, uint64_t index) {
  const double radius = sqrt(-2.0 * natural_log(unit(key, 2 * index)));
  return radius * cosine_of_turn(unit(key, 2 * index + 1));
}

static void fill(const jimm_init *init, uint64_t seed, const char *name, jimm_tensor *tensor) {
  const uint64_t key = jimm_stream_key(seed, name);
  const int64_t count = jimm_shape_count(&tensor->shape);
  float *data = tensor->data;
  for (int64_t i = 0; i < count; i++) {
    switch (init->type) {
      case JIMM_INIT_NORMAL:
        data[i] = (float)(init->value * normal(key, (uint64_t)i));
        break;
      case JIMM_INIT_UNIFORM:
        data[i] = (float)(init->value * (2.0 * unit(key, (uint64_t)i) - 1.0));
        break;
      case JIMM_INIT_CONSTANT:
      default:
        data[i] = (float)init->value;
        break;
    }
  }
}

/* ---- recipes ---- */

static int64_t product(const jimm_shape *shape, int32_t from) {
  int64_t count = 1;
  for (int32_t i = from; i < shape->rank; i++) {
    count *= shape->dim[i];
  }
  return count;
}

jimm_init jimm_init_constant(double value) {
  return (jimm_init){JIMM_INIT_CONSTANT, value};
}

jimm_init jimm_init_fan_out(const jimm_shape *weight) {
  const int64_t fan_out = weight->dim[0] * product(weight, 2);
  return (jimm_init){JIMM_INIT_NORMAL, sqrt(2.0 / (double)fan_out)};
}

/* The operator that computes with the parameter, through weights made of it, and as which input. */
static const jimm_node *find_user(const jimm_graph *graph, jimm_value parameter, int32_t *input) {
  for (jimm_value v = parameter + 1; v < jimm_graph_node_count(graph); v++) {
    const jimm_node *node = jimm_graph_node(graph, v);
    for (int32_t i = 0; i < node->input_count; i++) {
      if (node->inputs[i] != parameter) {
        continue;
      }
      if (node->constant) {
        parameter = v;
      } else {
        *input = i;
        return node;
      }
    }
  }
  return NULL;
}

static const jimm_shape *shape_of(const jimm_graph *graph, jimm_value parameter) {
  const jimm_node *node = jimm_graph_node(graph, parameter);
  while (node->kind == JIMM_NODE_OP) {
    node = jimm_graph_node(graph, node->inputs[0]);
  }
  return &((const jimm_parameter_attrs *)node->attrs)->shape;
}

/* What PyTorch's and timm's layers do by themselves: dense weights and their biases uniform in
 * +-1/sqrt(fan_in), norms the identity. */
static jimm_init standard(const jimm_graph *graph, const jimm_node *user, int32_t input) {
  if (user == NULL) {
    return jimm_init_constant(0.0); /* num_batches_tracked */
  }
  if (jimm_node_has(user, JIMM_OP_DENSE)) {
    const int64_t fan_in = product(shape_of(graph, user->inputs[1]), 1);
    return (jimm_init){JIMM_INIT_UNIFORM, 1.0 / sqrt((double)fan_in)};
  }
  return jimm_init_constant(user->op->starts == NULL ? 0.0 : user->op->starts[input]);
}

static jimm_status add_parameter(const jimm_family *family, const jimm_graph *graph,
                                 jimm_value parameter, uint64_t seed, jimm_state *state) {
  const jimm_node *node = jimm_graph_node(graph, parameter);
  const jimm_parameter_attrs *attrs = node->attrs;
  const jimm_part *part = jimm_graph_part_of(graph, parameter);
  family = part == NULL ? family : part->owner;
  int32_t input = 0;
  const jimm_node *user = find_user(graph, parameter, &input);
  jimm_init init = standard(graph, user, input);
  if (family != NULL && family->init != NULL && user != NULL) {
    init = family->init(graph, node, user, input, init);
  }
  jimm_tensor tensor = {0};
  const bool integer = attrs->dtype == JIMM_I64; /* counters, which start at 0 */
  jimm_status status = jimm_tensor_create(integer ? JIMM_I64 : JIMM_F32, &attrs->shape, &tensor);
  if (status == JIMM_OK && integer) {
    memset(tensor.data, 0, jimm_tensor_bytes(&tensor));
  } else if (status == JIMM_OK) {
    fill(&init, seed, node->name, &tensor);
  }
  if (status == JIMM_OK) {
    status = jimm_state_add_owned(state, node->name, &tensor);
  }
  jimm_tensor_close(&tensor);
  return status == JIMM_OK ? status : jimm_fail_context(status, "%s", node->name);
}

jimm_status jimm_state_init(const jimm_family *family, const jimm_graph *graph, uint64_t seed,
                            jimm_state **state) {
  if (state == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_state_init: state is NULL");
  }
  *state = NULL;
  if (graph == NULL) {
    return jimm_fail(JIMM_ERROR_INVALID_ARGUMENT, "jimm_state_init: graph is NULL");
  }
  jimm_state *made = NULL;
  jimm_status status = jimm_state_create(&made);
  for (jimm_value v = 0; v < jimm_graph_node_count(graph) && status == JIMM_OK; v++) {
    if (jimm_graph_node(graph, v)->kind == JIMM_NODE_PARAMETER) {
      status = add_parameter(family, graph, v, seed, made);
    }
  }
  if (status != JIMM_OK) {
    jimm_state_close(&made);
    return status;
  }
  *state = made;
  return JIMM_OK;
}
