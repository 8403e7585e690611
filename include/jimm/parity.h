/* jimm-parity: jimm held to timm's answers: recorded ones (goldens), and HDF5 fixtures that hold an
 * input, weights and what timm made of them. Layouts of both: docs/parity.md.
 *
 * Functions of libjimm-parity (the core library does not need HDF5). Built without HDF5, those of
 * fixtures fail with JIMM_ERROR_UNSUPPORTED.
 */
#ifndef JIMM_PARITY_H
#define JIMM_PARITY_H

#include <stdbool.h>

#include <jimm/model.h>
#include <jimm/state.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the bars ---- */

/* Fixtures: logits, max |jimm - timm|; everything else, max |jimm - timm| / max |timm|. */
#define JIMM_LOGITS_TOL 1e-3
#define JIMM_FEATURES_RTOL 1e-3
/* Goldens hold timm's answers in float64 and the error of timm's own float32 run, both relative to
 * the largest value: jimm's error may be jimm_house_bar(precision, timm's). */

/* ---- fixtures ---- */

/* Clear it (= {0}) before setting fields. */
typedef struct jimm_parity {
  jimm_tensor input;   /* [N, C, H, W] */
  jimm_state *state;   /* tensors of /state_dict, in their dtype */
  jimm_state *outputs; /* tensors of /output: "features", and "logits" when there is a head; of a
                          pyramid "feat_01" and so on */
  jimm_state *stages;  /* tensors of /stage: values of nodes, by name; NULL: none */
  jimm_tensor channels, reductions; /* of a pyramid, I64 [taps]; else JIMM_DTYPE_NONE */
  char *variant; /* the attribute: timm's name of the model; NULL when the file has none */
  char *options; /* the attribute: a JSON object, {"output_stride": 8}; NULL */
} jimm_parity;

/* Whether this build reads and writes fixtures. */
JIMM_API bool jimm_parity_has_hdf5(void);
/* Reads a fixture. The caller closes it. Errors name file and dataset: a missing group or dataset,
 * one that fixtures do not have, an unsupported type, a truncated file. Groups inside /state_dict,
 * /output and /stage give keys joined by a dot. Links to other files are not followed; all datasets
 * together may have 16 GiB. One thread at a time enters HDF5 here; a program that also uses HDF5
 * itself must not do so at the same time. */
JIMM_API jimm_status jimm_parity_read(const char *path, jimm_parity *parity);
/* Writes a fixture, whole or not at all. Names must not be empty, "." or have a '/'. BF16 is stored
 * as a 16-bit floating type of 8 exponent bits. */
JIMM_API jimm_status jimm_parity_write(const char *path, const jimm_parity *parity);
JIMM_API void jimm_parity_close(jimm_parity *parity);

#define JIMM_PARITY_KEY_SIZE 256

/* What the name of a fixture's file says: KEY_io.h5, KEY_inNc_io.h5 (N input channels other than
 * 3), and of a pyramid KEY_featsonly_io.h5, KEY_inNc_featsonly_io.h5. */
typedef struct jimm_parity_name {
  char key[JIMM_PARITY_KEY_SIZE]; /* timm's name with its dot as an underscore */
  int64_t in_chans;
  bool pyramid;
} jimm_parity_name;
/* False when `file` (a name, or a path whose last part is taken) is not so named. */
JIMM_API bool jimm_parity_parse_name(const char *file, jimm_parity_name *name);

/* ---- checks ---- */

typedef struct jimm_parity_options {
  size_t size;
  int32_t threads;  /* of the plan: JIMM_THREADS_DEFAULT, or 1 to JIMM_THREADS_MAX */
  bool trace;       /* also the error of every step of the plan, against the stages of a fixture or
                       the float64 reference: slow */
  bool sensitivity; /* also draw each parameter anew: slow */
} jimm_parity_options;
#define JIMM_PARITY_OPTIONS_INIT \
  { sizeof(jimm_parity_options), JIMM_THREADS_DEFAULT, false, false }

/* One output of one run beside timm's. */
typedef struct jimm_parity_output {
  const char *run;   /* the golden's case, "odd"; of a fixture "" */
  const char *name;  /* "features" */
  double difference; /* max |jimm - timm|; of a golden over the numbers that it holds */
  double error;      /* difference / max |timm| */
  double timm_error; /* of timm's own float32 run, relative; negative when it is not known */
  double measured;   /* what the bar is for: error, or of a fixture's logits difference */
  double bar;
  bool passed;
} jimm_parity_output;

/* One step of the plan beside the truth. */
typedef struct jimm_parity_step {
  const char *node;      /* whose value it is */
  const char *operation; /* its operator */
  double error;          /* max |jimm - truth| / max |truth| */
  double before;         /* the largest error among the values that it is made of */
} jimm_parity_step;

/* A step's error jumps when it is this many times the error before it, which counts as at least
 * JIMM_PARITY_JUMP_FLOOR. */
#define JIMM_PARITY_JUMP 10.0
#define JIMM_PARITY_JUMP_FLOOR 1e-6

/* Who is wrong where the error jumps. */
typedef enum jimm_parity_cause {
  JIMM_CAUSE_NONE = 0,  /* it jumps nowhere */
  JIMM_CAUSE_GRAPH = 1, /* jimm's float64 reference is wrong, too: the graph is not timm's */
  JIMM_CAUSE_PLAN = 2   /* the reference is right: a kernel, packing or fusion */
} jimm_parity_cause;

/* Strings and arrays are the report's. */
typedef struct jimm_parity_report {
  bool passed;
  const char *arch;
  int32_t output_count;
  const jimm_parity_output *outputs;
  double share;            /* of the bar: the largest measured / bar */
  const char *differences; /* lines: where the graph is not timm's; "" */

  /* with trace */
  const char *traced; /* against what: "timm's stages", "the float64 reference"; NULL: not traced */
  int32_t step_count;
  const jimm_parity_step *steps; /* in the order of the graph */
  int32_t jump;                  /* the first step whose error jumps; -1: none */
  jimm_parity_cause cause;

  /* with sensitivity */
  int32_t parameter_count;     /* redrawn; 0: not asked for */
  double least_effect;         /* the smallest change of the logits, relative */
  const char *least_parameter; /* whose it is */
  double effect_bar;           /* ten times the house bar */
} jimm_parity_report;

/* Holds jimm to a golden (test/golden/ARCH.json): parameters, attributes of every node, and the
 * outputs of the plan in every case. JIMM_OK when it could be done; report->passed says what came
 * out. The caller closes the report. */
JIMM_API jimm_status jimm_parity_check_golden(const char *path, const jimm_parity_options *options,
                                              jimm_parity_report **report);
/* Holds jimm to a fixture. Errors: those of jimm_parity_read; a name that is no fixture's or no
 * model's; another model's fixture than its name says; shapes, parameters, outputs or taps that do
 * not fit the model (JIMM_ERROR_MISMATCH); values that are not finite (JIMM_ERROR_NOT_FINITE). */
JIMM_API jimm_status jimm_parity_check_fixture(const char *path, const jimm_parity_options *options,
                                               jimm_parity_report **report);
JIMM_API void jimm_parity_report_close(jimm_parity_report **report);

#ifdef __cplusplus
}
#endif
#endif
