// From a configuration to a transport.
#include "k8s/auth_transport.hpp"
#include "k8s/config.hpp"
#include "k8s/credentials.hpp"

namespace spawner::k8s {

Result<std::unique_ptr<Transport>> makeTransport(Loop& loop, const ClusterConfig& config, Logger log) {
  fetch::HttpTransportOptions options;
  options.baseUrl = config.server;
  options.tls = config.tls;
  auto http = fetch::HttpTransport::make(loop, std::move(options));
  if (!http) return http.error().in(config.origin);
  std::unique_ptr<CredentialSource> source;
  if (!config.tokenFile.empty()) {
    source = std::make_unique<TokenFile>(loop, config.tokenFile, log);
  } else if (!config.token.empty()) {
    source = std::make_unique<FixedToken>(config.token);
  } else if (config.exec) {
    source = std::make_unique<ExecCredentials>(loop, config, log);
  } else {
    return std::unique_ptr<Transport>(std::move(*http));
  }
  fetch::HttpTransport& inner = **http;  // AuthTransport owns it and the call-back
  auto useCertificate = [&inner](const Credential& credential) {
    if (!credential.certPem.empty()) inner.setClientCertificate(credential.certPem, credential.keyPem);
  };
  return std::unique_ptr<Transport>(std::make_unique<AuthTransport>(loop, std::move(*http), std::move(source), std::move(useCertificate)));
}

}  // namespace spawner::k8s
