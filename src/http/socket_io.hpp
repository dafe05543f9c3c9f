#pragma once
// What the front needs of a socket beyond loop/socket.hpp: several pieces in one system call, a look without reading, two ways to close;
// the buffer of what it does not take.

#include <initializer_list>
#include <string>
#include <string_view>

#include "loop/socket.hpp"

namespace spawner::http {

/// Writes the pieces, in order, with one system call. At most 8 pieces. Never raises SIGPIPE.
IoResult writePieces(int fd, std::initializer_list<std::string_view> pieces);
/// True when a byte waits to be read. Reads nothing.
bool hasByteWaiting(int fd);
/// Sends FIN; reading goes on.
void shutdownSending(int fd);
/// Makes the coming close() send RST, so that an answer that ends with the connection cannot look complete.
void resetOnClose(int fd);
/// Lets go of a buffer's bytes before `at`, which are sent, once they are many and half of it: so a buffer that never runs empty does
/// not grow with all that was ever sent, and no more is moved than was sent.
void dropSent(std::string& buffer, std::size_t& at);
/// A descriptor kept in reserve, to be given up when there is no other left.
Fd openSpare();

}  // namespace spawner::http
