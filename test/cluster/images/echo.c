// echo: a server and a client in one, for images of tests that have no shell.
//   echo serve PORT      answers each connection with the name of its host
//   echo ask HOST PORT   prints the answer; ends with 1 when there is none within 5 s
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int fail(const char* what) {
  perror(what);
  return 1;
}

static void stop(int number) {
  (void)number;
  _exit(0);  // process 1 of a container ends by no signal that it does not handle
}

static int serve(const char* port) {
  signal(SIGTERM, stop);
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
  struct addrinfo* address = NULL;
  if (getaddrinfo(NULL, port, &hints, &address) != 0) { return fail("getaddrinfo"); }
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, address->ai_addr, address->ai_addrlen) != 0 || listen(listener, 64) != 0) { return fail("listen"); }
  char line[300] = "";
  gethostname(line, 256);
  strcat(line, "\n");
  printf("%s", line);
  fflush(stdout);
  for (;;) {
    const int peer = accept(listener, NULL, NULL);
    if (peer < 0) { return fail("accept"); }
    if (write(peer, line, strlen(line)) < 0) { perror("write"); }
    close(peer);
  }
}

static int ask(const char* host, const char* port) {
  alarm(5);
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo* address = NULL;
  const int error = getaddrinfo(host, port, &hints, &address);
  if (error != 0) {
    fprintf(stderr, "%s: %s\n", host, gai_strerror(error));
    return 1;
  }
  const int peer = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(peer, address->ai_addr, address->ai_addrlen) != 0) { return fail("connect"); }
  char text[300];
  const ssize_t got = read(peer, text, sizeof text);
  if (got <= 0) { return fail("read"); }
  return fwrite(text, 1, (size_t)got, stdout) == (size_t)got ? 0 : 1;
}

int main(int count, char** words) {
  signal(SIGPIPE, SIG_IGN);
  if (count == 3 && strcmp(words[1], "serve") == 0) { return serve(words[2]); }
  if (count == 4 && strcmp(words[1], "ask") == 0) { return ask(words[2], words[3]); }
  fprintf(stderr, "usage: echo serve PORT | echo ask HOST PORT\n");
  return 2;
}
