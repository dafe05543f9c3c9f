#pragma once
// Transfer: one call or stream under way in libcurl, as libcurl's call-backs fill it. Private to src/fetch.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fetch/fetcher.hpp"
#include "fetch/libcurl.hpp"

namespace spawner::fetch {

/// Collects the answer. Libcurl's call-backs only write here; the user's call-backs run later, outside of libcurl (fetcher.cpp).
/// Owner: HttpTransport's map; a running call-back holds it too.
struct Transfer : std::enable_shared_from_this<Transfer> {
  using List = std::vector<std::shared_ptr<Transfer>>;
  /// News: where it enters itself when there is something to tell. Loop, options and news belong to the transport and outlive libcurl's
  /// work on it.
  Transfer(Loop& loopIn, const HttpTransportOptions& optionsIn, List& newsIn, std::uint64_t idIn, TransportRequest requestIn,
           bool streamingIn)
      : loop(loopIn), options(optionsIn), news(newsIn), id(idIn), request(std::move(requestIn)), streaming(streamingIn) {}
  ~Transfer() {
    curl_slist_free_all(headerList);
    curl_slist_free_all(connectTo);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Sets every option of the handle for this request. InvalidArgument when the request cannot be sent as it is.
  Result<void> configure(CURL* handle);
  /// One line of a head, as libcurl gives it. False: give up (failure is set).
  bool takeHeaderLine(std::string_view line);
  /// Bytes of a body. False: give up (failure is set).
  bool takeBody(std::string_view bytes);
  /// Enters itself into the news, once until they are told.
  void touch() {
    if (!std::exchange(touched, true)) news.push_back(shared_from_this());
  }
  /// Ends with libcurl's result.
  void finish(CURLcode code);
  /// "GET http://host:port/path", without the query.
  [[nodiscard]] std::string what() const;
  [[nodiscard]] bool success() const { return answer.status >= 200 && answer.status < 300; }

  Loop& loop;
  const HttpTransportOptions& options;
  List& news;
  const std::uint64_t id;
  TransportRequest request;
  const bool streaming;
  UniqueFunction<void(Result<TransportResponse>)> done;  // calls
  StreamHandlers handlers;                               // streams

  CURL* easy = nullptr;  // until it is over
  bool added = false;    // libcurl works on it
  curl_slist* headerList = nullptr;
  curl_slist* connectTo = nullptr;
  char errorText[CURL_ERROR_SIZE] = {};
  Timer timer;  // of the request's timeout, then of the stream's idle timeout
  TimePoint lastByte;

  TransportResponse answer;  // the body: of calls only
  std::size_t headBytes = 0;
  bool headComplete = false;
  std::string undelivered;  // of a stream: bytes for onData
  std::size_t errorBodyBytes = 0;

  bool headDelivered = false;
  bool touched = false;    // is in the news
  bool cancelled = false;  // no call-back any more
  bool ended = false;
  std::optional<Error> failure;  // with ended: why

 private:
  [[nodiscard]] std::string base() const;
  void setTls(CURL* handle) const;
};

/// The kind of a libcurl failure. REQUIRES: code is not CURLE_OK.
ErrorKind kindOf(CURLcode code);

/// InvalidArgument unless it is "http(s)://host[:port][/prefix]" without user, query and fragment.
Result<void> checkBaseUrl(std::string_view url);

}  // namespace spawner::fetch
