// Calls over exchanges: collecting the body, answering from memory, streaming.

#include "http/call.hpp"

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "base/die.hpp"
#include "http/router.hpp"

namespace spawner::http {

namespace {

/// A body of which no byte comes for so long is given up with 408.
constexpr Duration bodyIdleLimit = std::chrono::seconds(30);

void answer(Exchange& exchange, Response response) {
  ResponseHead head;
  head.status = response.status;
  head.headers = std::move(response.headers);
  head.framing = Framing::Length;  // the front leaves the length out where a status has none
  head.contentLength = response.body.size();
  exchange.sendHead(head);
  const bool bodiless = head.status == 204 || head.status == 304;
  if (!bodiless) exchange.sendBody(response.body);
  exchange.finish();
}

class ExchangeStream final : public StreamWriter {
 public:
  explicit ExchangeStream(std::unique_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  bool write(std::string_view bytes) override {
    exchange_->sendBody(bytes);
    return !exchange_->over();
  }
  [[nodiscard]] std::size_t unsent() const override { return exchange_->unsent(); }
  void onDrained(UniqueFunction<void()> callback) override { exchange_->onDrained(std::move(callback)); }
  void onGone(UniqueFunction<void()> callback) override { exchange_->onGone(std::move(callback)); }
  void end() override { exchange_->finish(); }

 private:
  const std::unique_ptr<Exchange> exchange_;
};

class ExchangeCall final : public Call {
 public:
  ExchangeCall(std::unique_ptr<Exchange> exchange, std::string body)
      : exchange_(std::move(exchange)), head_(exchange_->head()), peer_(exchange_->peer()), body_(std::move(body)) {}
  [[nodiscard]] const RequestHead& head() const override { return head_; }
  [[nodiscard]] const std::string& body() const override { return body_; }
  [[nodiscard]] std::string_view peer() const override { return peer_; }
  void onGone(UniqueFunction<void()> callback) override {
    if (exchange_) exchange_->onGone(std::move(callback));
  }
  void respond(Response response) override {
    if (exchange_) answer(*exchange_, std::move(response));
    exchange_.reset();
  }
  std::unique_ptr<StreamWriter> stream(int status, Headers headers) override {
    if (!exchange_) die("http::Call: answered twice");
    ResponseHead head;
    head.status = status;
    head.headers = std::move(headers);
    head.framing = Framing::Chunked;
    exchange_->sendHead(head);
    return std::make_unique<ExchangeStream>(std::move(exchange_));
  }

 private:
  std::unique_ptr<Exchange> exchange_;
  const RequestHead head_;
  const std::string peer_;
  const std::string body_;
};

/// Owns the exchanges whose bodies are on their way. Owner: the handler made by callHandler(), so everything goes with its front.
class Collector : public std::enable_shared_from_this<Collector> {
 public:
  Collector(CallHandler handler, std::size_t maxBodyBytes) : handler_(std::move(handler)), maxBodyBytes_(maxBodyBytes) {}

  void take(std::unique_ptr<Exchange> exchange) {
    const RequestHead& head = exchange->head();
    if (head.framing == Framing::None) {
      handler_(std::make_unique<ExchangeCall>(std::move(exchange), std::string()));
      return;
    }
    if (head.framing == Framing::Length && head.contentLength > maxBodyBytes_) {
      answer(*exchange, tooLarge());
      return;
    }
    if (head.minorVersion >= 1 && head.headers.hasToken("Expect", "100-continue")) {
      ResponseHead goOn;
      goOn.status = 100;
      exchange->sendInterim(goOn);
    }
    collect(std::move(exchange));
  }

 private:
  struct Item {
    std::unique_ptr<Exchange> exchange;
    std::string body;
  };
  using Place = std::list<Item>::iterator;

  void collect(std::unique_ptr<Exchange> exchange) {
    const Place place = items_.insert(items_.end(), Item{std::move(exchange), {}});
    place->exchange->limitBodyIdle(bodyIdleLimit);
    place->exchange->onGone([this, place] { items_.erase(place); });
    place->exchange->readBody([this, place](std::string_view bytes) { add(place, bytes); }, [this, place] { complete(place); });
  }
  void add(Place place, std::string_view bytes) {
    if (place->body.size() + bytes.size() > maxBodyBytes_) {
      const Item item = remove(place);
      answer(*item.exchange, tooLarge());
    } else {
      place->body.append(bytes);
    }
  }
  void complete(Place place) {
    const auto keep = shared_from_this();  // the handler may destroy the front, and this with it
    Item item = remove(place);
    item.exchange->onGone({});
    item.exchange->limitBodyIdle(Duration::zero());
    handler_(std::make_unique<ExchangeCall>(std::move(item.exchange), std::move(item.body)));
  }
  Item remove(Place place) {
    Item item = std::move(*place);
    items_.erase(place);
    return item;
  }
  [[nodiscard]] Response tooLarge() const {
    return problem(413, "BodyTooLarge", "The body may have " + std::to_string(maxBodyBytes_) + " bytes at most.");
  }

  const CallHandler handler_;
  const std::size_t maxBodyBytes_;
  std::list<Item> items_;
};

}  // namespace

Front::Handler callHandler(CallHandler handler, std::size_t maxBodyBytes) {
  return [collector = std::make_shared<Collector>(std::move(handler), maxBodyBytes)](std::unique_ptr<Exchange> exchange) {
    const auto keep = collector;
    keep->take(std::move(exchange));
  };
}

}  // namespace spawner::http
