#include "layer/layer.h"

int64_t jimm_make_divisible(double value, int64_t divisor, double round_limit) {
  const int64_t rounded = (int64_t)(value + (double)divisor / 2.0) / divisor * divisor;
  const int64_t result = rounded < divisor ? divisor : rounded;
  return (double)result < round_limit * value ? result + divisor : result;
}
