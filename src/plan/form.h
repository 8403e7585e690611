/* Forms: in which order a value's elements lie in a buffer of a plan. Which is best is the
 * operator's business: kernels take pixels with their channels side by side, reference operators
 * the order of the graph; and what is one memory in both is never moved. */
#ifndef JIMM_PLAN_FORM_H
#define JIMM_PLAN_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jimm/tensor.h>

typedef enum jimm_form {
  JIMM_FORM_ROWS = 0,         /* row-major, as in the graph */
  JIMM_FORM_CHANNELS_LAST = 1 /* the other dimensions in their order, then the axis */
} jimm_form;
#define JIMM_FORMS 2

/* A value as images x channels x pixels (height x width). Channels-last: the channels are those of
 * the shape's axis; the two dimensions that are left of four are height and width, of any other
 * number all are the width. [N, F] has one pixel; a scalar or a vector are images of one channel.
 * Rows: the last dimension is the channels, and those between it and the first are the width. */
typedef struct jimm_extent {
  size_t images, channels, height, width, pixels;
} jimm_extent;
jimm_extent jimm_extent_of(const jimm_shape *shape, jimm_form form);

/* The distance of neighbours in each dimension, in elements: strides[rank]. */
void jimm_form_strides(const jimm_shape *shape, jimm_form form, int64_t *strides);
/* Whether both strides put every element at the same place: dimensions of one element do not count.
 */
bool jimm_same_strides(const jimm_shape *shape, const int64_t *a, const int64_t *b);
/* Whether all forms of the shape are the same memory. */
bool jimm_is_form_free(const jimm_shape *shape);

#endif
