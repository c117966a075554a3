/*
** support/window_server.c - a service that counts requests in fixed windows
** and rejects what exceeds a limit. It shares no code with the library, so that
** it can be its judge: its windows start at times that it tells no client.
**
**   window_server ADDRESS PORT LOG DELAY LENGTH:LIMIT ...
**
** Port 0 is a free one; the port is printed. DELAY is how many milliseconds a
** response takes: FROM-TO. A window is LENGTH milliseconds long. The first one
** is the second and comes first in RateLimit-Limit, as in the service's
** responses. LOG gets a line for each request: its time in milliseconds since
** the start, the number of the window of each length, and "accepted" or
** "rejected". GET /windows returns a line for each window: its length, number,
** start, limit and how many requests it accepted and rejected; then one with
** the present time. The program ends when its standard input is closed.
*/
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_WINDOWS 3
#define MAX_CLIENTS 1000
#define MAX_REQUEST 8192
#define MAX_RESPONSE 600

typedef struct counts {
  uint32_t accepted, rejected;
} counts;

typedef struct window {
  int64_t length, limit, phase;
  counts *list; /* by the number of the window */
  int64_t size;
} window;

typedef struct client {
  char request[MAX_REQUEST];
  size_t size;
  char response[MAX_RESPONSE]; /* to send at 'due' */
  size_t length;
  int64_t due; /* 0: no response is waiting */
} client;

static window windows[MAX_WINDOWS];
static int window_count;
static int64_t began, delay_from, delay_to;
static FILE *log_file;
static struct pollfd fds[MAX_CLIENTS + 2]; /* stdin, the listener, clients */
static client *clients[MAX_CLIENTS + 2];
static int fd_count;


static void fail (const char *what) {
  perror(what);
  exit(1);
}


static int64_t clock_now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000 - began;
}


static int64_t random_below (int64_t n) {
  static FILE *source;
  uint32_t number;
  if (source == NULL)
    source = fopen("/dev/urandom", "r");
  if (source == NULL || fread(&number, sizeof(number), 1, source) != 1)
    fail("/dev/urandom");
  return n > 0 ? number % n : 0;
}


static counts *counts_at (window *w, int64_t now) {
  int64_t number = (now + w->phase) / w->length;
  if (number >= w->size) {
    int64_t size = number * 2 + 64;
    w->list = realloc(w->list, (size_t)size * sizeof(*w->list));
    if (w->list == NULL)
      fail("realloc");
    memset(w->list + w->size, 0, (size_t)(size - w->size) * sizeof(*w->list));
    w->size = size;
  }
  return &w->list[number];
}


/* {======================================================
** Responses
** ======================================================= */

/* Returns the tightest window that has no capacity, or NULL. */
static window *full_window (int64_t now) {
  window *full = NULL;
  int i;
  for (i = 0; i < window_count; i++)
    if (counts_at(&windows[i], now)->accepted >= windows[i].limit)
      full = &windows[i];
  return full;
}


static size_t write_response (char *to, int64_t now) {
  static const char body[] = "{\"data\":[],\"links\":{\"self\":null,"
                             "\"next\":null,\"prev\":null}}";
  static const char rejection[] =
      "{\"errors\":[{\"status\":429,\"code\":\"throttled\",\"title\":"
      "\"Request was throttled.\",\"detail\":\"Request was throttled.\","
      "\"source\":{\"pointer\":\"/data\"}}]}";
  window *full = full_window(now);
  char limits[160];
  int n, i;
  fprintf(log_file, "%lld", (long long)now);
  for (i = 0; i < window_count; i++) {
    counts *c = counts_at(&windows[i], now);
    fprintf(log_file, " %lld",
            (long long)((now + windows[i].phase) / windows[i].length));
    if (full != NULL)
      c->rejected++;
    else
      c->accepted++;
  }
  fprintf(log_file, " %s\n", full != NULL ? "rejected" : "accepted");
  if (full != NULL)
    return (size_t)snprintf(
        to, MAX_RESPONSE,
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: %lld\r\n"
        "content-type: application/vnd.api+json\r\n"
        "content-length: %zu\r\n\r\n%s",
        (long long)((full->length - (now + full->phase) % full->length + 999) /
                    1000),
        sizeof(rejection) - 1, rejection);
  n = snprintf(limits, sizeof(limits), "%lld", (long long)windows[0].limit);
  for (i = 0; i < window_count; i++)
    n += snprintf(limits + n, sizeof(limits) - (size_t)n, ", %lld;w=%lld",
                  (long long)windows[i].limit,
                  (long long)(windows[i].length / 1000));
  return (size_t)snprintf(
      to, MAX_RESPONSE,
      "HTTP/1.1 200 OK\r\nratelimit-limit: %s\r\nratelimit-remaining: %lld\r\n"
      "ratelimit-reset: 0\r\ncontent-type: application/vnd.api+json\r\n"
      "content-length: %zu\r\n\r\n%s",
      limits,
      (long long)(windows[0].limit - counts_at(&windows[0], now)->accepted),
      sizeof(body) - 1, body);
}


/* Writes the report at once: only the spec reads it, and waits for it. */
static void send_report (int fd, int64_t now) {
  char head[120];
  char *text;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  int64_t number, first, last;
  int i;
  fflush(log_file);
  for (i = 0; i < window_count; i++) {
    window *w = &windows[i];
    first = w->phase / w->length;
    last = (now + w->phase) / w->length;
    counts_at(w, now);
    for (number = first; number <= last; number++)
      fprintf(out, "%lld %lld %lld %lld %u %u\n", (long long)w->length,
              (long long)number, (long long)(number * w->length - w->phase),
              (long long)w->limit, w->list[number].accepted,
              w->list[number].rejected);
  }
  fprintf(out, "now %lld\n", (long long)now);
  fclose(out);
  snprintf(
      head, sizeof(head),
      "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\nconnection: close\r\n\r\n",
      size);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  if (write(fd, head, strlen(head)) < 0 || write(fd, text, size) < 0)
    perror("report");
  free(text);
}

/* }====================================================== */


/* {======================================================
** Clients
** ======================================================= */

static void add_client (int fd) {
  int on = 1;
  if (fd_count == MAX_CLIENTS + 2) {
    close(fd);
    return;
  }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  clients[fd_count] = calloc(1, sizeof(client));
  if (clients[fd_count] == NULL)
    fail("calloc");
  fds[fd_count].fd = fd;
  fds[fd_count++].events = POLLIN;
}


static void remove_client (int i) {
  close(fds[i].fd);
  free(clients[i]);
  fd_count--;
  clients[i] = clients[fd_count];
  fds[i] = fds[fd_count];
}


/* Returns the size of the first request, or 0 if it is not complete. */
static size_t request_size (const client *c) {
  const char *end = strstr(c->request, "\r\n\r\n");
  const char *length = strcasestr(c->request, "\r\ncontent-length:");
  size_t size;
  if (end == NULL)
    return 0;
  size = (size_t)(end - c->request) + 4;
  if (length != NULL && length < end)
    size += (size_t)strtoul(length + 17, NULL, 10);
  return size <= c->size ? size : 0;
}


/* Counts a request when it arrives, and answers it later. Returns false if the
** client must be removed. */
static bool take_request (int i) {
  client *c = clients[i];
  size_t size = request_size(c);
  int64_t now = clock_now();
  if (size == 0 || c->due != 0)
    return c->size < MAX_REQUEST - 1;
  if (strncmp(c->request, "GET /windows ", 13) == 0) {
    send_report(fds[i].fd, now);
    return false;
  }
  c->length = write_response(c->response, now);
  c->due = now + delay_from + random_below(delay_to - delay_from + 1);
  if (c->due == 0)
    c->due = 1;
  memmove(c->request, c->request + size, c->size - size + 1);
  c->size -= size;
  return true;
}


static bool read_client (int i) {
  client *c = clients[i];
  ssize_t n = read(fds[i].fd, c->request + c->size, MAX_REQUEST - 1 - c->size);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return true;
  if (n <= 0)
    return false;
  c->size += (size_t)n;
  c->request[c->size] = 0;
  return take_request(i);
}


/* Sends the responses that are due. Returns when the next one is, or -1. */
static int send_due (void) {
  int64_t now = clock_now(), next = -1;
  int i;
  for (i = fd_count - 1; i >= 2; i--) {
    client *c = clients[i];
    if (c->due != 0 && c->due <= now) {
      c->due = 0;
      if (write(fds[i].fd, c->response, c->length) != (ssize_t)c->length ||
          !take_request(i)) {
        remove_client(i);
        continue;
      }
    }
    if (c->due != 0 && (next < 0 || c->due < next))
      next = c->due;
  }
  return next < 0 ? -1 : next > now ? (int)(next - now) : 0;
}

/* }====================================================== */


static int open_listener (const char *address, int port) {
  struct sockaddr_in name;
  socklen_t size = sizeof(name);
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  memset(&name, 0, sizeof(name));
  name.sin_family = AF_INET;
  name.sin_port = htons((uint16_t)port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (inet_pton(AF_INET, address, &name.sin_addr) != 1 ||
      bind(fd, (struct sockaddr *)&name, sizeof(name)) != 0 ||
      listen(fd, 512) != 0 ||
      getsockname(fd, (struct sockaddr *)&name, &size) != 0)
    fail(address);
  printf("%d\n", ntohs(name.sin_port));
  fflush(stdout);
  return fd;
}


static void read_arguments (int argc, char **argv) {
  long long from, to;
  int i;
  if (argc < 6 || argc > 5 + MAX_WINDOWS ||
      sscanf(argv[4], "%lld-%lld", &from, &to) != 2) {
    fputs("window_server ADDRESS PORT LOG FROM-TO LENGTH:LIMIT ...\n", stderr);
    exit(2);
  }
  delay_from = from;
  delay_to = to;
  for (i = 5; i < argc; i++) {
    window *w = &windows[window_count++];
    if (sscanf(argv[i], "%lld:%lld", &from, &to) != 2 || from < 1000)
      fail(argv[i]);
    w->length = from;
    w->limit = to;
    w->phase = random_below(from);
  }
}


int main (int argc, char **argv) {
  int i;
  read_arguments(argc, argv);
  began = clock_now() - 1;
  log_file = fopen(argv[3], "w");
  if (log_file == NULL)
    fail(argv[3]);
  fds[0].fd = 0;
  fds[1].fd = open_listener(argv[1], atoi(argv[2]));
  fds[0].events = fds[1].events = POLLIN;
  fd_count = 2;
  for (;;) {
    char byte;
    if (poll(fds, (nfds_t)fd_count, send_due()) < 0 && errno != EINTR)
      fail("poll");
    if ((fds[0].revents & (POLLIN | POLLHUP)) && read(0, &byte, 1) <= 0)
      return 0;
    for (i = fd_count - 1; i >= 2; i--)
      if (fds[i].revents != 0 && !read_client(i))
        remove_client(i);
    if (fds[1].revents & POLLIN) {
      int fd = accept(fds[1].fd, NULL, NULL);
      if (fd >= 0)
        add_client(fd);
    }
  }
}
