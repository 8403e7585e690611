#include "gradient_defects.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int gradient_defect;

static int has(int defect) {
  return gradient_defect == defect;
}

void rosenbrock_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)ctx;
  size_t end = has(LAST_FORGOTTEN) ? n - 2 : n - 1;
  for (size_t i = 0; i < end; i++) {
    double b = x[i + 1] - x[i] * x[i];
    double first = (has(WRONG_SIGN) ? 2 : -2) * (1 - x[i]);
    gradient[i] += first - 400 * b * x[i];
    gradient[has(WRONG_INDEX) ? i : i + 1] += (has(MISSING_FACTOR) ? 100 : 200) * b;
  }
}

void polynomial_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  static int calls;
  (void)ctx;
  if (has(OUT_OF_BOUNDS)) {
    ((volatile double *)gradient)[(size_t)1 << 40] = 1;
  }
  for (volatile unsigned i = 0; has(ENDLESS);) {
    i = i + 1;
  }
  if (has(ENDS_THE_PROGRAM)) {
    exit(3);
  }
  double value = 0;
  for (size_t i = n; i-- > 0;) {
    value = value * 0.7 + x[i];
  }
  double outer = has(NO_CHAIN_RULE) ? 1 : 2 * value;
  for (size_t i = 0; i < n; i++) {
    gradient[i] = outer * pow(0.7, (double)(has(WRONG_POWER) && i > 0 ? i - 1 : i));
    gradient[i] += has(UNSTEADY) ? (double)calls : 0;
  }
  if (has(ONE_TOO_FAR)) {
    gradient[n] = 0;
  }
  calls++;
}

void log_sum_exp_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += exp(x[i]);
  }
  for (size_t i = 0; i < n; i++) {
    double e = has(SINGLE_PRECISION) ? (double)expf((float)x[i] * 1.0001f) : exp(x[i]);
    gradient[i] = has(NOT_NORMALISED) ? e : e / sum;
  }
}

void spring_chain_gradient(const double *x, size_t n, void *ctx, double *gradient) {
  (void)ctx;
  for (size_t i = 0; i + 3 < n; i += 2) {
    double across = x[i + 2] - x[i], up = x[i + 3] - x[i + 1];
    double length = hypot(across, up), pull = (length - 1) / length;
    gradient[i] -= pull * (has(SWAPPED) ? up : across);
    gradient[i + 1] -= pull * up;
    gradient[i + 2] = pull * across + (has(OVERWRITTEN) ? 0 : gradient[i + 2]);
    gradient[i + 3] += pull * up;
    if (has(OVERWRITTEN)) {
      gradient[i] = -pull * across;
    }
  }
}

void energy_gradient(const float *x, size_t n, void *ctx, float *gradient) {
  (void)ctx;
  for (size_t i = 0; i < n; i++) {
    gradient[i] = 2 * x[i] * sinf(x[i]) + x[i] * x[i] * cosf(x[i]);
  }
}

void dense_gradient(const jt_args *args, jt_args *gradient) {
  const double *w = jt_data(args, "layer.weight"), *b = jt_data(args, "layer.bias");
  double *x = jt_data(args, "x"), *target = jt_data(args, "target");
  double *dw = jt_data(gradient, "layer.weight"), *db = jt_data(gradient, "layer.bias");
  double *dx = jt_data(gradient, "x");
  size_t outs = jt_count(args, "layer.bias"), ins = jt_count(args, "x");
  for (size_t o = 0; o < outs; o++) {
    double z = b[o];
    for (size_t i = 0; i < ins; i++) {
      z += w[o * ins + i] * x[i];
    }
    double y = tanh(z), slope = has(TANH_NOT_SQUARED) ? 1 - y : 1 - y * y;
    double dz = 2 * (y - target[o]) * slope / (has(NO_MEAN) ? 1 : (double)outs);
    db[o] = has(BIAS_FORGOTTEN) ? 0 : dz;
    for (size_t i = 0; i < ins; i++) {
      dw[has(TRANSPOSED) ? i * outs + o : o * ins + i] = dz * x[i];
      dx[i] += dz * w[o * ins + i];
    }
  }
  if (has(INPUT_CORRUPTED)) {
    x[0] += 1;
  }
  if (has(CONSTANT_CORRUPTED)) {
    target[1] = 0;
  }
  if (has(CONSTANT_DIFFERENTIATED)) {
    volatile double *dt = jt_data(gradient, "target");  // a constant has no gradient
    dt[0] = 1;
  }
}

void convolution_gradient(const jt_args *args, jt_args *gradient) {
  const double *x = jt_data(args, "x"), *k1 = jt_data(args, "first"), *k2 = jt_data(args, "second");
  double *dx = jt_data(gradient, "x"), *d1 = jt_data(gradient, "first");
  double *d2 = jt_data(gradient, "second");
  ptrdiff_t n = (ptrdiff_t)jt_count(args, "x"), size1 = (ptrdiff_t)jt_count(args, "first");
  ptrdiff_t size2 = (ptrdiff_t)jt_count(args, "second");
  double *hidden = calloc((size_t)n, sizeof *hidden), *slope = calloc((size_t)n, sizeof *slope);
  double *dh = calloc((size_t)n, sizeof *dh);
  for (ptrdiff_t i = 0; i < n; i++) {
    double z = 0;
    for (ptrdiff_t k = 0; k < size1; k++) {
      ptrdiff_t at = i + k - size1 / 2;
      z += at >= 0 && at < n ? k1[k] * x[at] : 0;
    }
    hidden[i] = log1p(exp(z));
    slope[i] = 1 / (1 + exp(has(STALE_HIDDEN) ? -hidden[i] : -z));
  }
  for (ptrdiff_t i = 0; i + size2 <= n; i++) {
    double y = 0;
    for (ptrdiff_t k = 0; k < size2; k++) {
      y += k2[k] * hidden[i + k];
    }
    for (ptrdiff_t k = 0; k < size2; k++) {
      d2[k] += 2 * (double)(i + 1) * y * hidden[i + k];
      dh[i + k] += 2 * (double)(i + 1) * y * k2[k];
    }
  }
  for (ptrdiff_t i = 0; i < n; i++) {
    for (ptrdiff_t k = 0; k < size1; k++) {
      ptrdiff_t at = i + k - size1 / 2 + (has(PAD_OFF_BY_ONE) ? 1 : 0);
      if (at >= 0 && at < n) {
        d1[k] += dh[i] * slope[i] * x[at];
        dx[at] += dh[i] * slope[i] * k1[has(NOT_FLIPPED) ? size1 - 1 - k : k];
      }
    }
  }
  free(hidden);
  free(slope);
  free(dh);
}

void layer_norm_gradient(const jt_args *args, jt_args *gradient) {
  const double *x = jt_data(args, "x"), *gain = jt_data(args, "norm.gain");
  const double *weights = jt_data(args, "weights");
  double *dx = jt_data(gradient, "x"), *dgain = jt_data(gradient, "norm.gain");
  double *dbias = jt_data(gradient, "norm.bias");
  size_t n = jt_count(args, "x");
  double mean = 0, var = 0, sum = 0, across = 0;
  for (size_t i = 0; i < n; i++) {
    mean += x[i] / (double)n;
  }
  for (size_t i = 0; i < n; i++) {
    var += (x[i] - mean) * (x[i] - mean) / (double)n;
  }
  double scale = 1 / sqrt(var + (has(EPSILON) ? 1e-3 : 1e-6));
  for (size_t i = 0; i < n; i++) {
    sum += weights[i] * gain[i] / (double)n;
    across += weights[i] * gain[i] * (x[i] - mean) * scale / (double)n;
  }
  for (size_t i = 0; i < n; i++) {
    double normal = (x[i] - mean) * scale;
    dgain[i] = weights[i] * normal;
    dbias[i] = weights[i];
    dx[i] = scale * (weights[i] * gain[i] - (has(MEAN_AS_CONSTANT) ? 0 : sum) -
                     (has(VARIANCE_AS_CONSTANT) ? 0 : normal * across));
  }
}

void attention_gradient(const jt_args *args, jt_args *gradient) {
  const double *q = jt_data(args, "query"), *keys = jt_data(args, "keys");
  const double *values = jt_data(args, "values");
  double *dq = jt_data(gradient, "query"), *dk = jt_data(gradient, "keys");
  double *dv = jt_data(gradient, "values");
  size_t width = jt_count(args, "query"), count = jt_count(args, "values");
  double weight[16], total = 0, result = 0, scale = sqrt((double)width);
  for (size_t i = 0; i < count; i++) {
    double score = 0;
    for (size_t k = 0; k < width; k++) {
      score += q[k] * keys[i * width + k];
    }
    weight[i] = exp(score / scale);
    total += weight[i];
    result += weight[i] * values[i];
  }
  result /= total;
  for (size_t i = 0; i < count; i++) {
    double p = weight[i] / total, ds = p * (values[i] - result) / (has(NO_SCALE) ? 1 : scale);
    size_t row = has(LEAKED_ROW) ? (i + 1) % count : i;
    dv[i] = p;
    for (size_t k = 0; k < width; k++) {
      dq[k] += ds * keys[i * width + k];
      dk[row * width + k] += ds * q[k];
    }
  }
}

void response_norm_gradient(const jt_args *args, jt_args *gradient) {
  const double *x = jt_data(args, "x"), *gamma = jt_data(args, "gamma"),
               *beta = jt_data(args, "beta");
  double *dx = jt_data(gradient, "x"), *dgamma = jt_data(gradient, "gamma");
  double *dbeta = jt_data(gradient, "beta");
  size_t channels = jt_count(args, "gamma"), pixels = jt_count(args, "x") / channels;
  double norm[16], dnorm[16] = {0}, mean = 1e-6, dmean = 0;
  for (size_t c = 0; c < channels; c++) {
    norm[c] = 0;
    for (size_t p = 0; p < pixels; p++) {
      norm[c] += x[p * channels + c] * x[p * channels + c];
    }
    norm[c] = sqrt(norm[c]);
    mean += norm[c] / (double)channels;
  }
  for (size_t i = 0; i < pixels * channels; i++) {
    size_t c = i % channels;
    double share = norm[c] / mean, dy = 2 * (x[i] + gamma[c] * x[i] * share + beta[c]);
    dx[i] = dy * (1 + gamma[c] * share);
    dgamma[c] += dy * x[i] * share;
    dbeta[c] += dy;
    dnorm[c] += dy * gamma[c] * x[i] / mean;
    dmean -= dy * gamma[c] * x[i] * norm[c] / (mean * mean);
  }
  for (size_t i = 0; i < pixels * channels && !has(NORM_AS_CONSTANT); i++) {
    size_t c = i % channels;
    double shared = has(SHARED_MEAN_FORGOTTEN) ? 0 : dmean / (double)channels;
    dx[i] += (dnorm[c] + shared) * x[i] / norm[c];
  }
}

void gaussian_gradient(const jt_args *args, jt_args *gradient) {
  const double *data = jt_data(args, "data");
  double mean = *(const double *)jt_data(args, "mean");
  double log_sigma = *(const double *)jt_data(args, "log_sigma"), squares = 0, sum = 0;
  size_t n = jt_count(args, "data");
  double *ddata = jt_data(gradient, "data");
  for (size_t i = 0; i < n; i++) {
    double z = (data[i] - mean) * exp(-log_sigma);
    squares += z * z;
    sum += z;
    ddata[i] = z * exp(-log_sigma);
  }
  double variance = has(NOT_A_NUMBER) ? 0 : 1;
  *(double *)jt_data(gradient, "mean") = -sum * exp(-log_sigma) * variance / variance;
  *(double *)jt_data(gradient, "log_sigma") = -squares + (has(ONLY_ONE_TERM) ? 0 : (double)n);
}
