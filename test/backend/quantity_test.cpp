// Quantities: what a real API server takes and what it refuses.
#include <catch2/catch.hpp>

#include "backend/quantity.hpp"

using namespace spawner::backend;

TEST_CASE("quantities are numbers with a suffix") {
  struct Row {
    const char* text;
    double value;
  };
  const auto row = GENERATE(values<Row>({{"0", 0},
                                         {"1", 1},
                                         {"500m", 0.5},
                                         {".5", 0.5},
                                         {"1.", 1},
                                         {"+2", 2},
                                         {"-3", -3},
                                         {"1Ki", 1024},
                                         {"1.5Gi", 1610612736.0},
                                         {"2M", 2e6},
                                         {"1k", 1000},
                                         {"1e3", 1000},
                                         {"1E3", 1000},
                                         {"1e-3", 0.001},
                                         {"1E", 1e18},
                                         {"1Ei", 1152921504606846976.0}}));
  CAPTURE(row.text);
  const auto value = parseQuantity(row.text);
  REQUIRE(value);
  CHECK(*value == Approx(row.value));
}

TEST_CASE("what is no quantity") {
  const char* text = GENERATE("", "lots", "1GiB", "1 Gi", "Gi", ".", "1.2.3", "--1", "1K", "0x10", "1e", "1e3Gi", "nan", "inf", " 1",
                              "1e999999999999", "1e-2147483648");
  CAPTURE(text);
  CHECK_FALSE(parseQuantity(text));
}

TEST_CASE("what a container may ask for") {
  CHECK_FALSE(resourceProblem({{"cpu", "1"}, {"memory", "64Mi"}, {"example.org/gpu", "1"}, {"hugepages-2Mi", "4Mi"}}, {{"cpu", "500m"}}));
  CHECK_FALSE(resourceProblem({}, {{"cpu", "2000"}}));
  const auto kind = [](const Quantities& limits, const Quantities& requests) { return resourceProblem(limits, requests).value().kind; };
  using Kind = ResourceProblem::Kind;
  CHECK(kind({{"memory", "lots"}}, {}) == Kind::NotAQuantity);
  CHECK(kind({}, {{"memory", "-1"}}) == Kind::Negative);
  CHECK(kind({{"foo", "1"}}, {}) == Kind::UnknownName);
  CHECK(kind({{"a/", "1"}}, {}) == Kind::UnknownName);
  CHECK(kind({{"cpu", "1"}}, {{"cpu", "1001m"}}) == Kind::AboveLimit);
}
