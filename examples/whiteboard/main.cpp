// whiteboard: a drawing board that many browsers share; the drawing lives in this process. Listens on 127.0.0.1:$PORT (--bind for another
// address). Made to run as a session-lived backend: one process, one board.

#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "server.hpp"

namespace {

std::uint16_t portFromEnvironment() {
  const char* text = std::getenv("PORT");
  if (text == nullptr) return 8080;
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), port);
  if (error != std::errc() || *end != '\0' || port > 65535) throw std::runtime_error("PORT is '" + std::string(text) + "', not a port");
  return static_cast<std::uint16_t>(port);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::string bind = "127.0.0.1";
    if (argc == 3 && std::strcmp(argv[1], "--bind") == 0)
      bind = argv[2];
    else if (argc != 1)
      throw std::runtime_error("usage: whiteboard [--bind ADDRESS]");
    boost::asio::io_context io(1);
    whiteboard::Board board;
    whiteboard::Server server(io, {boost::asio::ip::make_address(bind), portFromEnvironment()}, board);
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) { io.stop(); });
    std::cout << "whiteboard: http://" << bind << ":" << server.port() << "/" << std::endl;
    io.run();
    return 0;
  } catch (const std::exception& problem) {
    std::cerr << "whiteboard: " << problem.what() << '\n';
    return 1;
  }
}
