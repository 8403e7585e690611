// Tests in C++ that misbehave on purpose: what the header does differently there.
#include <csignal>
#include <stdexcept>
#include <string>

#include "jimm-test/jimm-test.h"

static volatile int zero = 0;

namespace {
enum listed { NO, YES, PERHAPS };
enum class scoped { NO, YES };
struct truthy {
  explicit operator bool() const {
    return true;
  }
};
struct flags {
  unsigned one : 1;
};
}  // namespace

TEST(cpp_soft_true) {
  const bool yes = true;
  volatile bool moving = true;
  flags f = {1};
  TEST_SOFTFAIL(zero == 0);
  TEST_SOFTFAIL(yes);
  TEST_SOFTFAIL(moving);
  TEST_SOFTFAIL(f.one);
  TEST_SOFTFAIL(YES);
  TEST_SOFTFAIL(1ull);
  TEST_CHECK(TEST_SOFTFAIL(1 == 1));
}
TEST(cpp_soft_false) {
  TEST_SOFTFAIL(zero == 1);
}
TEST(cpp_soft_no) {
  TEST_SOFTFAIL(NO);
}
TEST(cpp_soft_perhaps) {
  TEST_SOFTFAIL(PERHAPS);
}
TEST(cpp_soft_scoped) {
  TEST_SOFTFAIL(scoped::YES);
}
TEST(cpp_soft_pointer) {
  TEST_SOFTFAIL("text");
}
TEST(cpp_soft_null) {
  TEST_SOFTFAIL(nullptr);
}
TEST(cpp_soft_double) {
  TEST_SOFTFAIL(1.0);
}
TEST(cpp_soft_two) {
  TEST_SOFTFAIL(2u);
}
TEST(cpp_soft_object) {
  TEST_SOFTFAIL(truthy());
}
TEST(cpp_soft_crash) {
  TEST_SOFTFAIL(std::raise(SIGSEGV) == 0);
}

static void throw_out_of_sets() {
  TEST_SET(std::string("outer").c_str()) {
    TEST_SET("inner") {
      TEST_CHECK(zero == 0);
      throw std::runtime_error("thrown");
    }
  }
}
TEST(cpp_set_thrown) {
  try {
    throw_out_of_sets();
  } catch (const std::runtime_error &) {
    jt_fail("place.cpp", 5, "after all sets");
  }
}
TEST(cpp_set_left) {
  TEST_SET("breaks") {
    TEST_CHECK(zero == 0);
    if (zero == 0) {
      break;
    }
  }
  [] {
    TEST_SET("returns") {
      TEST_CHECK(zero == 0);
      return;
    }
  }();
  TEST_SET("ends") {
    TEST_REQUIRE_INT(zero, 4711);
  }
}
TEST(cpp_set_empty) {
  TEST_CHECK(zero == 0);
  TEST_SET("hollow") {}
}
TEST(cpp_unmade) {
  TEST_SKIP_CHECK("seed %llu", jt_seed());
}

TEST_MAIN()
