// app: an application that does what a test wants. The variable DO says what it is:
//   (nothing)       listens on 127.0.0.1:$PORT and ends with 0 on SIGTERM
//   stubborn        the same, but SIGTERM does nothing, as in most programs that are process 1 of a container
//   wait            never listens
//   exit CODE TEXT  says TEXT on stderr and ends with CODE
//   eat             takes memory until it may not have more
// What it serves: / says hello; /download?seconds=N takes N seconds; /events tells one Server-Sent Event and is silent then;
// /exit?code=N ends it; /eat takes memory. One thread a connection; nothing here is made for more than a test.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

int numberAfter(const std::string& text, const std::string& key, int otherwise) {
  const std::size_t at = text.find(key);
  return at == std::string::npos ? otherwise : std::atoi(text.c_str() + at + key.size());
}

[[noreturn]] void eat() {
  std::vector<std::string> eaten;
  for (;;) eaten.emplace_back(8 << 20, 'x');
}

bool send(int fd, const std::string& text) {
  return ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

std::string head(const std::string& type, std::size_t length) {
  return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: " + type +
         (length ? "\r\nContent-Length: " + std::to_string(length) : std::string()) + "\r\n\r\n";
}

void download(int fd, int seconds) {
  const std::string piece(1000, 'd');
  const int pieces = seconds * 5;
  if (!send(fd, head("application/octet-stream", piece.size() * static_cast<std::size_t>(pieces)))) return;
  for (int i = 0; i < pieces && send(fd, piece); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

void serve(int fd) {
  std::string request;
  char buffer[4096];
  while (request.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) {
      ::close(fd);
      return;
    }
    request.append(buffer, static_cast<std::size_t>(got));
  }
  const std::string target = request.substr(0, request.find("\r\n"));
  if (target.find(" /exit") != std::string::npos) _exit(numberAfter(target, "code=", 0));
  if (target.find(" /eat") != std::string::npos) eat();
  if (target.find(" /download") != std::string::npos) {
    download(fd, numberAfter(target, "seconds=", 1));
  } else if (target.find(" /events") != std::string::npos) {
    if (send(fd, head("text/event-stream", 0) + "data: {\"hello\": true}\n\n"))
      (void)::recv(fd, buffer, sizeof buffer, 0);  // till it leaves
  } else {
    send(fd, head("text/plain", 6) + "hello\n");
  }
  ::shutdown(fd, SHUT_WR);
  ::close(fd);
}

int listenForEver() {
  const char* port = std::getenv("PORT");
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(static_cast<std::uint16_t>(port ? std::atoi(port) : 8080));
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&where), sizeof where) != 0 || ::listen(listener, 64) != 0) {
    std::cerr << "app: cannot listen: " << std::strerror(errno) << '\n';
    return 1;
  }
  std::cout << "app: listens on " << ntohs(where.sin_port) << std::endl;
  for (;;) {
    const int fd = ::accept(listener, nullptr, nullptr);
    if (fd >= 0) std::thread(serve, fd).detach();
  }
}

}  // namespace

int main() {
  const char* given = std::getenv("DO");
  const std::string what = given ? given : "";
  if (what != "stubborn") std::signal(SIGTERM, [](int) { _exit(0); });
  if (what == "eat") eat();
  if (what == "wait")
    for (;;) ::pause();
  if (what.rfind("exit ", 0) == 0) {
    const std::size_t text = what.find(' ', 5);
    if (text != std::string::npos) std::cerr << what.substr(text + 1) << std::endl;
    return std::atoi(what.c_str() + 5);
  }
  return listenForEver();
}
