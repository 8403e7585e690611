/* Times reading and preprocessing of one image file, on one thread: bench_images FILE ROUNDS SIDE
 * CROP_PCT prints the median of the milliseconds. Driven by bench_images.py. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jimm/base.h>
#include <jimm/image.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int count, char **arguments) {
  const int rounds = count == 5 ? atoi(arguments[2]) : 0;
  const int side = count == 5 ? atoi(arguments[3]) : 0;
  if (rounds < 1 || side < 1) {
    fprintf(stderr, "usage: bench_images FILE ROUNDS SIDE CROP_PCT\n");
    return 2;
  }
  const jimm_data_config config = {3,
                                   side,
                                   side,
                                   JIMM_BICUBIC,
                                   JIMM_CROP_CENTER,
                                   atof(arguments[4]),
                                   {0.485, 0.456, 0.406},
                                   {0.229, 0.224, 0.225}};
  double *times = malloc((size_t)rounds * sizeof(double));
  jimm_tensor output = {0};
  const jimm_shape shape = {3, {3, side, side}};
  int result = times != NULL && jimm_tensor_create(JIMM_F32, &shape, &output) == JIMM_OK ? 0 : 1;
  for (int i = -1; i < rounds && result == 0; i++) { /* the first round warms up */
    jimm_image image;
    const double begin = now();
    result = jimm_image_read(arguments[1], NULL, &image) != JIMM_OK ||
             jimm_image_preprocess(&image, &config, &output) != JIMM_OK;
    jimm_image_close(&image);
    times[i < 0 ? 0 : i] = now() - begin;
  }
  if (result == 0) {
    qsort(times, (size_t)rounds, sizeof(double), compare);
    printf("%.4f\n", times[rounds / 2]);
  } else {
    fprintf(stderr, "bench_images: %s\n", jimm_error_message());
  }
  jimm_tensor_close(&output);
  free(times);
  return result;
}
