#pragma once
// respond: a whole answer in memory on an Exchange, for handlers that answer some requests themselves and proxy the others.

#include <memory>
#include <string_view>

#include "http/exchange.hpp"

namespace spawner::proxy {

/// An answer of the data plane itself: problem+json with names::reasonHeader.
http::Response ownAnswer(int status, std::string_view reason, std::string_view detail);

/// The request is one of gRPC: application/grpc, alone or with what may follow (+proto, ;charset=…). gRPC-Web (application/grpc-web*) is
/// another protocol, which HTTP/1.1 carries.
bool isGrpc(const http::RequestHead& head);

/// Sends the answer (to HEAD without its body) and finishes the exchange. To a gRPC request a failure is told in gRPC's way.
void respond(std::unique_ptr<http::Exchange> exchange, http::Response response);

}  // namespace spawner::proxy
