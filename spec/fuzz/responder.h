/*
** responder.h - a server in a thread of the fuzz target's own process: what it
** does is asked of it by the path, "/0" to "/9" and more.
*/
#ifndef KLAVIYO_RESPONDER_H
#define KLAVIYO_RESPONDER_H

#include "fuzz.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* what the thread does does not count as coverage of the core */
#define UNTRACED __attribute__((no_sanitize("coverage")))

#define GUESTS 64
#define REQUEST 65536

typedef struct guest {
  int fd;         /* -1: none */
  char *request;  /* as far as it has come */
  size_t size;
  bool leaving; /* it goes when nothing happens for a moment */
} guest;

typedef struct manner {
  const char *answer;  /* NULL: none */
  enum {STAY, CLOSE, RESET, LATER} then;
} manner;

static const manner MANNERS[] = {
  {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", STAY},
  {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", CLOSE},
  {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", CLOSE},  /* unsaid */
  {"HTTP/1.1 429 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n", STAY},
  {"HTTP/1.1 503 No\r\nRateLimit-Limit: 2, 2;w=1\r\nRateLimit-Remaining: 0\r\n"
   "RateLimit-Reset: 1\r\nContent-Length: 1\r\n\r\nx", STAY},
  {"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
   "3\r\nabc\r\n0\r\n\r\n", STAY},
  {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", CLOSE},
  {"HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n", STAY},
  {"no HTTP at all\r\n\r\n", CLOSE},
  {NULL, CLOSE},
  {NULL, RESET},
  {NULL, STAY},  /* silence */
  {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"more than was ask\"}",
   STAY},
  {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", LATER},
};

#define MANNER_COUNT (sizeof(MANNERS) / sizeof(MANNERS[0]))

static int responder_port = 0, closed_port = 0;


static UNTRACED void let_go (guest *g, bool reset) {
  struct linger hard = {1, 0};
  if (reset)
    setsockopt(g->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  close(g->fd);
  g->fd = -1;
}


/* The bytes of the request there, all of it; 0: some are still to come. */
static UNTRACED size_t whole (const guest *g) {
  const char *end, *length;
  size_t size;
  g->request[g->size] = '\0';
  end = strstr(g->request, "\r\n\r\n");
  if (end == NULL)
    return 0;
  size = (size_t)(end - g->request) + 4;
  length = strcasestr(g->request, "\r\nContent-Length:");
  if (length != NULL && length < end)
    size += strtoul(length + 17, NULL, 10);
  return size <= g->size ? size : 0;
}


static UNTRACED void serve (guest *g) {
  size_t size;
  while (g->fd >= 0 && (size = whole(g)) > 0) {
    const char *slash = strchr(g->request, '/');
    const manner *m = &MANNERS[strtoul(slash + 1, NULL, 10) % MANNER_COUNT];
    if (m->answer != NULL)
      send(g->fd, m->answer, strlen(m->answer), MSG_NOSIGNAL);
    g->leaving = m->then == LATER;
    if (m->then == CLOSE || m->then == RESET)
      let_go(g, m->then == RESET);
    g->size -= size;
    memmove(g->request, g->request + size, g->size);
  }
}


static UNTRACED void receive (guest *g) {
  ssize_t n = recv(g->fd, g->request + g->size, REQUEST - g->size, 0);
  if (n <= 0) {
    let_go(g, false);
    return;
  }
  g->size += (size_t)n;
  serve(g);
}


static UNTRACED void welcome (guest *guests, int fd) {
  int i;
  for (i = 0; i < GUESTS; i++)
    if (guests[i].fd < 0) {
      guests[i].fd = fd;
      guests[i].size = 0;
      guests[i].leaving = false;
      return;
    }
  close(fd);
}


static UNTRACED void *respond (void *listener) {
  static guest guests[GUESTS];
  int i;
  for (i = 0; i < GUESTS; i++) {
    guests[i].fd = -1;
    guests[i].request = malloc(REQUEST + 1);
  }
  for (;;) {
    struct pollfd all[GUESTS + 1];
    bool leaving = false;
    all[GUESTS].fd = *(int *)listener;
    all[GUESTS].events = POLLIN;
    for (i = 0; i < GUESTS; i++) {
      all[i].fd = guests[i].fd;
      all[i].events = POLLIN;
      leaving = leaving || (guests[i].fd >= 0 && guests[i].leaving);
    }
    if (poll(all, GUESTS + 1, leaving ? 1 : -1) == 0)
      for (i = 0; i < GUESTS; i++)
        if (guests[i].fd >= 0 && guests[i].leaving)
          let_go(&guests[i], false);
    for (i = 0; i < GUESTS; i++)
      if (guests[i].fd >= 0 && all[i].revents != 0)
        receive(&guests[i]);
    if (all[GUESTS].revents != 0)
      welcome(guests, accept4(all[GUESTS].fd, NULL, NULL, SOCK_CLOEXEC));
  }
  return NULL;
}


/* A socket at a port of its own, whose number is returned. */
static int open_listener (int *listener) {
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  *listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(*listener >= 0 &&
        bind(*listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        getsockname(*listener, (struct sockaddr *)&address, &size) == 0);
  return ntohs(address.sin_port);
}


/* Once: a server, and a port where nobody is (and nobody else can be). */
static void responder_start (void) {
  static int listener, none;
  pthread_t id;
  responder_port = open_listener(&listener);
  closed_port = open_listener(&none);
  CHECK(listen(listener, 128) == 0);
  CHECK(pthread_create(&id, NULL, respond, &listener) == 0);
}

#endif
