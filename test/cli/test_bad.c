/* Bad input of every kind: a clear message on stderr, nothing on stdout, no file left behind. */
#include <jimm-test/jimm-test.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "run.h"

typedef struct bad_row {
  const char *name;
  int status;
  const char *message[3]; /* stderr contains each of these */
  const char *arguments[14];
} bad_row;

#define FORWARD "forward", "test_resnet", "--output", "out/y.npy"
#define SYNTHETIC FORWARD, "--synthetic", "1", "--input", "x.npy"
#define WEIGHTS(file) FORWARD, "--input", "x.npy", "-w", file
#define INPUT(file) FORWARD, "--synthetic", "1", "--input", file
#define PREDICT "predict", "-w", "folder"

static const bad_row rows[] = {
    /* the command line */
    {"no command", 2, {"Usage: jimm COMMAND"}, {NULL}},
    {"unknown command",
     2,
     {"jimm: unknown command 'lsit'", "list, info, predict, preprocess, forward", "--help"},
     {"lsit"}},
    {"unknown program option", 2, {"jimm: unknown option '--verson'"}, {"--verson"}},
    {"unknown option",
     2,
     {"jimm list: unknown option '--jsn'", "jimm list --help"},
     {"list", "--jsn=1"}},
    {"unknown letter", 2, {"jimm predict: unknown option '-x'"}, {PREDICT, "-x", "a.ppm"}},
    {"value for a flag", 2, {"--json takes no value"}, {"list", "--json=yes"}},
    {"value missing", 2, {"--family needs a value: expected FAMILY"}, {"list", "--family"}},
    {"too many arguments", 2, {"unexpected argument 'b'"}, {"list", "a", "b"}},
    {"too few arguments", 2, {"expected MODEL"}, {"info"}},
    {"no image", 2, {"IMAGE..."}, {PREDICT}},
    {"threads 0",
     2,
     {"option --threads: expected an integer from 1 to 1024, got '0'"},
     {PREDICT, "--threads", "0", "a.ppm"}},
    {"threads 10000",
     2,
     {"option --threads: expected an integer from 1 to 1024, got '10000'"},
     {PREDICT, "--threads=10000", "a.ppm"}},
    {"threads 0 of forward", 2, {"option --threads", "got '0'"}, {SYNTHETIC, "--threads", "0"}},
    {"threads 10000 of forward",
     2,
     {"option --threads", "got '10000'"},
     {SYNTHETIC, "--threads", "10000"}},
    {"number with a tail", 2, {"got '2x'"}, {PREDICT, "--threads", "2x", "a.ppm"}},
    {"number with a space", 2, {"got ' 2'"}, {PREDICT, "--threads", " 2", "a.ppm"}},
    {"number with a plus", 2, {"got '+2'"}, {PREDICT, "--threads", "+2", "a.ppm"}},
    {"empty number", 2, {"got ''"}, {PREDICT, "--threads=", "a.ppm"}},
    {"number beyond 64 bits",
     2,
     {"got '18446744073709551617'"},
     {PREDICT, "--threads", "18446744073709551617", "a.ppm"}},
    {"k 0", 2, {"option --top: expected an integer from 1"}, {PREDICT, "-k0", "a.ppm"}},
    {"negative seed",
     2,
     {"option --synthetic", "got '-1'"},
     {FORWARD, "--input", "x.npy", "--synthetic", "-1"}},
    {"seed beyond 64 bits",
     2,
     {"got '18446744073709551616'"},
     {FORWARD, "--input", "x.npy", "--synthetic", "18446744073709551616"}},
    {"unknown choice",
     2,
     {"expected one of logits, features, pre_logits, pyramid, all, got 'logit'"},
     {SYNTHETIC, "--what", "logit"}},
    {"neither model nor weights", 2, {"a model is needed", "-w FOLDER"}, {"predict", "a.ppm"}},
    {"weights that are not in the cache",
     1,
     {"model.safetensors of timm/test_resnet.r160_in1k (main) is not in the cache", "offline"},
     {"predict", "-m", "test_resnet", "a.ppm"}},
    {"a repository that is not in the cache",
     1,
     {"hf://some/where@v1", "config.json of some/where (v1) is not in the cache"},
     {"predict", "-m", "hf://some/where@v1", "a.ppm"}},
    {"a repository's name that leads elsewhere",
     1,
     {"repository \"../x\": expected NAME"},
     {"info", "hf://../x"}},
    {"a repository and weights",
     2,
     {"hf://some/where brings its own weights"},
     {"predict", "-m", "hf://some/where", "-w", "w.safetensors", "a.ppm"}},
    {"file without model",
     2,
     {"w.safetensors", "name the model"},
     {"predict", "-w", "w.safetensors", "a.ppm"}},
    {"no weights in the cache, no seed", 1, {"is not in the cache"}, {FORWARD, "--input", "x.npy"}},
    {"a synthetic head to reset",
     2,
     {"synthetic weights have no head to reset"},
     {SYNTHETIC, "--reset-head"}},
    {"weights and seed", 2, {"got both"}, {SYNTHETIC, "-w", "w.safetensors"}},
    {"no input", 2, {"option --input is missing"}, {FORWARD, "--synthetic", "1"}},
    {"no output",
     2,
     {"option --output is missing"},
     {"forward", "test_resnet", "--synthetic", "1", "--input", "x.npy"}},
    {"output of another kind",
     2,
     {"expected a file ending in .npy or .safetensors, got 'out/y.txt'"},
     {"forward", "test_resnet", "--synthetic", "1", "--input", "x.npy", "--output", "out/y.txt"}},
    {"all into .npy", 2, {"holds one tensor"}, {SYNTHETIC, "--what", "all"}},
    {"pyramid into .npy",
     2,
     {"holds one tensor", "--what pyramid"},
     {SYNTHETIC, "--what", "pyramid"}},
    {"two taps into .npy",
     2,
     {"holds one tensor"},
     {SYNTHETIC, "--what", "pyramid", "--out-indices", "1,2"}},
    {"tap out of range",
     2,
     {"expected indices from -5 to 4, got 5"},
     {SYNTHETIC, "--what", "pyramid", "--out-indices", "5"}},
    {"tap out of range below",
     2,
     {"expected indices from -5 to 4, got -6"},
     {SYNTHETIC, "--what", "pyramid", "--out-indices", "-6"}},
    {"taps that are no numbers",
     2,
     {"--out-indices", "got 'x'"},
     {SYNTHETIC, "--what", "pyramid", "--out-indices", "1,x"}},
    {"taps that end in a comma",
     2,
     {"--out-indices", "'1,'"},
     {SYNTHETIC, "--what", "pyramid", "--out-indices", "1,"}},
    {"no taps", 2, {"--out-indices", "''"}, {SYNTHETIC, "--what", "pyramid", "--out-indices", ""}},
    {"taps of logits", 2, {"only --what pyramid"}, {SYNTHETIC, "--out-indices", "1"}},
    {"output stride", 1, {"expected 8, 16 or 32, got 4"}, {SYNTHETIC, "--output-stride", "4"}},
    {"reset without weights", 2, {"--reset-head"}, {SYNTHETIC, "--reset-head"}},
    {"threads of the reference",
     2,
     {"one thread"},
     {SYNTHETIC, "--threads", "2", "--evaluator", "reference"}},
    {"preprocess into .png",
     2,
     {"ending in .npy"},
     {"preprocess", "resnet50", "a.ppm", "-o", "out/x.png"}},
    {"preprocess without output", 2, {"--output is missing"}, {"preprocess", "resnet50", "a.ppm"}},
    {"preprocess without image", 2, {"MODEL and IMAGE"}, {"preprocess", "resnet50", "-oout/x.npy"}},
    /* models */
    {"unknown model", 1, {"jimm info: ", "resnt50", "resnet50"}, {"info", "resnt50"}},
    {"unknown tag", 1, {"resnet50.a1_in2k", "resnet50.a1_in1k"}, {"info", "resnet50.a1_in2k"}},
    {"unknown model of forward",
     1,
     {"test_resnett", "test_resnet"},
     {"forward", "test_resnett", "--synthetic", "1", "--input", "x.npy", "--output", "out/y.npy"}},
    {"glob without match", 1, {"no model matches 'vgg*'"}, {"list", "vgg*"}},
    {"glob without match, JSON", 1, {"no model matches 'vgg*'"}, {"list", "--json", "vgg*"}},
    {"unknown family", 1, {"unknown family 'resne'", "resnet"}, {"list", "--family", "resne"}},
    {"no classifier",
     1,
     {"no classifier"},
     {"predict", "-m", "test_resnet", "-w", "headless.safetensors", "--num-classes", "0", "a.ppm"}},
    /* weights */
    {"weights of another model",
     1,
     {"w.safetensors", "missing"},
     {"forward", "resnet18", "-w", "w.safetensors", "--input", "x.npy", "--output", "out/y.npy"}},
    {"folder of another model",
     1,
     {"folder", "test_resnet", "resnet18"},
     {"predict", "-m", "resnet18", "-w", "folder", "a.ppm"}},
    {"tensor missing",
     1,
     {"missing.safetensors", "layer1.0.bn1.running_var"},
     {WEIGHTS("missing.safetensors")}},
    {"tensor too many", 1, {"extra.safetensors", "layer9.odd"}, {WEIGHTS("extra.safetensors")}},
    {"tensor transposed",
     1,
     {"transposed.safetensors", "fc.weight", "[96, 1000]"},
     {WEIGHTS("transposed.safetensors")}},
    {"head of another size",
     1,
     {"w.safetensors", "fc.weight", "[7, 96]"},
     {WEIGHTS("w.safetensors"), "--num-classes", "7"}},
    {"input convolution of another size",
     1,
     {"gray.safetensors", "conv1.0.weight"},
     {WEIGHTS("gray.safetensors")}},
    {"weights absent", 1, {"absent.safetensors", "No such file"}, {WEIGHTS("absent.safetensors")}},
    {"weights absent, no model",
     1,
     {"jimm predict: absent: No such file"},
     {"predict", "-w", "absent", "a.ppm"}},
    {"weights unreadable", 1, {"/proc/self/mem"}, {WEIGHTS("/proc/self/mem")}},
    {"weights empty", 1, {"empty.png"}, {WEIGHTS("empty.png")}},
    {"weights that are none", 1, {"text.png"}, {WEIGHTS("text.png")}},
    {"folder without config", 1, {"nothing", "config.json"}, {"predict", "-w", "nothing", "a.ppm"}},
    {"preprocess by a file",
     1,
     {"w.safetensors: expected a weights folder"},
     {"preprocess", "-w", "w.safetensors", "a.ppm", "-o", "out/x.npy"}},
    /* images */
    {"image empty", 1, {"jimm predict: empty.png: "}, {PREDICT, "empty.png"}},
    {"image empty, JSON", 1, {"jimm predict: empty.png: "}, {PREDICT, "--json", "empty.png"}},
    {"image truncated", 1, {"jimm predict: short.ppm: "}, {PREDICT, "short.ppm"}},
    {"image that ends after its signature", 1, {"magic.png: "}, {PREDICT, "magic.png"}},
    {"JPEG that ends at once", 1, {"magic.jpg: "}, {PREDICT, "magic.jpg"}},
    {"image misnamed", 1, {"jimm predict: text.png: "}, {PREDICT, "text.png"}},
    {"image absent", 1, {"absent.png", "No such file"}, {PREDICT, "absent.png"}},
    {"image whose name steers the terminal",
     1,
     {"jimm predict: no\\x1b[31m\\x07\\xc2\\x9b1m.png: cannot open: No such file"},
     {PREDICT, "no\033[31m\007\302\2331m.png"}},
    {"image unreadable", 1, {"/proc/self/mem"}, {PREDICT, "/proc/self/mem"}},
    {"decompression bomb", 1, {"bomb.png: ", "100000"}, {PREDICT, "bomb.png"}},
    {"decompression bomb, preprocess",
     1,
     {"jimm preprocess: bomb.png: "},
     {"preprocess", "resnet50", "bomb.png", "-o", "out/x.npy"}},
    {"folder without images", 1, {"nothing: ", "no image files"}, {PREDICT, "nothing"}},
    {"stdin empty", 1, {"jimm predict: -: "}, {PREDICT, "-"}},
    {"stdin twice", 1, {"standard input was read already"}, {PREDICT, "-", "-"}},
    /* .npy inputs */
    {"input absent", 1, {"absent.npy", "No such file"}, {INPUT("absent.npy")}},
    {"input unreadable", 1, {"/proc/self/mem"}, {INPUT("/proc/self/mem")}},
    {"input of rank 3",
     1,
     {"rank3.npy: expected a tensor of rank 4", "[3, 32, 32]"},
     {INPUT("rank3.npy")}},
    {"input of integers",
     1,
     {"int.npy: expected elements of type F32 or F64, got I64"},
     {INPUT("int.npy")}},
    {"input of another byte order", 1, {"big.npy: ", "big-endian"}, {INPUT("big.npy")}},
    {"input in Fortran order", 1, {"fortran.npy: "}, {INPUT("fortran.npy")}},
    {"input truncated", 1, {"cut.npy: "}, {INPUT("cut.npy")}},
    {"input that is none", 1, {"text.npy: "}, {INPUT("text.npy")}},
    {"input empty", 1, {"empty.png: "}, {INPUT("empty.png")}},
    {"input of another channel count",
     1,
     {"gray.npy: expected 3 channels", "[1, 1, 64, 48]"},
     {INPUT("gray.npy")}},
    {"input that timm refuses too",
     1,
     {"flat.npy: ", "got batch 1, height 0, width 32"},
     {INPUT("flat.npy")}},
    {"the same, reference",
     1,
     {"flat.npy: ", "conv1.0"},
     {INPUT("flat.npy"), "--evaluator", "reference"}},
    /* outputs */
    {"output into no folder",
     1,
     {"absent/y.npy", "No such file"},
     {"forward", "test_resnet", "--synthetic", "1", "--input", "x.npy", "--output",
      "absent/y.npy"}},
    {"output into a file",
     1,
     {"a.ppm/y.npy: cannot write: a.ppm is no folder"},
     {"forward", "test_resnet", "--synthetic", "1", "--input", "x.npy", "--output", "a.ppm/y.npy"}},
    {"output that is a folder",
     1,
     {"folder.npy: cannot write"},
     {"preprocess", "resnet50", "a.ppm", "-o", "folder.npy"}},
    {"output over the input",
     1,
     {"./x.npy: cannot write: it is the input"},
     {"forward", "test_resnet", "--synthetic", "1", "--input", "x.npy", "--output", "./x.npy"}},
    {"output over the weights",
     1,
     {"w.safetensors: cannot write: it is the weights"},
     {"forward", "test_resnet", "-w", "w.safetensors", "--input", "x.npy", "--output",
      "w.safetensors"}},
    {"output over the weights of a folder",
     1,
     {"folder/model.safetensors: cannot write: it is the weights"},
     {"forward", "-w", "folder", "--input", "x.npy", "--output", "folder/model.safetensors"}},
    {"preprocess over the image",
     1,
     {"x.npy: cannot write: it is the image"},
     {"preprocess", "resnet50", "x.npy", "-o", "x.npy"}},
    {"output where nothing can be made",
     1,
     {"/proc/y.npy"},
     {"forward", "test_resnet", "--synthetic", "1", "--input", "x.npy", "--output", "/proc/y.npy"}},
    {"safetensors where nothing can be made",
     1,
     {"/proc/y.safetensors"},
     {"forward", "test_resnet", "--synthetic", "1", "--input", "x.npy", "--output",
      "/proc/y.safetensors"}},
    {"preprocess where nothing can be made",
     1,
     {"/proc/x.npy"},
     {"preprocess", "resnet50", "a.ppm", "-o", "/proc/x.npy"}},
};

static void check_row(void *context) {
  const bad_row *row = context;
  const run_result *run = run_program(NULL, NULL, row->arguments);
  TEST_CHECK_INT(run->status, row->status);
  TEST_CHECK_STR(run->out, "");
  for (int i = 0; i < 3 && row->message[i] != NULL; i++) {
    TEST_CHECK_CONTAINS(run->err, row->message[i]);
  }
  TEST_CHECK_INT(scratch_entries("out"), 0);
  scratch_clear("out");
}

TEST_SETUP() {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    jt_add(rows[i].name, check_row, (void *)(uintptr_t)&rows[i], NULL);
  }
}

TEST(old_output_survives_a_failure) {
  scratch_write("out/y.npy", "precious", 8);
  TEST_CHECK_INT(RUN(INPUT("flat.npy"))->status, 1);
  TEST_CHECK_INT(RUN(WEIGHTS("missing.safetensors"))->status, 1);
  TEST_CHECK_INT(scratch_entries("out"), 1);
  FILE *file = fopen(scratch_path("out/y.npy"), "rb");
  char text[16] = "";
  if (TEST_CHECK(file != NULL)) {
    TEST_CHECK_UINT(fread(text, 1, sizeof text, file), 8);
    TEST_CHECK_STR(text, "precious");
    fclose(file);
  }
  scratch_clear("out");
}

/* The shell's ulimit -f: no signal, no temporary file, the old output whole. */
TEST(file_size_limit_leaves_nothing) {
  struct rlimit before, limit;
  TEST_REQUIRE_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
  scratch_write("out/y.npy", "precious", 8);
  limit = before;
  limit.rlim_cur = 1024; /* the logits need four times as much */
  TEST_REQUIRE_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const run_result *run = RUN(SYNTHETIC);
  setrlimit(RLIMIT_FSIZE, &before);
  TEST_CHECK_INT(run->status, 1);
  TEST_CHECK_CONTAINS(run->err, "out/y.npy: cannot write: File too large");
  TEST_CHECK_INT(scratch_entries("out"), 1);
  scratch_clear("out");
}

TEST(stdout_full_or_closed) {
  static const char *const lines[][5] = {{"list"},
                                         {"list", "--json"},
                                         {"--help"},
                                         {"info", "resnet50"},
                                         {"predict", "-w", "folder", "a.ppm"}};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    const run_result *run = run_program(NULL, "/dev/full", lines[i]);
    TEST_CHECK_INT(run->status, 1);
    TEST_CHECK_CONTAINS(run->err, "cannot write to standard output");
    run = run_program(NULL, "", lines[i]);
    TEST_CHECK_INT(run->status, 1);
    TEST_CHECK_CONTAINS(run->err, "cannot write to standard output");
  }
}

TEST(closed_stdout_does_not_spoil_files) {
  const run_result *run = run_program(NULL, "", (const char *const[]){SYNTHETIC, NULL});
  TEST_CHECK_INT(run->status, 0); /* nothing was to be printed */
  jimm_tensor tensor = {.dtype = JIMM_DTYPE_NONE};
  TEST_CHECK(jimm_npy_read(scratch_path("out/y.npy"), &tensor) == JIMM_OK);
  jimm_tensor_close(&tensor);
  scratch_clear("out");
}
