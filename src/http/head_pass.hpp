#pragma once
// Head pass: reads a head once, from its first byte to its empty line: grammar, fields, and the facts that the guard's rules look at
// (RFC 9112 §§2-5). It knows no limit but the number of fields, and keeps nothing: that is the collector's (head_parser.hpp). Pure.

#include <string_view>

#include "http/guard.hpp"
#include "http/message.hpp"

namespace spawner::http {

/// What one pass found.
struct HeadRead {
  const Refusal* refusal = nullptr;  // a constant: why the bytes do not begin with a whole head; null when they do
  std::size_t length = 0;            // of that head, with its empty line; 0 when refused
};

/// Reads the head that `bytes` begin with; `facts.request` says of which kind. A head that does not end within them, and one of more fields
/// than `maxFields`, is "BadSyntax": who wants to know more asks the collector. The facts borrow from `bytes`. REQUIRES: the
/// headers are empty; when refused they stay so.
HeadRead readHead(std::string_view bytes, std::size_t maxFields, HeadFacts& facts, Headers& headers);

}  // namespace spawner::http
