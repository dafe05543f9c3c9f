#pragma once
// MemoryCall: an http::Call without a connection: a request in, and what became of it in a shared Answer.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "http/call.hpp"

namespace spawner::test {

/// What the client sees. Kept alive by the test.
struct Answer {
  std::optional<http::Response> response;  // a whole answer
  int streamStatus = 0;                    // the head of a streamed one
  http::Headers streamHeaders;
  std::string streamed;
  bool streamEnded = false;   // cleanly
  bool streamBroken = false;  // the writer went without end()
  bool dropped = false;       // the call went without an answer
  bool readerIsSlow = false;  // set it: the next write fails
  UniqueFunction<void()> gone;

  [[nodiscard]] int status() const { return response ? response->status : streamStatus; }
  [[nodiscard]] std::string header(std::string_view name) const {
    return std::string(response ? response->headers.get(name) : streamHeaders.get(name));
  }
  /// The client goes away.
  void leave() {
    if (auto callback = std::exchange(gone, nullptr)) callback();
  }
};
using AnswerPtr = std::shared_ptr<Answer>;

class MemoryWriter final : public http::StreamWriter {
 public:
  explicit MemoryWriter(AnswerPtr answer) : answer_(std::move(answer)) {}
  ~MemoryWriter() override {
    if (!answer_->streamEnded) answer_->streamBroken = true;
    answer_->gone = nullptr;
  }
  bool write(std::string_view bytes) override {
    if (answer_->readerIsSlow) return false;
    answer_->streamed += bytes;
    return true;
  }
  [[nodiscard]] std::size_t unsent() const override { return 0; }
  void onDrained(UniqueFunction<void()>) override {}
  void onGone(UniqueFunction<void()> callback) override { answer_->gone = std::move(callback); }
  void end() override { answer_->streamEnded = true; }

 private:
  AnswerPtr answer_;
};

class MemoryCall final : public http::Call {
 public:
  MemoryCall(http::RequestHead head, std::string body, AnswerPtr answer)
      : head_(std::move(head)), body_(std::move(body)), answer_(std::move(answer)) {}
  ~MemoryCall() override {
    if (!streaming_) answer_->gone = nullptr;
    if (!answer_->response && !streaming_) answer_->dropped = true;
  }
  [[nodiscard]] const http::RequestHead& head() const override { return head_; }
  [[nodiscard]] const std::string& body() const override { return body_; }
  [[nodiscard]] std::string_view peer() const override { return "192.0.2.7:4711"; }
  void onGone(UniqueFunction<void()> callback) override { answer_->gone = std::move(callback); }
  void respond(http::Response response) override { answer_->response = std::move(response); }
  std::unique_ptr<http::StreamWriter> stream(int status, http::Headers headers) override {
    streaming_ = true;
    answer_->streamStatus = status;
    answer_->streamHeaders = std::move(headers);
    return std::make_unique<MemoryWriter>(answer_);
  }

 private:
  const http::RequestHead head_;
  const std::string body_;
  AnswerPtr answer_;
  bool streaming_ = false;
};

}  // namespace spawner::test
