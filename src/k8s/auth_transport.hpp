#pragma once
// AuthTransport: adds the bearer token to each request, gets a new one when it has to, and tries a request that was answered 401 once more.

#include <memory>

#include "k8s/credentials.hpp"
#include "spawner/loop.hpp"
#include "spawner/transport.hpp"

namespace spawner::k8s {

/// A request that names its own authority is not for the API server: it gets no token. A request waits for a token no longer than its own
/// timeout. Owner: whoever called makeTransport(). Thread: the loop's.
class AuthTransport final : public Transport {
 public:
  using OnCredential = UniqueFunction<void(const Credential&)>;
  /// onCredential (may be empty) is told of each new credential before it is used: client certificates.
  AuthTransport(Loop& loop, std::unique_ptr<Transport> inner, std::unique_ptr<CredentialSource> source, OnCredential onCredential = {});
  ~AuthTransport() override;
  Pending call(TransportRequest request, UniqueFunction<void(Result<TransportResponse>)> done) override;
  Pending stream(TransportRequest request, StreamHandlers handlers) override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace spawner::k8s
