#pragma once
// Call: a request whose body is in memory, and the door to its answer: at once, later, or as a stream. For servers of ours that are not
// proxies. callHandler() turns a handler of Calls into one of Exchanges.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/exchange.hpp"
#include "http/front.hpp"

namespace spawner::http {

/// The sending side of a streamed answer (chunked). Owner: the handler. Destroying it without end() breaks the stream off.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  /// False (and the stream is closed) when the reader is slower than FrontLimits::maxUnsentBytes allows, or gone.
  virtual bool write(std::string_view bytes) = 0;
  [[nodiscard]] virtual std::size_t unsent() const = 0;
  virtual void onDrained(UniqueFunction<void()> callback) = 0;
  /// Called once when the client goes away. The holder then destroys the writer.
  virtual void onGone(UniqueFunction<void()> callback) = 0;
  virtual void end() = 0;
};

/// Owner: the handler, which may keep it until it can answer. Destroyed without an answer: 500.
class Call {
 public:
  virtual ~Call() = default;
  [[nodiscard]] virtual const RequestHead& head() const = 0;
  [[nodiscard]] virtual const std::string& body() const = 0;
  [[nodiscard]] virtual std::string_view peer() const = 0;
  /// Called once when the client goes away before the answer.
  virtual void onGone(UniqueFunction<void()> callback) = 0;
  /// Answers; once, and not after stream().
  virtual void respond(Response response) = 0;
  /// Sends the head of a streamed answer and gives its writer.
  virtual std::unique_ptr<StreamWriter> stream(int status, Headers headers) = 0;
};

using CallHandler = std::function<void(std::unique_ptr<Call>)>;

/// Collects bodies up to maxBodyBytes (413 beyond) and gives whole requests to the handler.
Front::Handler callHandler(CallHandler handler, std::size_t maxBodyBytes);

}  // namespace spawner::http
