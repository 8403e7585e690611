/* Attributes of operators, read through their specs (jimm/graph.h): text, equality, validity. */
#ifndef JIMM_GRAPH_ATTRS_H
#define JIMM_GRAPH_ATTRS_H

#include <stdbool.h>
#include <stddef.h>

#include <jimm/graph.h>

#define JIMM_ATTR_TEXT 192 /* a buffer of this size is never cut, enumerators' names aside */

/* Writes the attribute's value into `buffer` (always terminated, cut if it must be) and returns it:
 * "3", "[2, 2]", "1e-05" (the shortest text that reads back as the same number), "true", "avg",
 * "[64, 3, 7, 7]". An enumerator without a name is written as its number. */
char *jimm_attr_format(const jimm_attr_spec *spec, const void *attrs, char *buffer, size_t size);
/* Whether both structs have the same value there; floating-point values are compared exactly, and
 * NaN equals NaN. */
bool jimm_attr_equal(const jimm_attr_spec *spec, const void *a, const void *b);
/* Values that no operator could mean: an enumerator out of range, a rank out of range. The message
 * names the attribute. */
jimm_status jimm_attr_check(const jimm_attr_spec *spec, const void *attrs);

#endif
