#pragma once
// ExchangeImpl: the Exchange that a handler holds: its call-backs, and calls passed on to the connection. Internal to the front.

#include <memory>
#include <new>
#include <utility>

#include "base/recycled.hpp"
#include "http/connection.hpp"

namespace spawner::http {

/// Owner: the handler. connection_ is null once the exchange is over.
class ExchangeImpl final : public Exchange {
 public:
  static std::unique_ptr<ExchangeImpl> make(std::shared_ptr<RecycledBlocks> blocks, std::shared_ptr<Connection> connection,
                                            RequestHead&& head) {
    void* const block = blocks->take(sizeof(ExchangeImpl));
    return std::unique_ptr<ExchangeImpl>(::new (block) ExchangeImpl(std::move(blocks), std::move(connection), std::move(head)));
  }
  /// Of `delete`: the block goes back to where it is from.
  static void operator delete(ExchangeImpl* self, std::destroying_delete_t) {
    const auto blocks = std::move(self->blocks_);
    self->~ExchangeImpl();
    blocks->give(self);
  }
  ~ExchangeImpl() override {
    if (const auto connection = std::exchange(connection_, nullptr)) connection->abandon();
  }

  [[nodiscard]] const RequestHead& head() const override { return head_; }
  [[nodiscard]] std::string_view peer() const override {
    if (connection_ && peer_.empty()) peer_ = connection_->peer();
    return peer_;
  }
  [[nodiscard]] ExchangeToken* token() const override { return connection_ ? connection_->token() : nullptr; }

  void readBody(UniqueFunction<void(std::string_view)> onData, UniqueFunction<void()> onEnd) override {
    onData_ = std::move(onData);
    onEnd_ = std::move(onEnd);
    if (connection_) connection_->startBody();
  }
  void pauseBody() override {
    if (connection_) connection_->pauseBody();
  }
  void resumeBody() override {
    if (connection_) connection_->resumeBody();
  }
  void limitBodyIdle(Duration limit) override {
    if (connection_) connection_->limitBodyIdle(limit);
  }

  void sendInterim(const ResponseHead& head) override {
    if (connection_) connection_->sendInterim(head);
  }
  void sendHead(const ResponseHead& head) override {
    if (connection_) connection_->sendHead(head);
  }
  void sendBody(std::string_view bytes) override {
    if (connection_) connection_->sendBody(bytes);
  }
  std::optional<IoResult> sendBodyFrom(int fd, std::size_t limit) override {
    return connection_ ? connection_->sendBodyFrom(fd, limit) : std::nullopt;
  }
  [[nodiscard]] std::size_t unsent() const override { return connection_ ? connection_->unsent() : 0; }
  void onDrained(UniqueFunction<void()> callback) override { onDrained_ = std::move(callback); }
  [[nodiscard]] bool over() const override { return !connection_ || !connection_->open(); }
  void finish() override {
    if (const auto connection = std::exchange(connection_, nullptr)) connection->finish();
  }
  void abort() override {
    if (const auto connection = std::exchange(connection_, nullptr)) connection->abort();
  }
  void onGone(UniqueFunction<void()> callback) override {
    onGone_ = std::move(callback);
    if (connection_) connection_->goneWanted();
  }
  Upgraded upgrade(const ResponseHead& head) override {
    const auto connection = std::exchange(connection_, nullptr);
    return connection ? connection->upgrade(head) : Upgraded{};
  }

 private:
  friend class Connection;
  ExchangeImpl(std::shared_ptr<RecycledBlocks>&& blocks, std::shared_ptr<Connection>&& connection, RequestHead&& head)
      : blocks_(std::move(blocks)), connection_(std::move(connection)), head_(std::move(head)) {}

  std::shared_ptr<RecycledBlocks> blocks_;
  std::shared_ptr<Connection> connection_;
  const RequestHead head_;
  mutable std::string peer_;
  UniqueFunction<void(std::string_view)> onData_;
  UniqueFunction<void()> onEnd_, onDrained_, onGone_;
};

}  // namespace spawner::http
