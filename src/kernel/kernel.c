/* The kernel table: sets.def and kernels.def as rows. */
#include "kernel/kernel.h"

#include <string.h>

#define SET(name, machine, vector_bytes, features, flags) \
  static const jimm_kernel_set set_##name = {#name, vector_bytes, features};
#include "kernel/sets.def"
#undef SET

#define DTYPE_f32 JIMM_F32

static const jimm_kernel rows[] = {
#define PLAIN(file, op, variant, set)                                                             \
  {#op "_" #variant "_f32_" #set,     #op, JIMM_F32, JIMM_DTYPE_NONE, JIMM_F32, &set_##set, 0, 0, \
   jimm_##op##_##variant##_f32_##set, NULL},
#define KERNEL(file, op, variant, input, weight, output, set, rows, columns) \
  {#op "_" #variant "_" #input "_" #set,                                     \
   #op,                                                                      \
   DTYPE_##input,                                                            \
   DTYPE_##weight,                                                           \
   DTYPE_##output,                                                           \
   &set_##set,                                                               \
   rows,                                                                     \
   columns,                                                                  \
   jimm_##op##_##variant##_##input##_##set,                                  \
   &jimm_##op##_##variant##_rules},
#include "kernel/kernels.def"
#undef KERNEL
#undef PLAIN
};

const jimm_kernel_list jimm_kernels = {rows, sizeof(rows) / sizeof(rows[0])};

bool jimm_kernel_accepts(const jimm_kernel *kernel, const jimm_problem *problem,
                         jimm_features features) {
  return (kernel->set->features & ~features) == 0 && strcmp(kernel->op, problem->op) == 0 &&
         kernel->input == problem->input && kernel->output == problem->output &&
         (kernel->rules == NULL || kernel->rules->accepts == NULL ||
          kernel->rules->accepts(kernel, problem));
}

double jimm_kernel_cost(const jimm_kernel *kernel, const jimm_problem *problem) {
  return kernel->rules == NULL ? 1.0 : kernel->rules->cost(kernel, problem);
}
