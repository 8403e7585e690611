// Nothing is to be found in these.

static int small_helper(int x) {
  return 3 * x + 1;
}

int clean_sum(const int *values, int n) {
  int sum = 0;
  for (int i = 0; i < n; ++i) {
    sum += values[i];
  }
  return sum;
}

void clean_loop_with_helper(int *values, int n) {
  for (int i = 0; i < n; ++i) {
    values[i] = small_helper(values[i]);
  }
}
