/* Is the force the derivative of the energy? The one by hand, dual numbers and a tape are held
 * against differences; the tape's second derivatives, too. */
#include <jimm-test/gradient.h>

#include "spring.h"

static const double chain[] = {0, 0.1, 0.9, -0.2, 1.7, 0.4, 2.9, 0.3};

TEST(force_is_the_derivative_of_the_energy) {
  TEST_GRADIENTS_FLAT(spring_energy, chain, 8, NULL, .flat_gradient = spring_force,
                      .second_order = true);
}

TEST_MAIN()
