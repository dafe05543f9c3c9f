#pragma once
// Pages: the HTML that API and gateway both show: waiting for a session, and one message. Small, without a framework, dark or light as the
// reader has it. Their scripts and styles are constant, so that the Content-Security-Policy can name them by hash; everything that varies
// is escaped text.

#include <string>
#include <string_view>

#include "http/message.hpp"
#include "spawner/backend.hpp"

namespace spawner::role {

/// True for a browser's navigation: GET or HEAD, Accept has text/html, no upgrade, and Sec-Fetch-Mode, where it is sent, says navigate.
bool isNavigation(const http::RequestHead& head);

struct WaitingPage {
  std::string name;
  /// The session's states as Server-Sent Events, same origin: "status/stream" or "/api/backend/x/status/stream". Empty: the page only
  /// refreshes itself.
  std::string streamUrl;
  /// What is known now; null: the session is not known yet.
  const Slab* slab = nullptr;
  int refreshSeconds = 3;  // without JavaScript
  std::string startUrl;    // where the page, when the session has ended, leads on to; may be empty
};
/// The page that follows a session's start and loads itself again when it is Ready.
http::Response waitingPage(int status, const WaitingPage& page);

struct MessagePage {
  std::string title;     // "There is no such session"
  std::string detail;    // a sentence or two
  std::string reason;    // the word, shown small; may be empty
  std::string startUrl;  // where it leads on to; may be empty
};
http::Response messagePage(int status, const MessagePage& page);

/// A page of `body` (HTML) in the common frame; the scripts' and styles' hashes go into the policy. script: without its tags; may be empty.
http::Response framedPage(int status, std::string_view title, std::string_view body, std::string_view script,
                          std::string_view headExtra = {});

/// What is right for who asks: messagePage for a browser's navigation, problem+json for others; with names::reasonHeader.
http::Response refusal(const http::RequestHead& head, int status, std::string_view reason, std::string_view title, std::string_view detail,
                       std::string_view startUrl = {});

/// Sets what every page of ours carries: the policy, nosniff, no-referrer, no-store.
void setPageHeaders(http::Response& response, std::string_view script);

}  // namespace spawner::role
