#include "server.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <charconv>
#include <deque>
#include <iostream>

#include "page.hpp"

namespace whiteboard {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using asio::use_awaitable;
using tcp = asio::ip::tcp;
using Socket = websocket::stream<beast::tcp_stream>;

constexpr std::size_t maxQueued = 2000;  // messages that one slow reader may be behind
constexpr std::size_t maxMessageBytes = 16 * 1024;
constexpr int maxReplaySeconds = 600;

/// One person's WebSocket: reads in run(), writes in a chain of its own so that reading never waits for writing.
class Person : public std::enable_shared_from_this<Person> {
 public:
  Person(Socket socket, Board& board) : socket_(std::move(socket)), board_(board) {}

  asio::awaitable<void> run() {
    const auto self = shared_from_this();
    const std::uint64_t id = board_.join([this](Message message) { send(std::move(message)); });
    if (id == 0) {
      co_await socket_.async_close(websocket::close_reason(websocket::close_code::try_again_later, "the board is full"), use_awaitable);
      co_return;
    }
    try {
      for (;;) {
        beast::flat_buffer buffer(maxMessageBytes);
        co_await socket_.async_read(buffer, use_awaitable);
        if (!board_.receive(id, {static_cast<const char*>(buffer.data().data()), buffer.size()}))
          co_await socket_.async_close(websocket::close_reason(websocket::close_code::policy_error, "not a message of the board"),
                                       use_awaitable);
      }
    } catch (const boost::system::system_error&) {
      // Closed, by either side: the ordinary end.
    }
    board_.leave(id);
  }

 private:
  void send(Message message) {
    if (queue_.size() >= maxQueued) {
      beast::get_lowest_layer(socket_).close();  // too slow to follow; the page connects again and gets the whole drawing
      return;
    }
    queue_.push_back(std::move(message));
    if (queue_.size() == 1) writeNext();
  }
  void writeNext() {
    socket_.async_write(asio::buffer(*queue_.front()), [self = shared_from_this()](beast::error_code error, std::size_t) {
      self->queue_.pop_front();
      if (error) self->queue_.clear();
      if (!self->queue_.empty()) self->writeNext();
    });
  }

  Socket socket_;
  Board& board_;
  std::deque<Message> queue_;
};

int replaySeconds(std::string_view target) {
  const std::size_t at = target.find("seconds=");
  int seconds = 10;
  if (at != std::string_view::npos) std::from_chars(target.data() + at + 8, target.data() + target.size(), seconds);
  return std::clamp(seconds, 1, maxReplaySeconds);
}

/// The drawing as one JSON message a line, at the pace at which it fills the time; at least a line break every half second.
asio::awaitable<void> replay(beast::tcp_stream& stream, const http::request<http::string_body>& request, const Board& board) {
  http::response<http::empty_body> head(http::status::ok, request.version());
  head.set(http::field::content_type, "application/x-ndjson");
  head.set(http::field::cache_control, "no-store");
  head.chunked(true);
  http::response_serializer<http::empty_body> serializer(head);
  co_await http::async_write_header(stream, serializer, use_awaitable);
  const std::deque<Message> lines = board.lines();
  const int steps = replaySeconds(std::string_view(request.target().data(), request.target().size())) * 2;
  asio::steady_timer timer(stream.get_executor());
  std::size_t sent = 0;
  for (int step = 1; step <= steps; ++step) {
    timer.expires_after(std::chrono::milliseconds(500));
    co_await timer.async_wait(use_awaitable);
    std::string piece;
    for (const std::size_t until = lines.size() * static_cast<std::size_t>(step) / static_cast<std::size_t>(steps); sent < until; ++sent)
      piece += *lines[sent] + "\n";
    piece += "\n";
    co_await asio::async_write(stream, http::make_chunk(asio::buffer(piece)), use_awaitable);
  }
  co_await asio::async_write(stream, http::make_chunk_last(), use_awaitable);
}

http::response<http::string_body> answer(const http::request<http::string_body>& request) {
  const std::string_view target(request.target().data(), request.target().size());
  const bool page = target == "/" || target.starts_with("/?");
  http::response<http::string_body> response(page ? http::status::ok : http::status::not_found, request.version());
  response.set(http::field::content_type, page ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
  response.body() = page ? std::string(pageHtml) : "there is only / and /ws and /replay here\n";
  response.keep_alive(request.keep_alive());
  response.prepare_payload();
  return response;
}

asio::awaitable<void> serve(tcp::socket socket, Board& board) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer;
  try {
    for (;;) {
      http::request<http::string_body> request;
      co_await http::async_read(stream, buffer, request, use_awaitable);
      const std::string_view target(request.target().data(), request.target().size());
      if (websocket::is_upgrade(request) && target == "/ws") {
        Socket upgraded(std::move(stream));
        upgraded.read_message_max(maxMessageBytes);
        upgraded.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
        co_await upgraded.async_accept(request, use_awaitable);
        co_await std::make_shared<Person>(std::move(upgraded), board)->run();
        co_return;
      }
      if (target.starts_with("/replay")) {
        co_await replay(stream, request, board);
      } else {
        co_await http::async_write(stream, answer(request), use_awaitable);
      }
      if (!request.keep_alive()) break;
    }
  } catch (const boost::system::system_error&) {
    // The client went away, or sent what is not HTTP: its connection ends here.
  }
  beast::error_code ignored;  // it may be closed already
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> acceptAll(tcp::acceptor& acceptor, Board& board) {
  for (;;) {
    boost::system::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {  // out of descriptors, most likely
      std::cerr << "whiteboard: accept: " << error.message() << '\n';
      asio::steady_timer pause(acceptor.get_executor(), std::chrono::milliseconds(100));
      co_await pause.async_wait(use_awaitable);
      continue;
    }
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), board), asio::detached);
  }
}

}  // namespace

Server::Server(asio::io_context& io, const tcp::endpoint& where, Board& board) : acceptor_(io, where) {
  asio::co_spawn(io, acceptAll(acceptor_, board), asio::detached);
}

}  // namespace whiteboard
