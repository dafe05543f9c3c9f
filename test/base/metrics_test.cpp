#include "base/metrics.hpp"

#include <catch2/catch.hpp>

#include "support/last_words.hpp"

using namespace spawner;

namespace {
bool has(const Metrics& metrics, const std::string& line) { return ("\n" + metrics.text()).find("\n" + line + "\n") != std::string::npos; }
}  // namespace

TEST_CASE("metrics: they exist at zero from the start") {
  Metrics metrics;
  metrics.counter("spawner_starts_total", "Sessions started");
  metrics.gauge("spawner_sessions", "Sessions", {{"state", "ready"}});
  metrics.histogram("spawner_start_seconds", "Time to Ready", {0.1, 1, 10});
  CHECK(has(metrics, "# HELP spawner_starts_total Sessions started"));
  CHECK(has(metrics, "# TYPE spawner_starts_total counter"));
  CHECK(has(metrics, "spawner_starts_total 0"));
  CHECK(has(metrics, "spawner_sessions{state=\"ready\"} 0"));
  CHECK(has(metrics, "# TYPE spawner_start_seconds histogram"));
  CHECK(has(metrics, "spawner_start_seconds_bucket{le=\"0.1\"} 0"));
  CHECK(has(metrics, "spawner_start_seconds_bucket{le=\"+Inf\"} 0"));
  CHECK(has(metrics, "spawner_start_seconds_count 0"));
}

TEST_CASE("metrics: the same name and labels are the same series") {
  Metrics metrics;
  Counter a = metrics.counter("n_total", "N", {{"kind", "x"}});
  Counter b = metrics.counter("n_total", "N", {{"kind", "x"}});
  Counter other = metrics.counter("n_total", "N", {{"kind", "y"}});
  a.add();
  b.add(2);
  other.add(5);
  CHECK(has(metrics, "n_total{kind=\"x\"} 3"));
  CHECK(has(metrics, "n_total{kind=\"y\"} 5"));
  Gauge g = metrics.gauge("g", "G");
  metrics.gauge("g", "G").set(4);
  g.add(-1.5);
  CHECK(has(metrics, "g 2.5"));
  Histogram h = metrics.histogram("h", "H", {1, 2});
  metrics.histogram("h", "H", {1, 2}).observe(1.5);
  h.observe(1);
  h.observe(3);
  CHECK(has(metrics, "h_bucket{le=\"1\"} 1"));
  CHECK(has(metrics, "h_bucket{le=\"2\"} 2"));
  CHECK(has(metrics, "h_bucket{le=\"+Inf\"} 3"));
  CHECK(has(metrics, "h_sum 5.5"));
}

TEST_CASE("metrics: a source is asked before each text, until its handle ends") {
  Metrics metrics;
  Gauge level = metrics.gauge("level", "A level");
  CounterTotal total(metrics.counter("told_total", "A total of somebody else's"));
  int asked = 0;
  Metrics::Source source = metrics.source([&] {
    level.set(++asked * 10);
    total.set(static_cast<std::uint64_t>(asked) * 3);
  });
  CHECK(asked == 0);
  (void)metrics.text();
  CHECK(metrics.text().find("level 20\n") != std::string::npos);
  CHECK(metrics.text().find("told_total 9\n") != std::string::npos);
  source.reset();
  CHECK(metrics.text().find("level 30\n") != std::string::npos);
  CHECK(asked == 3);
}

TEST_CASE("metrics: a counter never goes down") {
  Metrics metrics;
  Counter counter = metrics.counter("n_total", "N");
  counter.add(3);
  counter.add(-1);
  CHECK(has(metrics, "n_total 3"));
}

TEST_CASE("metrics: a handle that was default-made ignores its calls") {
  Counter().add();
  Gauge().set(1);
  Gauge().add(1);
  Histogram().observe(1);
}

TEST_CASE("metrics: label values are escaped") {
  Metrics metrics;
  metrics.counter("n_total", "N", {{"why", "a\"b\\c\nd"}}).add();
  CHECK(has(metrics, R"(n_total{why="a\"b\\c\nd"} 1)"));
}

TEST_CASE("metrics: a bad name, label or bucket, or another type under the same name, ends the process", "[integration]") {
  using test::lastWords;
  CHECK(lastWords([] { Metrics().counter("no spaces", "N"); }).find("metric \"no spaces\"") != std::string::npos);
  CHECK(lastWords([] { Metrics().counter("n_total", "N", {{"bad-label", "x"}}); }).find("metric \"n_total\"") != std::string::npos);
  CHECK(lastWords([] { Metrics().histogram("h", "H", {2, 1}); }).find("do not grow") != std::string::npos);
  CHECK(lastWords([] {
          Metrics metrics;
          metrics.counter("n", "N");
          metrics.gauge("n", "N");
        }).find("metric \"n\"") != std::string::npos);
}
