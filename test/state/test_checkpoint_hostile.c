// Pickles that want more than to be weights: each is refused with the name of what it tried, and
// nothing of it is run.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jimm-test/jimm-test.h>

#include "checkpoint_build.h"
#include "state/pickle.h"

typedef struct row {
  const char *bytes;
  size_t size;
  jimm_status status;
  const char *message;
} row;
#define ROW(BYTES, STATUS, MESSAGE) \
  { BYTES, sizeof(BYTES) - 1, STATUS, MESSAGE }
#define FORMAT(BYTES, MESSAGE) ROW(BYTES, JIMM_ERROR_FORMAT, MESSAGE)
#define UNSUPPORTED(BYTES, MESSAGE) ROW(BYTES, JIMM_ERROR_UNSUPPORTED, MESSAGE)
#define LIMIT(BYTES, MESSAGE) ROW(BYTES, JIMM_ERROR_LIMIT, MESSAGE)

static void check_rows(const row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const jimm_status status = open_pickle(rows[i].bytes, rows[i].size);
    TEST_CHECK_MSG(status == rows[i].status, "row %zu: %s: %s", i, jimm_status_name(status),
                   status == JIMM_OK ? "" : jimm_error_message());
    TEST_CHECK_CONTAINS(status == JIMM_OK ? "" : jimm_error_message(), rows[i].message);
  }
}
#define CHECK_ROWS(ROWS) check_rows(ROWS, sizeof(ROWS) / sizeof((ROWS)[0]))

// Calls GLOBAL with a text, as an exploit does.
#define CALL(GLOBAL) PROTO2 "c" GLOBAL "\n(X\x0A\0\0\0touch /tmp/tR."

TEST(what_would_run_code_is_refused_by_name) {
  static const row rows[] = {
      UNSUPPORTED(CALL("os\nsystem"),
                  "data.pkl: byte 2 (GLOBAL): refuses \"os.system\", which no state_dict needs; "
                  "nothing was run"),
      UNSUPPORTED(CALL("posix\nsystem"), "refuses \"posix.system\""),
      UNSUPPORTED(CALL("nt\nsystem"), "refuses \"nt.system\""),
      UNSUPPORTED(CALL("subprocess\nPopen"), "refuses \"subprocess.Popen\""),
      UNSUPPORTED(CALL("builtins\neval"), "refuses \"builtins.eval\""),
      UNSUPPORTED(CALL("builtins\nexec"), "refuses \"builtins.exec\""),
      UNSUPPORTED(CALL("builtins\ngetattr"), "refuses \"builtins.getattr\""),
      UNSUPPORTED(CALL("builtins\n__import__"), "refuses \"builtins.__import__\""),
      UNSUPPORTED(CALL("__builtin__\neval"), "refuses \"__builtin__.eval\""),
      UNSUPPORTED(CALL("runpy\n_run_code"), "refuses \"runpy._run_code\""),
      UNSUPPORTED(CALL("operator\nattrgetter"), "refuses \"operator.attrgetter\""),
      UNSUPPORTED(CALL("copyreg\n_reconstructor"), "refuses \"copyreg._reconstructor\""),
      UNSUPPORTED(CALL("torch\nload"), "refuses \"torch.load\""),
      UNSUPPORTED(CALL("torch.hub\nload"), "refuses \"torch.hub.load\""),
      UNSUPPORTED(CALL("torch.storage\n_load_from_bytes"),
                  "refuses \"torch.storage._load_from_bytes\""),
      UNSUPPORTED(CALL("numpy\nload"), "refuses \"numpy.load\""),
      UNSUPPORTED(CALL("timm.models\ncreate_model"),
                  "refuses \"timm.models.create_model\": a whole model"),
      // Names that are nearly known.
      UNSUPPORTED(CALL("torch._utils\n_rebuild_tensor_v22"), "refuses"),
      UNSUPPORTED(CALL("torch._utils\n_rebuild_tensor_v"), "refuses"),
      UNSUPPORTED(CALL("torch._utils \n_rebuild_tensor_v2"), "refuses"),
      UNSUPPORTED(CALL("torch\n_utils._rebuild_tensor_v2"), "refuses"),
      UNSUPPORTED(CALL("collections\nOrderedDict.__init__"), "refuses"),
      UNSUPPORTED(CALL("\n"), "refuses \".\""),
      // Without a call, without GLOBAL, deep inside and beside good weights.
      UNSUPPORTED(PROTO2 "cos\nsystem\n.", "refuses \"os.system\""),
      UNSUPPORTED("\x80\4\x8c\2os\x8c\6system\x93)R.",
                  "byte 14 (STACK_GLOBAL): refuses \"os.system\""),
      UNSUPPORTED(STATE(KEY_A TENSOR TEXT1("b") "cos\nsystem\n(X\2\0\0\0lstR"),
                  "refuses \"os.system\""),
      UNSUPPORTED(PROTO2 "]]](cos\nsystem\nee.", "refuses \"os.system\""),
      UNSUPPORTED("\x80\4\x8c\2\x1b[\x8c\1m\x93.", "refuses \"\\x1B[.m\""),
      // Instances of classes, and numbers that stand for them.
      UNSUPPORTED("(ios\nsystem\n.", "byte 1 (INST): refuses this opcode"),
      UNSUPPORTED("(cargparse\nNamespace\no.", "(OBJ): refuses this opcode"),
      UNSUPPORTED(PROTO2 "\x82\1.", "byte 2 (EXT1): refuses this opcode"),
      UNSUPPORTED(PROTO2 "\x83\1\1.", "(EXT2): refuses this opcode"),
      UNSUPPORTED(PROTO2 "\x84\1\1\1\1.", "(EXT4): refuses this opcode"),
      UNSUPPORTED("\x80\4)}\x92.", "(NEWOBJ_EX): refuses this opcode"),
      UNSUPPORTED("\x80\5\x97.", "(NEXT_BUFFER): refuses this opcode"),
      UNSUPPORTED("\x80\5\x98.", "(READONLY_BUFFER): refuses this opcode"),
      UNSUPPORTED("P('storage', 1)\n.", "(PERSID): refuses this opcode"),
      UNSUPPORTED("S'os'\n.", "(STRING): refuses this opcode"),
      UNSUPPORTED("Vos\n.", "(UNICODE): refuses this opcode"),
  };
  CHECK_ROWS(rows);
}

TEST(calls_and_states_that_are_not_meant_are_refused) {
  static const row rows[] = {
      UNSUPPORTED(STATE_A(TENSOR "}b"), "(BUILD): refuses to set the state of a tensor"),
      UNSUPPORTED(PROTO2 "}}b.", "refuses to set the state of a dict"),
      UNSUPPORTED(PROTO2 "]}b.", "refuses to set the state of a list"),
      UNSUPPORTED(PROTO2 "ctorch\ndevice\n)R}b.",
                  "refuses to set the state of an object of torch.device"),
      UNSUPPORTED(PROTO2 "cargparse\nNamespace\n}b.", "the state of argparse.Namespace"),
      FORMAT(PROTO2 "ccollections\nOrderedDict\n)R]b.", "expected a dict of attributes, found a"),
      FORMAT(PROTO2 "})R.", "(REDUCE): expected a class or a function, found a dict"),
      FORMAT(PROTO2 "X\2\0\0\0os)R.", "expected a class or a function, found a text"),
      FORMAT(PROTO2 REBUILD "]R.", "_rebuild_tensor_v2: expected a tuple of arguments, found a"),
      FORMAT(PROTO2 REBUILD ")R.", "torch._utils._rebuild_tensor_v2: 0 arguments do not fit it"),
      FORMAT(PROTO2 REBUILD "(K\0K\0))NNtR.", "expected a storage, found an integer"),
      FORMAT(PROTO2 REBUILD ")\x81.", "(NEWOBJ): torch._utils._rebuild_tensor_v2 is no class"),
      FORMAT(PROTO2 "ctorch._utils\n_rebuild_tensor\n(" STORAGE "K\0))NtR.",
             "_rebuild_tensor: 5 arguments do not fit it"),
      FORMAT(PROTO2 "ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE "K\0))N}K\1tR.",
             "_rebuild_tensor_v3: expected a torch.dtype, found an integer"),
      FORMAT(PROTO2 "ctorch._utils\n_rebuild_parameter\n(K\1N}tR.",
             "_rebuild_parameter: expected a tensor, found an integer"),
      FORMAT(PROTO2 "ctorch.nn.parameter\nParameter\n)\x81.", "Parameter: 0 arguments"),
      FORMAT(PROTO2 "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch\ndevice\nN)NtR.",
             "expected a function that rebuilds a tensor, found torch.device"),
      FORMAT(PROTO2 "ctorch._tensor\n_rebuild_from_type_v2\n(" REBUILD "N]NtR.",
             "expected a tuple of arguments, found a list"),
      FORMAT(PROTO2 "ctorch\nSize\n(K\1tR.", "torch.Size: 1 arguments do not fit it"),
      FORMAT(PROTO2 "ctorch\nfloat32\n)R.", "torch.float32 cannot be called"),
      FORMAT(PROTO2 "ctorch\nFloatStorage\n)R.", "torch.FloatStorage cannot be called"),
      FORMAT(PROTO2 "ccollections\nOrderedDict\n(K\1tR.", "expected a dict or a list of pairs"),
      FORMAT(PROTO2 "ccollections\nOrderedDict\n((K\1ttR.", "expected pairs, found an integer"),
      FORMAT(PROTO2 "ccollections\nOrderedDict\n(NNtR.", "OrderedDict: 2 arguments"),
  };
  CHECK_ROWS(rows);
}

TEST(names_of_storages_are_checked) {
#define ID(ITEMS) PROTO2 "(" ITEMS "tQ."
#define FLOATS "ctorch\nFloatStorage\n"
  static const row rows[] = {
      FORMAT(PROTO2 "K\1Q.", "(BINPERSID): the name of a storage: expected a tuple"),
      FORMAT(PROTO2 ")Q.", "expected a tuple"),
      UNSUPPORTED(ID("X\6\0\0\0modulecos\nsystem\nNN"), "refuses \"os.system\""),
      UNSUPPORTED(ID("X\6\0\0\0moduleNNN"), "refuses a pickled torch.nn.Module"),
      FORMAT(ID("X\4\0\0\0fileNNNN"), "expected \"storage\" as its first element"),
      FORMAT(ID("X\7\0\0\0storageNNN"), "expected 5 elements"),
      FORMAT(ID("X\7\0\0\0storageNNNNN"), "expected 5 elements"),
      FORMAT(ID("X\7\0\0\0storageN" TEXT1("0") "NK\1"), "expected a class of torch's storages"),
      FORMAT(ID("X\7\0\0\0storagectorch\nfloat32\n" TEXT1("0") "NK\1"), "a class of torch's"),
      FORMAT(ID("X\7\0\0\0storage" FLOATS "K\0NK\1"), "a short text without zero bytes as key"),
      FORMAT(ID("X\7\0\0\0storage" FLOATS TEXT1("\0") "NK\1"), "without zero bytes"),
      FORMAT(ID("X\7\0\0\0storage" FLOATS TEXT1("0") "NJ\xFF\xFF\xFF\xFF"),
             "an integer from 0 on as its number of elements"),
      FORMAT(ID("X\7\0\0\0storage" FLOATS TEXT1("0") "NG\0\0\0\0\0\0\0\0"), "an integer from 0"),
      FORMAT(STATE_A(TENSOR_OF(STORAGE_OF("FloatStorage", TEXT1("0"), "K\7"), "K\0", "K\6", "K\1")),
             "storage \"0\" (byte 94): 7 elements take 28 bytes, but its entry has 24"),
      FORMAT(STATE_A(TENSOR_OF(STORAGE_OF("FloatStorage", TEXT1("0"), "K\5"), "K\0", "K\5", "K\1")),
             "5 elements take 20 bytes, but its entry has 24"),
      FORMAT(STATE_A(TENSOR_OF(
                 STORAGE_OF("FloatStorage", TEXT1("0"), "\x8A\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"),
                 "K\0", "K\6", "K\1")),
             "the size of its 9223372036854775807 elements overflows"),
      FORMAT(STATE_A(TENSOR_OF(STORAGE_OF("FloatStorage", TEXT1("9"), "K\6"), "K\0", "K\6", "K\1")),
             "storage \"9\" (byte 94): the archive has no such entry"),
      FORMAT(STATE_A(TENSOR_OF(STORAGE_OF("FloatStorage", "X\x0B\0\0\0../data.pkl", "K\6"), "K\0",
                               "K\6", "K\1")),
             "storage \"../data.pkl\""),
      FORMAT(STATE(KEY_A TENSOR TEXT1("b")
                       TENSOR_OF(STORAGE_OF("IntStorage", TEXT1("0"), "K\6"), "K\0", "K\6", "K\1")),
             "it is named with two types or two sizes"),
  };
  CHECK_ROWS(rows);
}

TEST(tensors_that_lie_are_refused) {
#define OF(OFFSET, SIZES, STRIDES) STATE_A(TENSOR_OF(STORAGE, OFFSET, SIZES, STRIDES))
#define HUGE62 "\x8A\x08\0\0\0\0\0\0\0\x40"
#define LARGE40 "\x8A\6\0\0\0\0\0\1"
  static const row rows[] = {
      FORMAT(OF("K\0", "K\7", "K\1"),
             "tensor \"a\" (byte 108): its offset, sizes and strides reach beyond its storage "
             "\"0\" of 6 elements"),
      FORMAT(OF("K\1", "K\6", "K\1"), "reach beyond its storage"),
      FORMAT(OF("K\6", "K\1", "K\1"), "reach beyond its storage"),
      FORMAT(OF("K\0", "K\3", "K\3"), "reach beyond its storage"),
      FORMAT(OF("K\0", "K\3K\3", "K\2K\1"), "reach beyond its storage"),
      FORMAT(OF("K\0", "K\2", HUGE62), "reach beyond its storage"),
      FORMAT(OF("K\0", "K\3", HUGE62), "reach beyond its storage"),
      FORMAT(OF(HUGE62, "K\2", HUGE62), "reach beyond its storage"),
      /* Four times 2^62 is 0 in 64 bits. */
      FORMAT(OF("K\0", "K\2K\2K\2K\2", HUGE62 HUGE62 HUGE62 HUGE62), "reach beyond its storage"),
      FORMAT(OF(HUGE62, "K\1", "K\1"), "reach beyond its storage"),
      FORMAT(OF("K\0", HUGE62 "K\2", "K\0K\0"), "its size overflows"),
      LIMIT(OF("K\0", LARGE40, "K\0"), "it is not contiguous, and copies take more than"),
      FORMAT(OF("J\xFF\xFF\xFF\xFF", "K\1", "K\1"), "expected an offset from 0 on"),
      FORMAT(OF("N", "K\1", "K\1"), "expected an offset from 0 on, found None"),
      FORMAT(OF("K\0", "J\xFE\xFF\xFF\xFF", "K\1"), "a size or stride of -2, expected 0 or more"),
      FORMAT(OF("K\0", "K\2", "J\xFF\xFF\xFF\xFF"), "a size or stride of -1, expected 0 or more"),
      FORMAT(OF("K\0", "K\2K\2", "K\1"), "2 sizes, but 1 strides"),
      FORMAT(OF("K\0", TEXT1("2"), "K\1"), "expected integers as sizes and strides, found a text"),
      FORMAT(OF("K\0", "\x88", "K\1"), "expected integers as sizes and strides, found a bool"),
      FORMAT(OF("K\0", "\x8A\x09\0\0\0\0\0\0\0\0\1", "K\1"), "expected integers as sizes"),
      UNSUPPORTED(OF("K\0", "K\1K\1K\1K\1K\1K\1K\1K\1K\1", "K\1K\1K\1K\1K\1K\1K\1K\1K\1"),
                  "unsupported rank 9, expected at most 8"),
      // Entries of the state_dict.
      FORMAT(STATE(KEY_A TENSOR KEY_A TENSOR), "tensor \"a\" is there already"),
      FORMAT(STATE("X\5\0\0\0model}X\5\0\0\0model}"), "the key \"model\" is there twice"),
      FORMAT(STATE("K\1" TENSOR), "a key of the state_dict is an integer, expected a text"),
      FORMAT(STATE(TEXT1("\0") TENSOR), "expected a text without zero bytes"),
      FORMAT(STATE(TEXT1("\xFF") TENSOR), "the tensor name \"\\xFF\" is not UTF-8"),
      UNSUPPORTED(STATE_A("}"), "\"a\" of the state_dict is a dict"),
      UNSUPPORTED(STATE_A("cargparse\nNamespace\n)R"), "is an object of argparse.Namespace"),
      UNSUPPORTED(PROTO2 "N.", "holds None, expected a dict of tensors"),
  };
  CHECK_ROWS(rows);
  // Limits of what is right.
#define GOOD(BYTES) (open_pickle(BYTES, sizeof(BYTES) - 1) == JIMM_OK)
  TEST_CHECK(GOOD(OF("K\3", "K\3", "K\1")) && opened_count == 3 && opened_values[2] == 5);
  TEST_CHECK(GOOD(OF("K\1", "K\2K\2", "K\1K\3")) && opened_values[1] == 4 && opened_values[2] == 2);
  TEST_CHECK(GOOD(OF("K\5", "K\4", "K\0")) && opened_count == 4 && opened_values[3] == 5);
  TEST_CHECK(GOOD(OF("K\0", "K\1K\6", HUGE62 "K\1")) && opened_count == 6);
  TEST_CHECK(GOOD(OF(HUGE62, "K\0", "K\1")) && opened_count == 0);
  TEST_CHECK(GOOD(OF("K\0", "K\0" HUGE62 "K\1", HUGE62 "K\1K\1")) && opened_count == 0);
  TEST_CHECK(GOOD(OF("K\2", "", "")) && opened_count == 1 && opened_values[0] == 2);
}

TEST(malformed_pickles_are_refused) {
  static const row rows[] = {
      FORMAT("", "byte 0 (end): truncated: expected an opcode"),
      FORMAT(PROTO2, "byte 2 (end): truncated"),
      FORMAT(".", "(STOP): expected one value on the stack, found 0 and 0 marks"),
      FORMAT(PROTO2 "NN.", "found 2 and 0 marks"),
      FORMAT(PROTO2 "N(.", "found 1 and 1 marks"),
      FORMAT(PROTO2 "}.}", "1 bytes follow the pickle"),
      FORMAT(PROTO2 "\xFF.", "byte 2 (unknown): there is no opcode 0xff"),
      FORMAT(PROTO2 "\x81.", "(NEWOBJ): expected 2 values on the stack, found 0"),
      FORMAT(PROTO2 "\0.", "there is no opcode 0x00"),
      UNSUPPORTED("\x80\6N.", "(PROTO): protocol 6, expected at most 5"),
      FORMAT("\x80", "(PROTO): truncated"),
      FORMAT(PROTO2 "M\1", "(BININT2): truncated: 2 bytes belong to it, and 1 are left"),
      FORMAT(PROTO2 "X\xFF\xFF\xFF\xFFx.", "truncated: 4294967295 bytes belong to it"),
      FORMAT("\x80\4\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx.", "truncated: 18446744073709551615"),
      FORMAT("\x80\4\x8E\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7Fx.", "(BINBYTES8): truncated"),
      FORMAT("\x80\5\x96\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7Fx.", "(BYTEARRAY8): truncated"),
      FORMAT(PROTO2 "\x8B\xFF\xFF\xFF\xFF.", "(LONG4): truncated"),
      FORMAT(PROTO2 "\x8A\5\1.", "(LONG1): truncated"),
      FORMAT("\x80\4\x95\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFN.", "(FRAME): truncated: a frame of"),
      FORMAT(PROTO2 "cos", "(GLOBAL): truncated: expected a line"),
      FORMAT(PROTO2 "cos\nsystem", "(GLOBAL): truncated: expected a line"),
      FORMAT("I\n.", "(INT): expected a line of digits"),
      FORMAT("I-\n.", "expected a line of digits"),
      FORMAT("I1x\n.", "expected a line of digits"),
      FORMAT("I-x\n.", "expected a line of digits"),
      FORMAT("L1.5L\n.", "(LONG): expected a line of digits"),
      FORMAT(PROTO2 "a.", "(APPEND): expected 2 values on the stack, found 0"),
      FORMAT(PROTO2 "](Na.", "(APPEND): expected 2 values on the stack, found 1"),
      FORMAT(PROTO2 "}Na.", "(APPEND): expected a list, found a dict"),
      FORMAT(PROTO2 "]NNs.", "(SETITEM): expected a dict, found a list"),
      FORMAT(PROTO2 "}(Nu.", "(SETITEMS): a key without a value"),
      FORMAT(PROTO2 "(NNNd.", "(DICT): a key without a value"),
      FORMAT(PROTO2 "(NNu.", "(SETITEMS): expected a container on the stack, found none"),
      FORMAT(PROTO2 "}((NNu.", "(SETITEMS): expected a container on the stack, found none"),
      FORMAT(PROTO2 "u.", "(SETITEMS): expected a mark on the stack, found none"),
      FORMAT(PROTO2 "t.", "(TUPLE): expected a mark"),
      FORMAT(PROTO2 "e.", "(APPENDS): expected a mark"),
      FORMAT("\x80\4](N\x90.", "(ADDITEMS): expected a set, found a list"),
      FORMAT(PROTO2 "N\x86.", "(TUPLE2): expected 2 values on the stack, found 1"),
      FORMAT(PROTO2 "N(\x85.", "(TUPLE1): expected 1 values on the stack, found 0"),
      FORMAT(PROTO2 "0.", "(POP): expected 1 values"),
      FORMAT(PROTO2 "1.", "(POP_MARK): expected a mark"),
      FORMAT(PROTO2 "2.", "(DUP): expected 1 values"),
      FORMAT(PROTO2 "h\0.", "(BINGET): the memo has no entry 0"),
      FORMAT(PROTO2 "Nq\0h\1.", "(BINGET): the memo has no entry 1"),
      FORMAT(PROTO2 "j\xFF\xFF\xFF\xFF.", "the memo has no entry 4294967295"),
      FORMAT(PROTO2 "g-1\n.", "(GET): expected an entry of the memo"),
      FORMAT(PROTO2 "g99999999999999999999\n.", "(GET): expected an entry of the memo"),
      FORMAT(PROTO2 "q\0.", "(BINPUT): expected 1 values"),
      LIMIT(PROTO2 "Nr\xFF\xFF\xFF\xFF.", "(LONG_BINPUT): entry 4294967295 of the memo after 8"),
      LIMIT(PROTO2 "Np9223372036854775807\n.", "(PUT): entry 9223372036854775807 of the memo"),
      FORMAT("\x80\4\x94.", "(MEMOIZE): expected 1 values"),
      FORMAT("\x80\4NN\x93.", "(STACK_GLOBAL): expected the texts of a module and a name"),
      FORMAT(PROTO2 "Q.", "(BINPERSID): expected 1 values"),
      FORMAT(PROTO2 "}b.", "(BUILD): expected 2 values"),
  };
  CHECK_ROWS(rows);
}

TEST(opcodes_that_torch_seldom_writes_are_read) {
  // Protocol 1, text opcodes, the memo by number and by order, a set, bytes, POP, DUP.
  TEST_CHECK(GOOD("(dp0\n(KEYd.") == false);
  TEST_CHECK(GOOD("}" KEY_A TENSOR "s."));
  TEST_CHECK(GOOD("(" KEY_A TENSOR "d.") && opened_count == 6 && opened_values[5] == 5);
  TEST_CHECK(GOOD("}p0\n0g0\n" KEY_A TENSOR "s.") && opened_count == 6);
  TEST_CHECK(GOOD(PROTO2 "(NN1}2b0.") == false);
  TEST_CHECK(GOOD(PROTO2 "(NN1}N0" KEY_A "N0" TENSOR "s.") && opened_count == 6);
  TEST_CHECK(GOOD("\x80\4}\x94(\x8c\1a\x94" TENSOR "\x94u.") && opened_count == 6);
  TEST_CHECK(GOOD("\x80\4}(\x8D\1\0\0\0\0\0\0\0"
                  "a" TENSOR "u.") &&
             opened_count == 6);
  TEST_CHECK(GOOD(PROTO2 "}(U\1"
                         "a" TENSOR "u.") &&
             opened_count == 6);
  TEST_CHECK(GOOD(PROTO2 "}(T\1\0\0\0"
                         "a" TENSOR "u.") &&
             opened_count == 6);
  TEST_CHECK(GOOD(PROTO2 "ccollections\nOrderedDict\n((" KEY_A TENSOR "ll\x85R.") &&
             opened_count == 6);
  TEST_CHECK(GOOD(PROTO2 "ccollections\nOrderedDict\n)\x81" KEY_A TENSOR "s}b."));
  TEST_CHECK(opened_count == 6);
  // Beside the weights: any plain value.
#define BESIDE(VALUE) PROTO2 "}(X\5\0\0\0model}" KEY_A TENSOR "s" TEXT1("b") VALUE "u."
  TEST_CHECK(GOOD(BESIDE("I01\n")) && GOOD(BESIDE("I-12\n")) && GOOD(BESIDE("L5L\n")));
  TEST_CHECK(GOOD(BESIDE("L99999999999999999999999L\n")) && GOOD(BESIDE("F1.5\n")));
  TEST_CHECK(GOOD(BESIDE("B\1\0\0\0x")) && GOOD(BESIDE("C\1x")) && GOOD(BESIDE("(K\1l")));
  TEST_CHECK(GOOD(BESIDE("\x8F(K\1\x90")) && GOOD(BESIDE("(K\1\x91")) &&
             GOOD(BESIDE("\x8B\0\0\0\0")));
  TEST_CHECK(GOOD(BESIDE("c__builtin__\nset\n]\x85R")) && GOOD(BESIDE("ctorch\nfloat16\n")));
  TEST_CHECK(GOOD(BESIDE("ccollections\nCounter\n}\x85R" KEY_A "K\1s")));
  TEST_CHECK(GOOD(BESIDE("ctorch\nSize\n)\x85R")) && GOOD(BESIDE("cargparse\nNamespace\n)\x81}b")));
  // A list that holds itself.
  TEST_CHECK(GOOD(BESIDE("]q\1h\1a")));
}

TEST(nothing_is_too_deep_or_too_many) {
  static char deep[1 << 18];
  const size_t marks = 1001;
  memset(deep, '(', marks);
  TEST_CHECK_INT(open_pickle(deep, marks), JIMM_ERROR_LIMIT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "byte 1000 (MARK): more than 1000 marks are open");
  // A tuple in a tuple in a tuple ...: nobody walks down there.
  deep[0] = 'N';
  memset(deep + 1, '\x85', sizeof deep - 2);
  deep[sizeof deep - 1] = '.';
  TEST_CHECK_INT(open_pickle(deep, sizeof deep), JIMM_ERROR_UNSUPPORTED);
  TEST_CHECK_CONTAINS(jimm_error_message(), "holds a tuple");
}

// Values may not take more than the limit, whatever makes them.
TEST(memory_of_values_is_limited) {
  static char bytes[4096];
  memset(bytes, ']', sizeof bytes);
  jimm_unpickler reader = {.name = "bomb", .size = sizeof bytes, .memory_limit = 64 * 1024};
  reader.data = (const unsigned char *)bytes;
  jimm_pickle *value = NULL;
  TEST_CHECK_INT(jimm_pickle_read(&reader, &value), JIMM_ERROR_LIMIT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "(EMPTY_LIST): the values take more than 65536 bytes");
  TEST_CHECK(reader.memory <= 64 * 1024);
  jimm_unpickler_close(&reader);
  // A list of a thousand pairs made into a dict over and over.
  static char again[16384];
  size_t at = 0;
  again[at++] = ']';
  again[at++] = 'q';
  again[at++] = 0;
  again[at++] = '(';
  for (int i = 0; i < 1000; i++) {
    memcpy(again + at, "NN\x86", 3);
    at += 3;
  }
  memcpy(again + at, "e0(", 3);
  at += 3;
  while (at + 40 < sizeof again) {
    static const char call[] = "ccollections\nOrderedDict\nh\0\x85R";
    memcpy(again + at, call, sizeof call - 1);
    at += sizeof call - 1;
  }
  reader = (jimm_unpickler){.name = "bomb", .size = at, .memory_limit = 1024 * 1024};
  reader.data = (const unsigned char *)again;
  TEST_CHECK_INT(jimm_pickle_read(&reader, &value), JIMM_ERROR_LIMIT);
  TEST_CHECK_CONTAINS(jimm_error_message(), "(REDUCE): the values take more than 1048576 bytes");
  jimm_unpickler_close(&reader);
}

// ---- the legacy format ----

#define MAGIC PROTO2 "\x8A\x0Al\xFC\x9C\x46\xF9\x20j\xA8P\x19."
#define HEAD MAGIC PROTO2 "M\xE9\3." PROTO2 "}."
#define OLD_ID(COUNT, VIEW) \
  "(X\7\0\0\0storagectorch\nFloatStorage\n" TEXT1("k") "X\3\0\0\0cpuK" COUNT VIEW "tQ"
#define OLD(COUNT, VIEW, SIZE) STATE_A(TENSOR_OF(OLD_ID(COUNT, VIEW), "K\0", "K" SIZE, "K\1"))
#define KEYS PROTO2 "](" TEXT1("k") "e."
#define THREE        \
  "\3\0\0\0\0\0\0\0" \
  "\0\0\x80?"        \
  "\0\0\0@"          \
  "\0\0@@"

TEST(legacy_files_are_checked) {
  static const row rows[] = {
      FORMAT(PROTO2 "\x8A\x0Al\xFC\x9C\x46\xF9\x20j\xA8P\x18.",
             "expected one that torch.save wrote"),
      FORMAT(MAGIC, "truncated: expected an opcode"),
      UNSUPPORTED(MAGIC PROTO2 "M\xEA\3." PROTO2 "}.", "another version of the format than 1001"),
      UNSUPPORTED(MAGIC PROTO2 "N." PROTO2 "}.", "another version of the format than 1001"),
      UNSUPPORTED(MAGIC PROTO2 "cos\nsystem\n.", "refuses \"os.system\""),
      UNSUPPORTED(HEAD PROTO2 "cos\nsystem\n)R.", "byte 27 (GLOBAL): refuses \"os.system\""),
      FORMAT(HEAD OLD("\3", "", "\3") KEYS THREE, "expected 6 elements"),
      FORMAT(HEAD OLD("\3", "K\1", "\3") KEYS THREE, "expected None or a view"),
      FORMAT(HEAD OLD("\3", "(NK\1K\3t", "\3") KEYS THREE,
             "a view of 3 elements from 1 on, in a storage of 3"),
      FORMAT(HEAD OLD("\3", "(NJ\xFF\xFF\xFF\xFFK\1t", "\1") KEYS THREE, "a view of 1 elements"),
      FORMAT(HEAD OLD("\3", "(NK\1K\1t", "\2") KEYS THREE, "reach beyond its storage \"k\" of 1"),
      FORMAT(HEAD OLD("\3", "N", "\3"), "truncated: expected an opcode"),
      FORMAT(HEAD OLD("\3", "N", "\3") PROTO2 "}." THREE, "expected the list of storages, found"),
      FORMAT(HEAD OLD("\3", "N", "\3") PROTO2 "](K\1e." THREE, "an integer is the key of no"),
      FORMAT(HEAD OLD("\3", "N", "\3") PROTO2 "](" TEXT1("j") "e." THREE,
             "\"j\" is the key of no storage"),
      FORMAT(HEAD OLD("\3", "N", "\3") PROTO2 "](" TEXT1("k") TEXT1("k") "e." THREE THREE,
             "its key is listed twice"),
      FORMAT(HEAD OLD("\3", "N", "\3") PROTO2 "].", "the list of storages does not name it"),
      FORMAT(HEAD OLD("\3", "N", "\3") KEYS, "truncated before its bytes"),
      FORMAT(HEAD OLD("\2", "N", "\2") KEYS THREE, "the pickle says 2 elements, byte 149 says 3"),
      FORMAT(HEAD OLD("\3", "N", "\3") KEYS "\3\0\0\0\0\0\0\0"
                                            "1234567",
             "truncated: 12 bytes belong to it, and 7 are left"),
      FORMAT(HEAD OLD("\3", "N", "\3") KEYS THREE "x", "1 bytes follow the last storage"),
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const jimm_status status = open_bytes(rows[i].bytes, rows[i].size);
    TEST_CHECK_MSG(status == rows[i].status, "row %zu: %s: %s", i, jimm_status_name(status),
                   status == JIMM_OK ? "" : jimm_error_message());
    TEST_CHECK_CONTAINS(status == JIMM_OK ? "" : jimm_error_message(), rows[i].message);
  }
}

TEST(legacy_views_of_storages) {
#define GOOD_FILE(BYTES) (open_bytes(BYTES, sizeof(BYTES) - 1) == JIMM_OK)
  TEST_CHECK(GOOD_FILE(HEAD OLD("\3", "N", "\3") KEYS THREE));
  TEST_CHECK(opened_count == 3 && opened_values[0] == 1 && opened_values[2] == 3);
  TEST_CHECK(GOOD_FILE(HEAD OLD("\3", "(NK\1K\2t", "\2") KEYS THREE));
  TEST_CHECK(opened_count == 2 && opened_values[0] == 2 && opened_values[1] == 3);
}
