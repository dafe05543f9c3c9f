#pragma once
// Server: HTTP and WebSocket for one Board, on Boost.Beast. Thread: the io_context's only one.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "board.hpp"

namespace whiteboard {

/// Accepts until the context stops. GET / is the page, GET /ws the WebSocket, GET /replay?seconds=N the drawing line by line over N
/// seconds.
class Server {
 public:
  Server(boost::asio::io_context& io, const boost::asio::ip::tcp::endpoint& where, Board& board);
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  boost::asio::ip::tcp::acceptor acceptor_;
};

}  // namespace whiteboard
