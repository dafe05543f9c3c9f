/* An application that tells when it began to listen: sleeps LISTEN_AFTER_MS, prints the monotonic clock, listens on PORT.
 * Containers of one machine share that clock. The time is taken before listen(): what is measured from it is never too short. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void stop(int number) {
  (void)number;
  _exit(0);
}

static int value(const char* name, int otherwise) {
  const char* text = getenv(name);
  return text ? atoi(text) : otherwise;
}

int main(void) {
  signal(SIGTERM, stop);
  const int wait = value("LISTEN_AFTER_MS", 0);
  const struct timespec pause = {wait / 1000, (wait % 1000) * 1000000L};
  nanosleep(&pause, NULL);
  const int door = socket(AF_INET, SOCK_STREAM, 0);
  const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(value("PORT", 8080)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(door, (const struct sockaddr*)&address, sizeof address) != 0) {
    perror("bind");
    return 1;
  }
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (listen(door, 16) != 0) {
    perror("listen");
    return 1;
  }
  printf("listening %lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
  fflush(stdout);
  for (;;) {
    const int client = accept(door, NULL, NULL);
    if (client >= 0) close(client);
  }
}
