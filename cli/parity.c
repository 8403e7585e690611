/* jimm parity */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "parity.h"
#include "progress.h"

typedef struct parity_values {
  bool golden, trace, sensitivity, require, json;
  const char *fixtures, *html;
  int64_t threads;
} parity_values;

/* ---- memory, progress ---- */

/* From here on the system counts anew how much memory was resident at most; what malloc keeps of
 * the item before does not count. */
static bool reset_peak(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (file == NULL) {
    return false;
  }
  const bool written = fputs("5", file) >= 0;
  return fclose(file) == 0 && written;
}

static int64_t read_peak(void) {
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  long long kibibytes = -1;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "VmHWM: %lld", &kibibytes) == 1) {
      break;
    }
  }
  if (file != NULL) {
    fclose(file);
  }
  return kibibytes < 0 ? -1 : (int64_t)kibibytes * 1024;
}

/* "[#####-----] 12 of 132, 1 failed, 80 s left: resnet50" on a terminal. */
static void show_progress(const parity_sweep *sweep, double start) {
  char bar[CLI_BAR_SIZE], line[CLI_PROGRESS_LINE], left[48] = "";
  const char *lines[] = {line};
  if (sweep->done > 0) {
    snprintf(left, sizeof left, ", about %.0f s left",
             (cli_now() - start) / (double)sweep->done * (double)(sweep->count - sweep->done));
  }
  snprintf(line, sizeof line, "%s %zu of %zu, %zu failed%s: %s",
           cli_bar((double)sweep->done / (double)sweep->count, bar), sweep->done, sweep->count,
           sweep->outcomes[PARITY_FAILED], left, sweep->items[sweep->done].name);
  cli_progress_draw(lines, 1);
}

/* ---- one item ---- */

static int check_item(parity_sweep *sweep, parity_item *item, const parity_values *values) {
  jimm_parity_options options = JIMM_PARITY_OPTIONS_INIT;
  options.threads = (int32_t)values->threads;
  options.trace = values->trace || values->html != NULL;
  options.sensitivity = values->sensitivity;
  item->outcome = PARITY_SKIPPED;
  if (item->path != NULL) {
    const double start = cli_now();
    const bool counted = reset_peak();
    const jimm_status status = values->fixtures != NULL
                                   ? jimm_parity_check_fixture(item->path, &options, &item->report)
                                   : jimm_parity_check_golden(item->path, &options, &item->report);
    item->seconds = cli_now() - start;
    item->peak_bytes = counted ? read_peak() : -1;
    item->outcome = status == JIMM_OK && item->report->passed ? PARITY_PASSED : PARITY_FAILED;
    item->reason = status == JIMM_OK ? NULL : strdup(jimm_error_message());
    if (status != JIMM_OK && item->reason == NULL) {
      return cli_fail_memory();
    }
  }
  sweep->outcomes[item->outcome]++;
  return CLI_OK;
}

/* ---- the sweep ---- */

static int check_items(parity_sweep *sweep, const parity_values *values) {
  const double start = cli_now();
  int width = 0;
  int status = CLI_OK;
  for (size_t i = 0; i < sweep->count; i++) {
    const int length = (int)strlen(sweep->items[i].name);
    width = length > width ? length : width;
  }
  while (status == CLI_OK && sweep->done < sweep->count && !ferror(stdout)) {
    parity_item *item = &sweep->items[sweep->done];
    show_progress(sweep, start);
    status = check_item(sweep, item, values);
    cli_progress_clear();
    if (status == CLI_OK && values->json) {
      status = cli_json_print_element(parity_json(item), sweep->done == 0);
    } else if (status == CLI_OK) {
      parity_print_item(item, width, values->trace);
    }
    fflush(stdout);
    sweep->done++;
    if (values->html == NULL) {
      jimm_parity_report_close(&item->report);
    }
  }
  sweep->seconds = cli_now() - start;
  return status;
}

/* The counts, and why what was skipped was. */
static void print_summary(const parity_sweep *sweep, FILE *file) {
  for (size_t i = 0; i < sweep->count; i++) {
    const char *reason = sweep->items[i].reason;
    size_t same = 0;
    bool first = sweep->items[i].outcome == PARITY_SKIPPED;
    for (size_t k = 0; first && k < sweep->count; k++) {
      const parity_item *other = &sweep->items[k];
      if (other->outcome == PARITY_SKIPPED && strcmp(other->reason, reason) == 0) {
        first = k >= i;
        same++;
      }
    }
    if (first) {
      fprintf(file, "%zu skipped: ", same);
      cli_put_text(file, reason, false);
      fputc('\n', file);
    }
  }
  fprintf(file, "%zu passed, %zu failed, %zu skipped\n", sweep->outcomes[PARITY_PASSED],
          sweep->outcomes[PARITY_FAILED], sweep->outcomes[PARITY_SKIPPED]);
}

static void close_sweep(parity_sweep *sweep) {
  for (size_t i = 0; i < sweep->count; i++) {
    free(sweep->items[i].name);
    free(sweep->items[i].path);
    free(sweep->items[i].reason);
    jimm_parity_report_close(&sweep->items[i].report);
  }
  free(sweep->items);
}

static int check_values(const parity_values *values) {
  if (values->golden && values->fixtures != NULL) {
    return cli_usage("expected --golden or --fixtures DIR, got both");
  }
  return values->html == NULL ? CLI_OK : cli_check_output(values->html);
}

static int finish(const parity_sweep *sweep, const parity_values *values) {
  int status = CLI_OK;
  if (values->json && sweep->done > 0) {
    fputs("\n]\n", stdout);
  }
  print_summary(sweep, values->json ? stderr : stdout);
  if (values->html != NULL) {
    status = parity_write_page(sweep, values->html);
  }
  if (sweep->outcomes[PARITY_FAILED] > 0) {
    return CLI_FAILED;
  }
  if (values->require && sweep->outcomes[PARITY_SKIPPED] > 0) {
    return cli_fail("--require: %zu skipped", sweep->outcomes[PARITY_SKIPPED]);
  }
  return status != CLI_OK || sweep->outcomes[PARITY_PASSED] > 0 ? status
                                                                : cli_fail("nothing was compared");
}

static int run(const void *values_, int count, char **arguments) {
  const parity_values *values = values_;
  char what[1024];
  parity_sweep sweep = {.what = what};
  snprintf(what, sizeof what, "%s in %s", values->fixtures != NULL ? "fixtures" : "goldens",
           values->fixtures != NULL ? values->fixtures : parity_golden_folder());
  int status = check_values(values);
  if (status == CLI_OK && values->fixtures != NULL && !jimm_parity_has_hdf5()) {
    return cli_become("jimm-hdf5", "the program that reads fixtures");
  }
  if (status == CLI_OK) {
    status = parity_find(&sweep, values->fixtures, count, arguments);
  }
  if (status == CLI_OK) {
    status = check_items(&sweep, values);
  }
  if (status == CLI_OK) {
    status = finish(&sweep, values);
  }
  close_sweep(&sweep);
  return status;
}

static const parity_values defaults = {.threads = JIMM_THREADS_DEFAULT};

static const cli_option options[] = {
    {.name = "golden",
     .type = CLI_FLAG,
     .offset = offsetof(parity_values, golden),
     .help = "against timm's recorded answers, in float64, for synthetic weights (the default); "
             "from the folder $JIMM_GOLDEN_DIR, test/golden, or where jimm is installed"},
    {.name = "fixtures",
     .type = CLI_TEXT,
     .argument = "DIR",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(parity_values, fixtures),
     .help =
         "against the fixtures in that folder, which test/parity/dump_..._io.py write: KEY_io.h5, "
         "KEY_in1c_io.h5, KEY_featsonly_io.h5"},
    {.name = "trace",
     .type = CLI_FLAG,
     .offset = offsetof(parity_values, trace),
     .help =
         "follow the error step by step, against the stages of a fixture or else jimm's float64 "
         "reference (slow), and name the first node where it jumps"},
    {.name = "sensitivity",
     .type = CLI_FLAG,
     .offset = offsetof(parity_values, sensitivity),
     .help =
         "also draw each parameter tensor anew: the logits must move by more than ten times the "
         "bar, else an error there could hide (slow)"},
    {.name = "require",
     .type = CLI_FLAG,
     .offset = offsetof(parity_values, require),
     .help = "a skip is a failure"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(parity_values, json),
     .help = "print one JSON array with an object for each; the counts go to stderr"},
    {.name = "html",
     .type = CLI_TEXT,
     .argument = "FILE",
     .words = CLI_WORDS_FILE,
     .offset = offsetof(parity_values, html),
     .help =
         "write a page with the sweep at a glance and the error by depth (traces, so it is slow)"},
    {.name = "threads",
     .type = CLI_INTEGER,
     .argument = "T",
     .minimum = 1,
     .maximum = JIMM_THREADS_MAX,
     .offset = offsetof(parity_values, threads),
     .help = "threads of the plan (default: the processors that this process may use)"},
};

const cli_command cli_parity = {
    .arguments = "[GLOB...]",
    .details =
        "Shows that jimm computes what timm does: for each architecture whose name matches a GLOB "
        "(all without one) a line with the largest errors relative to timm's largest value, the "
        "share of the bar that they take, time, and the most memory that was resident. One model "
        "is in memory at a time.\n"
        "The bar of a golden is the larger of 2e-6 and three times the error of timm's own float32 "
        "run; that of a fixture is 1e-3. The last line counts what passed, failed and was skipped. "
        "The exit status is 1 when something failed or nothing was compared.",
    .options = options,
    .option_count = CLI_COUNT(options),
    .least = 0,
    .most = -1,
    .words = {CLI_WORDS_MODEL, CLI_WORDS_MODEL},
    .values_size = sizeof(parity_values),
    .defaults = &defaults,
    .run = run,
};
