/* bench_images [--seconds F] [--size S] [--crop-pct P] FILE...: times what a file costs until it is
 * a tensor, on one thread: reading and decoding, then resize, crop and normalisation (bicubic).
 * Prints one JSON object a file: medians of processor time in milliseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jimm/image.h>

#define MAX_RUNS 10000

typedef struct settings {
  double seconds;
  jimm_data_config config;
} settings;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a;
  const double y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double median_ms(double *times, size_t count) {
  qsort(times, count, sizeof(*times), ascending);
  return 1e3 * times[count / 2];
}

static jimm_status measure(const char *path, const settings *s, jimm_tensor *output) {
  static double decode[MAX_RUNS], transform[MAX_RUNS], both[MAX_RUNS];
  jimm_status status = JIMM_OK;
  size_t runs = 0;
  const double end = now() + s->seconds;
  do {
    jimm_image image;
    const double start = now();
    status = jimm_image_read(path, NULL, &image);
    const double middle = now();
    if (status == JIMM_OK) {
      status = jimm_image_preprocess(&image, &s->config, output);
    }
    jimm_image_close(&image);
    const double stop = now();
    decode[runs] = middle - start;
    transform[runs] = stop - middle;
    both[runs++] = stop - start;
  } while (status == JIMM_OK && runs < MAX_RUNS && (runs < 3 || now() < end));
  if (status == JIMM_OK) {
    printf("{\"decode_ms\": %.4f, \"transform_ms\": %.4f, \"both_ms\": %.4f, \"runs\": %zu}\n",
           median_ms(decode, runs), median_ms(transform, runs), median_ms(both, runs), runs);
  }
  return status;
}

int main(int argc, char **argv) {
  settings s = {1.0,
                {3,
                 224,
                 224,
                 JIMM_BICUBIC,
                 JIMM_CROP_CENTER,
                 0.95,
                 {0.485, 0.456, 0.406},
                 {0.229, 0.224, 0.225}}};
  int at = 1;
  for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
    if (strcmp(argv[at], "--seconds") == 0) {
      s.seconds = atof(argv[at + 1]);
    } else if (strcmp(argv[at], "--size") == 0) {
      s.config.height = s.config.width = atoll(argv[at + 1]);
    } else if (strcmp(argv[at], "--crop-pct") == 0) {
      s.config.crop_pct = atof(argv[at + 1]);
    } else {
      break;
    }
  }
  if (at >= argc || argv[at][0] == '-') {
    fprintf(stderr, "usage: bench_images [--seconds F] [--size S] [--crop-pct P] FILE...\n");
    return 2;
  }
  const jimm_shape shape = {3, {3, s.config.height, s.config.width}};
  jimm_tensor output;
  jimm_status status = jimm_tensor_create(JIMM_F32, &shape, &output);
  for (; at < argc && status == JIMM_OK; at++) {
    status = measure(argv[at], &s, &output);
  }
  jimm_tensor_close(&output);
  if (status != JIMM_OK) {
    fprintf(stderr, "bench_images: %s\n", jimm_error_message());
    return 1;
  }
  return 0;
}
