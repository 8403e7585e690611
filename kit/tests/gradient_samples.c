// Functions of the kind that people differentiate, as they would write them.
#include "gradient_samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- Flat ---------------------------------------------------------------------------------------

double rosenbrock(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i + 1 < n; i++) {
    double a = 1 - x[i], b = x[i + 1] - x[i] * x[i];
    sum += a * a + 100 * b * b;
  }
  return sum;
}

// x[0] + x[1] t + x[2] t^2 + ... at t = 0.7, squared.
double polynomial(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double value = 0;
  for (size_t i = n; i-- > 0;) {
    value = value * 0.7 + x[i];
  }
  return value * value;
}

double log_sum_exp(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double most = x[0], sum = 0;
  for (size_t i = 1; i < n; i++) {
    most = x[i] > most ? x[i] : most;
  }
  for (size_t i = 0; i < n; i++) {
    sum += exp(x[i] - most);
  }
  return most + log(sum);
}

// Points in the plane, each held to the next by a spring of length 1.
double spring_chain(const double *x, size_t n, void *ctx) {
  (void)ctx;
  double sum = 0;
  for (size_t i = 0; i + 3 < n; i += 2) {
    double stretch = hypot(x[i + 2] - x[i], x[i + 3] - x[i + 1]) - 1;
    sum += 0.5 * stretch * stretch;
  }
  return sum;
}

float energy(const float *x, size_t n, void *ctx) {
  (void)ctx;
  float sum = 0;
  for (size_t i = 0; i < n; i++) {
    sum += x[i] * x[i] * sinf(x[i]);
  }
  return sum;
}

// ---- Trees --------------------------------------------------------------------------------------

// mean((tanh(W x + b) - target)^2): layer.weight [out, in], layer.bias [out], x [in], target [out].
double dense(const jt_args *args) {
  const double *w = jt_data(args, "layer.weight"), *b = jt_data(args, "layer.bias");
  const double *x = jt_data(args, "x"), *target = jt_data(args, "target");
  size_t outs = jt_count(args, "layer.bias"), ins = jt_count(args, "x");
  double sum = 0;
  for (size_t o = 0; o < outs; o++) {
    double z = b[o];
    for (size_t i = 0; i < ins; i++) {
      z += w[o * ins + i] * x[i];
    }
    double error = tanh(z) - target[o];
    sum += error * error;
  }
  return sum / (double)outs;
}

// A convolution with padding, softplus, and a second one without; the outputs weigh 1, 2, 3, ...
double convolution(const jt_args *args) {
  const double *x = jt_data(args, "x"), *k1 = jt_data(args, "first"), *k2 = jt_data(args, "second");
  ptrdiff_t n = (ptrdiff_t)jt_count(args, "x"), size1 = (ptrdiff_t)jt_count(args, "first");
  ptrdiff_t size2 = (ptrdiff_t)jt_count(args, "second");
  double *hidden = malloc((size_t)n * sizeof(double));
  double sum = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    double z = 0;
    for (ptrdiff_t k = 0; k < size1; k++) {
      ptrdiff_t at = i + k - size1 / 2;
      z += at >= 0 && at < n ? k1[k] * x[at] : 0.0;
    }
    hidden[i] = log1p(exp(z));
  }
  for (ptrdiff_t i = 0; i + size2 <= n; i++) {
    double y = 0;
    for (ptrdiff_t k = 0; k < size2; k++) {
      y += k2[k] * hidden[i + k];
    }
    sum += (double)(i + 1) * y * y;
  }
  free(hidden);
  return sum;
}

// sum(weights * ((x - mean) / sqrt(var + eps) * gain + bias)).
double layer_norm(const jt_args *args) {
  const double *x = jt_data(args, "x"), *gain = jt_data(args, "norm.gain");
  const double *bias = jt_data(args, "norm.bias"), *weights = jt_data(args, "weights");
  size_t n = jt_count(args, "x");
  double mean = 0, var = 0, sum = 0;
  for (size_t i = 0; i < n; i++) {
    mean += x[i] / (double)n;
  }
  for (size_t i = 0; i < n; i++) {
    var += (x[i] - mean) * (x[i] - mean) / (double)n;
  }
  for (size_t i = 0; i < n; i++) {
    sum += weights[i] * ((x[i] - mean) / sqrt(var + 1e-6) * gain[i] + bias[i]);
  }
  return sum;
}

// One query over keys [count, width] and values [count]: sum of softmax(q . k / sqrt(width))
// values.
double attention(const jt_args *args) {
  const double *q = jt_data(args, "query"), *keys = jt_data(args, "keys");
  const double *values = jt_data(args, "values");
  size_t width = jt_count(args, "query"), count = jt_count(args, "values");
  double total = 0, sum = 0;
  for (size_t i = 0; i < count; i++) {
    double score = 0;
    for (size_t k = 0; k < width; k++) {
      score += q[k] * keys[i * width + k];
    }
    double weight = exp(score / sqrt((double)width));
    total += weight;
    sum += weight * values[i];
  }
  return sum / total;
}

// Global response normalisation of ConvNeXt V2: x [pixels, channels], gamma and beta [channels];
// the sum of squares of its output.
double response_norm(const jt_args *args) {
  const double *x = jt_data(args, "x"), *gamma = jt_data(args, "gamma"),
               *beta = jt_data(args, "beta");
  size_t channels = jt_count(args, "gamma"), pixels = jt_count(args, "x") / channels;
  double norm[16], mean = 0, sum = 0;
  for (size_t c = 0; c < channels; c++) {
    double squares = 0;
    for (size_t p = 0; p < pixels; p++) {
      squares += x[p * channels + c] * x[p * channels + c];
    }
    norm[c] = sqrt(squares);
    mean += norm[c] / (double)channels;
  }
  for (size_t i = 0; i < pixels * channels; i++) {
    size_t c = i % channels;
    double y = x[i] + gamma[c] * (x[i] * norm[c] / (mean + 1e-6)) + beta[c];
    sum += y * y;
  }
  return sum;
}

// The negative log-likelihood of data under a normal distribution.
double gaussian(const jt_args *args) {
  const double *data = jt_data(args, "data");
  double mean = *(const double *)jt_data(args, "mean");
  double log_sigma = *(const double *)jt_data(args, "log_sigma"), sum = 0;
  for (size_t i = 0; i < jt_count(args, "data"); i++) {
    double z = (data[i] - mean) * exp(-log_sigma);
    sum += 0.5 * z * z + log_sigma;
  }
  return sum;
}
