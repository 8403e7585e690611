// Numerical programs, for test_recompile.c to differentiate. They call functions of
// testkit_recompile.c.
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "testkit_recompile.h"

double rosenbrock(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i + 1 < n; ++i) {
    double a = 1 - x[i], b = x[i + 1] - x[i] * x[i];
    sum += a * a + 100 * b * b;
  }
  return sum;
}

// log |det| of a square matrix, by elimination with pivots.
double log_determinant(const double *x, size_t n, void *ctx) {
  (void)ctx;
  size_t size = (size_t)(sqrt((double)n) + 0.5);
  double **a = malloc(size * sizeof *a), *storage = malloc(n * sizeof *storage), sum = 0;
  for (size_t i = 0; i < n; ++i) {
    storage[i] = x[i];
    a[i / size] = storage + i / size * size;
  }
  for (size_t k = 0; k < size; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < size; ++i) {
      pivot = fabs(a[i][k]) > fabs(a[pivot][k]) ? i : pivot;
    }
    double *row = a[pivot];
    a[pivot] = a[k];
    a[k] = row;
    for (size_t i = k + 1; i < size; ++i) {
      double factor = a[i][k] / a[k][k];
      for (size_t j = k; j < size; ++j) {
        a[i][j] -= factor * a[k][j];
      }
    }
    sum += log(fabs(a[k][k]));
  }
  free(storage);
  free(a);
  return sum;
}

// The root of y^3 + x0 y = x1.
double newton_root(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double y = 2, step;
  int count = 0;
  do {
    step = (y * y * y + x[0] * y - x[1]) / (3 * y * y + x[0]);
    y -= step;
  } while (fabs(step) > 1e-14 && ++count < 50);
  return y;
}

static point pendulum_slope(point p, double damping) {
  return (point){p.y, -sin(p.x) - damping * p.y};
}

// Runge and Kutta's method.
double pendulum(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  point p = {x[0], x[1]};
  const double h = 0.05;
  for (int i = 0; i < 40; ++i) {
    point a = pendulum_slope(p, x[2]);
    point b = pendulum_slope((point){p.x + h / 2 * a.x, p.y + h / 2 * a.y}, x[2]);
    point c = pendulum_slope((point){p.x + h / 2 * b.x, p.y + h / 2 * b.y}, x[2]);
    point d = pendulum_slope((point){p.x + h * c.x, p.y + h * c.y}, x[2]);
    p.x += h / 6 * (a.x + 2 * b.x + 2 * c.x + d.x);
    p.y += h / 6 * (a.y + 2 * b.y + 2 * c.y + d.y);
  }
  return p.x;
}

double log_sum_exp(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double most = x[0], sum = 0;
  for (size_t i = 1; i < n; ++i) {
    most = fmax(most, x[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    sum += exp(x[i] - most);
  }
  return most + log(sum);
}

static void transform(point *z, size_t n) {
  if (n == 1) {
    return;
  }
  point half[2][8];
  for (size_t i = 0; i < n; ++i) {
    half[i % 2][i / 2] = z[i];
  }
  transform(half[0], n / 2);
  transform(half[1], n / 2);
  for (size_t i = 0; i < n / 2; ++i) {
    double angle = -2 * 3.14159265358979323846 * (double)i / (double)n;
    point turn = {cos(angle), sin(angle)}, odd = half[1][i];
    point t = {turn.x * odd.x - turn.y * odd.y, turn.x * odd.y + turn.y * odd.x};
    z[i] = (point){half[0][i].x + t.x, half[0][i].y + t.y};
    z[i + n / 2] = (point){half[0][i].x - t.x, half[0][i].y - t.y};
  }
}

double fourier(const double *x, size_t n, void *ctx) {
  (void)ctx;
  point z[16];
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    z[i] = (point){x[i], 0};
  }
  transform(z, n);
  for (size_t i = 0; i < n; ++i) {
    sum += (double)(i + 1) * hypot(z[i].x, z[i].y);
  }
  return sum;
}

double polynomial(const double *x, size_t n, void *ctx) {
  const int *degrees = ctx;
  double y = 0, z = 1;
  for (size_t i = n - 1; i > 0; --i) {
    y = y * x[0] + x[i];
    z *= pow(x[i], degrees[i]);
  }
  return y + z;
}

// Catmull and Rom's curve through x[1], x[2]... at x[0].
double spline(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double whole, t = modf(x[0], &whole);
  size_t k = (size_t)whole;
  const double *p = x + 1 + (k + 4 < n ? k : n - 5);
  double a = p[1], b = (p[2] - p[0]) / 2, c = p[0] - 2.5 * p[1] + 2 * p[2] - p[3] / 2;
  double d = (p[3] - p[0]) / 2 + 1.5 * (p[1] - p[2]);
  return fma(fma(fma(d, t, c), t, b), t, a);
}

double gravity(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  body bodies[3] = {{{x[0], x[1]}, {0, 0.5}, 1, 0},
                    {{x[2], x[3]}, {0.5, 0}, 2, 1},
                    {{x[4], x[5]}, {0, -0.5}, 0.5, 2}};
  for (int step = 0; step < 10; ++step) {
    for (body *a = bodies; a < bodies + 3; ++a) {
      for (const body *b = bodies; b < bodies + 3; ++b) {
        if (a->id == b->id) {
          continue;
        }
        double dx = b->position.x - a->position.x, dy = b->position.y - a->position.y;
        double r2 = dx * dx + dy * dy + 0.01;
        double pull = 0.02 * b->mass / (r2 * sqrt(r2));
        a->velocity.x += pull * dx;
        a->velocity.y += pull * dy;
      }
    }
    for (int i = 0; i < 3; ++i) {
      bodies[i].position.x += 0.02 * bodies[i].velocity.x;
      bodies[i].position.y += 0.02 * bodies[i].velocity.y;
    }
  }
  return bodies[0].position.x * bodies[1].position.y - bodies[2].position.x;
}

double beta_density(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double a = x[0], b = x[1], z = lgamma(a) + lgamma(b) - lgamma(a + b);
  return (a - 1) * log(x[2]) + (b - 1) * log1p(-x[2]) - z;
}

static double bump(double t, const double *x) {
  return exp(-x[0] * t * t) * cos(x[1] * t) + x[2] * t;
}

static double simpson_between(double a, double b, const double *x, int depth) {
  double m = (a + b) / 2, l = (a + m) / 2, r = (m + b) / 2;
  double coarse = (b - a) / 6 * (bump(a, x) + 4 * bump(m, x) + bump(b, x));
  double fine =
      (b - a) / 12 * (bump(a, x) + 4 * bump(l, x) + 2 * bump(m, x) + 4 * bump(r, x) + bump(b, x));
  if (depth == 0 || fabs(fine - coarse) < 1e-9) {
    return fine;
  }
  return simpson_between(a, m, x, depth - 1) + simpson_between(m, b, x, depth - 1);
}

// An integral, by halving where it is needed; its upper bound varies, too.
double simpson(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  return simpson_between(0, x[3], x, 12);
}

double wide(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += x[i] * x[i] * x[(i + 1) % n];
  }
  return sum / (double)n;
}

// Ten million operations in which x takes part.
double endless(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double y = x[0];
  for (long i = 0; i < 10000000; ++i) {
    y = y * 0.999999;
  }
  return y;
}

// What is computed for the other one is never used.
double larger_root(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double roots[2] = {sqrt(x[0]), sqrt(x[1])};
  return x[0] > x[1] ? roots[0] * x[0] : roots[1] * x[1];
}

double root_sum(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += sqrt(x[i]);
  }
  return sum;
}

// Values that came out of another call.
double memory(const double *x, size_t n, void *ctx) {
  (void)n;
  int *calls = ctx;
  static double before = 1;
  double y = x[0] * before;
  before = *calls == 0 ? x[0] * x[0] + 1 : before;
  ++*calls;
  return y;
}

double memo(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  static double *known;
  if (!known) {
    known = malloc(4 * sizeof *known);
    for (int i = 0; i < 4; ++i) {
      known[i] = exp(i);
    }
  }
  return known[2] * x[0] + known[3];
}

typedef struct job {
  double in, out;
} job;

static void *work(void *p) {
  job *j = p;
  j->out = j->in * j->in;
  return NULL;
}

double in_a_thread(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  job j = {x[0], 0};
  pthread_t thread;
  if (pthread_create(&thread, NULL, work, &j) == 0) {
    pthread_join(thread, NULL);
  }
  return j.out;
}

// Two threads that call it are in the middle of it at the same time.
double meeting(const double *x, size_t n, void *ctx) {
  (void)n;
  double y = x[0] * x[1];
  pthread_barrier_wait(ctx);
  y *= x[0];
  pthread_barrier_wait(ctx);
  return y * x[1];
}

// As many operations as x[0] says.
double runs_away(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double y = x[1];
  for (long i = 0; i < (long)x[0]; ++i) {
    y *= x[1];
  }
  return y;
}

// ---- Functions of trees ---

// Stride 1, zeros around: weights are [out][in][3][3].
static void convolve(const double *in, int channels, int size, const double *w, const double *bias,
                     int outs, double *out) {
  for (int o = 0; o < outs; ++o) {
    for (int y = 0; y < size; ++y) {
      for (int x = 0; x < size; ++x) {
        double sum = bias[o];
        for (int c = 0; c < channels; ++c) {
          for (int k = 0; k < 9; ++k) {
            int iy = y + k / 3 - 1, ix = x + k % 3 - 1;
            if (iy >= 0 && iy < size && ix >= 0 && ix < size) {
              sum += w[(o * channels + c) * 9 + k] * in[(c * size + iy) * size + ix];
            }
          }
        }
        out[(o * size + y) * size + x] = sum;
      }
    }
  }
}

enum { SIZE = 5, HIDDEN = 4, OUTS = 6 };

double conv_net(const jt_args *args) {
  const double *image = jt_data(args, "image");
  const int *label = jt_data(args, "label");
  double hidden[HIDDEN * SIZE * SIZE], out[OUTS * SIZE * SIZE], logits[OUTS];
  convolve(image, 1, SIZE, jt_data(args, "first.w"), jt_data(args, "first.b"), HIDDEN, hidden);
  for (int i = 0; i < HIDDEN * SIZE * SIZE; ++i) {
    hidden[i] = hidden[i] / (1 + exp(-hidden[i]));
  }
  convolve(hidden, HIDDEN, SIZE, jt_data(args, "second.w"), jt_data(args, "second.b"), OUTS, out);
  for (int o = 0; o < OUTS; ++o) {
    logits[o] = 0;
    for (int i = 0; i < SIZE * SIZE; ++i) {
      logits[o] += tanh(out[o * SIZE * SIZE + i]) / (SIZE * SIZE);
    }
  }
  return log_sum_exp(logits, OUTS, NULL) - logits[*label];
}

double weighted(const jt_args *args) {
  const double *w = jt_data(args, "deep.er.w"), *x = jt_data(args, "deep.x");
  const double *fixed = jt_data(args, "fixed.c");
  const int *signs = jt_data(args, "signs");
  double sum = 0;
  for (size_t i = 0; i < jt_count(args, "deep.x"); ++i) {
    sum += signs[i] * w[i] * w[i] * x[i] * fixed[0];
  }
  sum *= (double)(jt_find(args, "deep.er.w")->width / sizeof(double));
  return sum + (double)(jt_count(args, "nothing") + jt_find(args, "deep.x")->rank);
}

double nothing_active(const jt_args *args) {
  return norm_squared(jt_data(args, "fixed.c"), 1);
}
