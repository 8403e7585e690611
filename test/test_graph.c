/* Graphs: building, names, errors, inference, printing, attributes, operators of one's own. */
#include <jimm-test/jimm-test.h>
#include <jimm/graph.h>

TEST(empty_graph_is_refused) {
  jimm_graph *g = NULL;
  TEST_REQUIRE_INT(jimm_graph_create(&g), JIMM_OK);
  TEST_CHECK_INT(jimm_graph_finish(g), JIMM_ERROR_INVALID_ARGUMENT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "no output");
  jimm_graph_close(&g);
  TEST_CHECK(g == NULL);
}

TEST_MAIN()
