/* The scope of a test run, for every test program however it is started:
 *
 *   JIMM_TEST_VARIANTS   names of models separated by commas, "resnet50_a1_in1k,convnext_atto"
 *   JIMM_TEST_FAMILIES   names of families separated by commas; also infra: initialisation, hub
 *
 * Families, when given, say what runs. Variants alone restrict the families to those that contain
 * them, and drop infra. Neither: everything runs. An unknown name, or a variant outside the named
 * families, is an error that lists the known ones, and the program exits with 2.
 *
 * A program belongs to a family, to infra, to all families (it picks what it runs with
 * filter_arch), or to none: then it runs only without a scope. The build says which by TEST_GROUP:
 * a family's name, "infra", "families" or "". A program outside the scope is one skipped test. */
#ifndef TEST_FILTER_H
#define TEST_FILTER_H

#include <jimm/model.h>
#include <stdbool.h>

/* Whether tests of that architecture run: its family and, if there are any, one of its variants. */
bool filter_arch(const char *arch);
/* Whether tests of that variant run. */
bool filter_variant(const jimm_model_name *name);
/* The architecture of a family with the fewest parameters: it stands for the family where all would
 * take too long, so that a new family is never left out. */
const jimm_arch *filter_smallest(const jimm_family *family);
/* Adds a test that is skipped: for a program whose tests are all outside the scope. */
void filter_add_skip(void);

#endif
