#pragma once
// respond: a whole answer in memory on an Exchange, for handlers that answer some requests themselves and proxy the others.

#include <memory>

#include "http/exchange.hpp"

namespace spawner::proxy {

/// Sends the answer (to HEAD without its body) and finishes the exchange.
void respond(std::unique_ptr<http::Exchange> exchange, http::Response response);

}  // namespace spawner::proxy
