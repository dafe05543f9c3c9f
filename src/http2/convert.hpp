#pragma once
// convert: heads between HTTP/2 (pseudo fields) and the values that the rest of the program knows. The guard's checks hold here too. Pure.

#include <optional>

#include "http/guard.hpp"
#include "http/message.hpp"
#include "http2/session.hpp"
#include "spawner/result.hpp"

namespace spawner::http2 {

/// A request as HTTP/1.1 would say it; Host is :authority. framing: None with the head's end, Length with a Content-Length, else Chunked.
http::RequestHead requestHead(Head head);
/// Why that request is refused; nullopt for a sound one.
std::optional<http::Refusal> refusalOf(const Head& head, const http::RequestHead& request);
/// An answer. framing: None with the head's end (and for 1xx), Length with a Content-Length, else Chunked.
http::ResponseHead responseHead(Head head);

/// A head for the wire: names in lower case, without hop-by-hop fields; Content-Length by the framing. `headRequest`: it answers a HEAD.
/// InvalidArgument: it has a field that no head may have.
Result<Fields> answerFields(const http::ResponseHead& head, bool headRequest = false);
/// Trailers for the wire: what may not stand there is left out.
Fields trailerFields(const http::Headers& trailers);
/// A request for the wire from its end-to-end fields (Host is among them, and becomes :authority).
Result<Fields> requestFields(const std::string& method, const std::string& target,
                             const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace spawner::http2
