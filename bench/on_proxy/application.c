// The application behind the proxies: as cheap as can be, so that what is measured is theirs. GET /1m gives a megabyte, any other request "hello",
// an upgrade (whatever it asks for) a tunnel that echoes. Listens on the address and port that are given, else on one of 127.0.0.1; prints its port.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { megabyte = 1 << 20, room = 8192 };
struct connection {
  int fd, tunnel, held;
  const char* out;  // what is left to be sent
  size_t left;
  char in[];        // room, only while a request is not whole
};
static char small[256], large[megabyte + 256];
static const char upgrade[] =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static int loop;

static void watch(struct connection* c, unsigned events) {
  struct epoll_event e = {.events = events, .data.ptr = c};
  epoll_ctl(loop, EPOLL_CTL_MOD, c->fd, &e);
}
static void end(struct connection* c) {
  close(c->fd);
  free(c);
}
static int flush(struct connection* c) {  // 0: the connection is gone
  while (c->left > 0) {
    const ssize_t sent = send(c->fd, c->out, c->left, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return watch(c, EPOLLOUT), 1;
    if (sent < 0) return end(c), 0;
    c->out += sent;
    c->left -= (size_t)sent;
  }
  return 1;
}
static void answer(struct connection* c) {
  char* tail;
  while (c->left == 0 && (tail = memmem(c->in, (size_t)c->held, "\r\n\r\n", 4))) {
    const int length = (int)(tail + 4 - c->in);
    *tail = 0;
    c->tunnel = strcasestr(c->in, "\r\nupgrade:") != NULL;
    c->out = c->tunnel ? upgrade : strncmp(c->in, "GET /1m", 7) == 0 ? large : small;
    c->left = c->tunnel ? sizeof upgrade - 1 : c->out == large ? strlen(large) : strlen(small);
    memmove(c->in, c->in + length, (size_t)(c->held -= length));
    if (!flush(c)) return;
  }
}
static void readable(struct connection* c) {
  char bytes[room];
  const ssize_t got = c->tunnel ? recv(c->fd, bytes, sizeof bytes, 0) : recv(c->fd, c->in + c->held, (size_t)(room - c->held), 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return end(c);
  if (c->tunnel) {
    if (send(c->fd, bytes, (size_t)got, MSG_NOSIGNAL) != got) end(c);  // small messages only
    return;
  }
  c->held += (int)got;
  answer(c);
}

int main(int count_of_words, char** words) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  sprintf(small, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
  const int head = sprintf(large, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", megabyte);
  memset(large + head, 'x', megabyte);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (count_of_words == 3) address.sin_addr.s_addr = inet_addr(words[1]), address.sin_port = htons((unsigned short)atoi(words[2]));
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr*)&address, size) || listen(listener, 4096) || getsockname(listener, (struct sockaddr*)&address, &size))
    return perror("application"), 1;
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  loop = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, ready[256];
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &e);
  for (;;) {
    const int count = epoll_wait(loop, ready, 256, -1);
    for (int i = 0; i < count; ++i) {
      struct connection* c = ready[i].data.ptr;
      if (c == NULL) {
        for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
          const int on = 1;
          setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          c = calloc(1, sizeof *c + room + 1);
          c->fd = fd;
          struct epoll_event of = {.events = EPOLLIN, .data.ptr = c};
          epoll_ctl(loop, EPOLL_CTL_ADD, fd, &of);
        }
      } else if (c->left > 0) {
        if (!flush(c)) continue;
        if (c->left == 0) watch(c, EPOLLIN), answer(c);
      } else {
        readable(c);
      }
    }
  }
}
