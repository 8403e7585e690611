// The C language as numerical code uses it; test_recompile.c differentiates every function.
#include "testkit_recompile.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// Conversions between numbers without a cast are among what is tested.
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"

// Each file of the program has a helper of this name.
static double helper(double x) {
  return x * x + 1;
}

double norm_squared(const double *x, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) {
    sum += x[i] * x[i];
  }
  return sum;
}

double ternaries(const double *x, size_t n, void *ctx) {
  (void)ctx;
  int whole = (int)n;
  const double fixed = x[1];
  double a = x[0] > 0 ? x[0] : 0;
  double b = x[0] > 0 ? x[0] : 0.0;
  double c = x[1] < 0 ? 0.5f : x[1] * x[0];
  double d = x[1] < 0 ? n : sin(x[1]);
  double e = x[2] > 1 ? whole : x[2] * x[2];
  double f = x[2] != x[1] ? fixed : 1;
  double g = whole > 2 ? x[0] : x[2];
  return a * b + c * d + (e > f ? e : f) * g + (x[0] > x[1] ? x[0] > 0 : x[1]);
}

double compound(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 1;
  for (size_t i = 0; i < n; ++i) {
    sum += x[i];
    sum *= 1.25;
    sum -= i;
    sum /= (int)i + 2;
    double y = x[i];
    sum *= y += 0.25;
    sum += 1u;
    sum -= 2L * 3;
    sum *= 0.5f;
  }
  long count = 3;
  count += x[0] * 10;
  count *= x[1] + 2;
  unsigned char small = 7;
  small -= x[2];
  double chained, again;
  chained = again = sum + count;
  return chained * again + small;
}

double steps(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double a = x[0], b = x[1];
  double before = a++ * b;
  double after = ++a * b--;
  --b;
  a--;
  return before + after * b - -a * +b;
}

double comparisons(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double y = x[0];
  int score = 0;
  score += y > 0;
  score += 1 < y;
  score += y >= 1u;
  score += y <= 3L;
  score += y == 2.5f;
  score += (char)1 != y;
  score += y < n;
  score += (unsigned long long)2 < y;
  score += (short)2 <= y;
  score += true > y;
  bool both = y > 0 && x[1] < 4;
  return score * x[1] + (y > x[1]) * x[1] + (both || y < 0) * y;
}

double casts(const double *x, size_t n, void *ctx) {
  (void)ctx;
  int i = (int)x[0];
  size_t k = (size_t)fabs(x[1]);
  unsigned char c = (unsigned char)x[2];
  double back = (double)i + (double)k + (double)c + (double)(long)x[1];
  float exact = (float)(i / 2.0);
  double table[4] = {1, 2, 3, 4};
  return back * x[0] + exact * x[1] + table[(unsigned)fabs(x[2]) % 4] * x[2] + (double)n / 3 +
         (double)(float)0.5 * (bool)x[0];
}

static int rounded(double x) {
  return x + 0.5;
}

static double times(int k, double x) {
  return k * x;
}

double implicit_integers(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  int k = x[0];
  long total = x[0] * x[1];
  size_t index = x[1];
  struct {
    int whole;
    double part;
  } split = {x[2], x[2] - k};
  unsigned char byte;
  byte = x[1] * 3;
  int array[2] = {x[0], 5};
  array[1] = x[2] * 2;
  const double fixed = x[2];
  k = fixed;
  return times(x[1], x[0]) + k * x[1] + total * split.part + (index + byte) * x[2] + array[1] +
         split.whole + array[0] + rounded(x[2]);
}

double truth(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double sum = 0;
  if (x[0]) {
    sum += x[0] * x[1];
  }
  if (!x[1]) {
    sum += 100;
  }
  bool any = x[2];
  double left = 3;
  while (left) {
    sum += left * x[2];
    left -= 1;
  }
  sum += (x[0] && x[1]) * x[0] + (x[0] || sum) * x[1] + any * x[2];
  return x[1] ? sum : -sum;
}

double switches(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    switch ((int)floor(x[i])) {
      case -1:
        sum += x[i] * x[i];
        break;
      case 0:
        sum += exp(x[i]);
        // fall through
      case 1:
        sum -= 2 * x[i];
        break;
      default:
        sum *= x[i];
    }
  }
  return sum;
}

static point middle(point a, point b) {
  point m = {(a.x + b.x) / 2, (a.y + b.y) / 2};
  return m;
}

double structs(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  body bodies[2] = {{{x[0], x[1]}, {1, 0}, 2.0, 1}, {{x[2], x[3]}, {0, 0}, 3.0, 2}};
  body copy = bodies[1];
  copy.position.x *= copy.mass;
  bodies[0].velocity = middle(bodies[0].position, copy.position);
  const body *b = &bodies[0];
  return b->velocity.x * b->velocity.y * b->id + copy.position.y * bodies[1].position.x;
}

double unions(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  union {
    point p;
    double values[2];
  } either;
  either.p.x = x[0] * 2;
  either.p.y = x[1] - x[0];
  struct {
    int is_double;
    union {
      double d;
      long i;
    };
  } tagged[2];
  tagged[0].is_double = 1;
  tagged[0].d = x[1] * x[1];
  tagged[1].is_double = 0;
  tagged[1].i = 4;
  double sum = either.values[0] * either.values[1];
  for (int k = 0; k < 2; ++k) {
    sum += tagged[k].is_double ? tagged[k].d * x[0] : tagged[k].i;
  }
  return sum;
}

static const double weights[] = {1, -2.5, 1.0 / 3, 4e-1f};
static const point corners[2][2] = {{{0, 0}, {0, 1}}, {{1, 0}, {1, 1}}};
enum { WEIGHTS = sizeof weights / sizeof weights[0] };

double tables(const double *x, size_t n, void *ctx) {
  (void)ctx;
  static const double half = 0.5;
  double sum = 0;
  for (int i = 0; i < WEIGHTS; ++i) {
    sum += weights[i] * x[i % n] * half;
  }
  const point *corner = &corners[1][1];
  return sum * sum + corner->x * x[0] + (corner + 0)->y * x[1];
}

static const struct {
  const char *name;
  unary_function *f;
} activations[] = {{"sin", sin}, {"tanh", tanh}, {"square", helper}, {"log1p", log1p}};

static double applied(double (*f)(double), double x) {
  return f(x) + (*f)(2 * x);
}

double function_pointers(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += activations[i % 4].f(x[i]) * (strcmp(activations[i % 4].name, "tanh") ? 1 : 2);
  }
  double (*two)(double, double) = pow;
  return sum + applied(exp, x[0]) + applied(&cos, x[1]) + two(x[0] * x[0] + 1, x[1]);
}

void matrix_product(const double *const *a, const double *const *b, double **c, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      c[i][j] = 0;
      for (size_t k = 0; k < n; ++k) {
        c[i][j] += a[i][k] * b[k][j];
      }
    }
  }
}

double double_pointers(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double storage[4];
  double *c[2] = {storage, storage + 2};
  const double *a[2] = {x, x + 2};
  matrix_product(a, a, c, 2);
  double **row = c;
  double sum = **row * row[1][1];
  double *swap = row[0];
  row[0] = row[1];
  row[1] = swap;
  return sum - *row[0] * row[1][1] + norm_squared(storage, 4);
}

static double dot(point p, const point *q) {
  return p.x * q->x + p.y * q->y;
}

double initialisers(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  body b = {.position = {.x = x[0], .y = 2}, .mass = x[1]};
  double ordered[4] = {[0] = 1, [1] = x[1]};
  double braces[2][2] = {{x[0], 1}, {2, x[1]}};
  double all[3] = {0};
  double scalar = {x[0]};
  point q = (point){x[1], .y = scalar};
  return dot((point){b.position.x, 3}, &q) * b.mass + ordered[1] * ordered[3] +
         braces[0][0] * braces[1][1] + b.velocity.x + b.id + all[2];
}

static double restricted_dot(const double *restrict a, const double *restrict b, size_t n) {
  double sum = 0;
  while (n--) {
    sum += *a++ * *b++;
  }
  return sum;
}

double restricted(const double *x, size_t n, void *ctx) {
  (void)ctx;
  return restricted_dot(x, x + 1, n - 1);
}

static double continued(const double *x, size_t n) {
  return n == 1 ? x[0] : x[0] + 1 / continued(x + 1, n - 1);
}

double recursion(const double *x, size_t n, void *ctx) {
  (void)ctx;
  return continued(x, n);
}

double printing(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  char text[64];
  int length = snprintf(text, sizeof text, "%.3f %d %s %.2f", x[0], 7, "and", x[1] * 2);
  fprintf(stderr, "# %s, %g\n", text, x[0]);
  return length * x[0] + text[0] * x[1];
}

double limits(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double least = DBL_MAX, most = -INFINITY;
  for (size_t i = 0; i < n; ++i) {
    if (isnan(x[i]) || !isfinite(x[i]) || isinf(x[i])) {
      return NAN;
    }
    least = x[i] < least ? x[i] : least;
    most = fmax(most, x[i]);
  }
  double tiny = DBL_EPSILON * FLT_EPSILON + DBL_MIN;
  return (most - least) / (tiny + fabs(most)) + (most < HUGE_VAL ? most : FLT_MAX) +
         (signbit(x[0]) ? -x[0] : x[0]) * least;
}

double keywords(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double new = x[0], class = x[1], this = 2, template = 3, operator= 4;
  struct namespace {
    double private, public;
  }
  using = {new, class}, *try = &using;
  register double delete = try->private * try->public;
  return delete + new *this + class *template *operator;
}

double compensated(const double *x, size_t n, void *ctx) {
  (void)ctx;
  volatile double sum = 0, lost = 0;
  for (size_t i = 0; i < n; ++i) {
    double y = x[i] * x[i] - lost;
    volatile double t = sum + y;
    lost = (t - sum) - y;
    sum = t;
  }
  return sum;
}

double pointer_walk(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double copy[16], *end = copy, *p;
  for (const double *q = x; q != x + n; ++q)
    *end++ = *q;
  for (p = copy; p < end; p++)
    *p *= 2, *p += p - copy;
  do {
    p[-1] -= p[-2] * p[-1];
  } while (--p > copy + 1);
  return copy[0] * end[-1] + copy[1];
}

typedef enum mode { LINEAR = 1, SQUARED } mode;

double enumerations(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  mode m = x[0] > 0 ? SQUARED : LINEAR;
  double power = m, offset = LINEAR;
  struct {
    unsigned bits : 3;
  } field = {5};
  return pow(fabs(x[0]), power) * offset + SQUARED * x[1] + field.bits * x[0] + m / x[1];
}

double bit_patterns(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  uint64_t bits;
  memcpy(&bits, &x[0], sizeof bits);
  int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
  return exponent * x[1] + x[0];
}

static void split(double x, double *whole, double *part) {
  *whole = floor(x);
  *part = x - *whole;
}

double out_parameters(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double whole, part;
  split(x[0] * x[1], &whole, &part);
  return whole * x[0] + part * part;
}

double classification(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  int score = isnormal(x[0]) ? 1 : 2;
  score += fpclassify(x[1]) == FP_NORMAL ? 10 : 20;
  score += 100 * isgreater(x[0], x[1]) + 200 * isless(x[0], x[1]) + 400 * isunordered(x[0], x[1]);
  score += 1000 * isgreaterequal(x[0], x[1]) + 2000 * islessequal(x[0], x[1]);
  score += 4000 * islessgreater(x[0], 0.0);
  long whole = lround(x[0]) + 3 * lrint(x[1]) + 5 * lroundf(x[0]) + 7 * lrintf(x[1]);
  long long wide = llround(x[1]) + 3 * llrint(x[0]) + 5 * llroundf(x[1]) + 7 * llrintf(x[0]);
  return (score + ilogb(x[0]) + 3 * ilogbf(x[1])) * x[0] + whole * x[1] + wide * x[0] * x[1];
}

// Names of the author's own that others might have used, too.
static double add(double a, double b) {
  return a - b;
}
static double bits(double a) {
  return 2 * a;
}
static double plain(double a) {
  return a * a;
}
static double sign(double a) {
  return a < 0 ? -2 : 2;
}
static double digamma(double a) {
  return 1 / a;
}
static double chain(double a, double b) {
  return a * b;
}

double own_names(const double *x, size_t n, void *ctx) {
  (void)n;
  (void)ctx;
  double scalar = x[0], tape = x[1], dual = 3;
  return add(scalar, bits(tape)) * plain(dual * tape) + chain(sign(scalar), digamma(tape));
}
