#include "modes/api/tracked_call.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace spawner::api {

namespace {

class TrackedCall final : public http::Call {
 public:
  TrackedCall(std::unique_ptr<http::Call> call, Loop& loop, CallMetrics& metrics)
      : call_(std::move(call)), loop_(loop), metrics_(metrics), begun_(loop.now()) {
    metrics_.open.add(1);
  }
  ~TrackedCall() override {
    metrics_.open.add(-1);
    if (!answered_) metrics_.abandoned.add();
  }

  const http::RequestHead& head() const override { return call_->head(); }
  const std::string& body() const override { return call_->body(); }
  std::string_view peer() const override { return call_->peer(); }
  void onGone(UniqueFunction<void()> callback) override { call_->onGone(std::move(callback)); }
  void respond(http::Response response) override {
    answered(response.status);
    call_->respond(std::move(response));
  }
  std::unique_ptr<http::StreamWriter> stream(int status, http::Headers headers) override {
    answered(status);
    return call_->stream(status, std::move(headers));
  }

 private:
  void answered(int status) {
    answered_ = true;
    metrics_.answered(status, loop_.now() - begun_);
  }

  std::unique_ptr<http::Call> call_;
  Loop& loop_;
  CallMetrics& metrics_;
  const TimePoint begun_;
  bool answered_ = false;
};

}  // namespace

CallMetrics::CallMetrics(Metrics& metrics)
    : abandoned(metrics.counter("spawner_api_requests_abandoned_total", "Requests whose client went away before the answer")),
      seconds(metrics.histogram("spawner_api_request_seconds", "Time to the answer, or to the head of a stream",
                                {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30})),
      open(metrics.gauge("spawner_api_requests_open", "Requests that wait for their answer")) {
  for (int i = 1; i < 6; ++i)
    byClass[i] = metrics.counter("spawner_api_requests_total", "Answers by class of status", {{"code", std::to_string(i) + "xx"}});
}

void CallMetrics::answered(int status, Duration took) {
  byClass[std::clamp(status / 100, 1, 5)].add();
  seconds.observe(std::chrono::duration<double>(took).count());
}

std::unique_ptr<http::Call> track(std::unique_ptr<http::Call> call, Loop& loop, CallMetrics& metrics) {
  return std::make_unique<TrackedCall>(std::move(call), loop, metrics);
}

}  // namespace spawner::api
