/*
** http/connections.c - the open sockets of libcurl.
*/
#include "http/connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/socket.h"


static connection **bucket_of (connections *c, int local_port) {
  return &c->by_port[local_port % CONNECTION_BUCKETS];
}


static bool remove_from (connections *c, connection **list, int fd) {
  for (; *list != NULL; list = &(*list)->next) {
    connection *one = *list;
    if (one->fd == fd) {
      *list = one->next;
      one->id = 0;
      one->next = c->unused;
      c->unused = one;
      c->open--;
      return true;
    }
  }
  return false;
}


static void remove_socket (connections *c, int fd) {
  int i;
  poller_socket_closing(c->poller, fd);
  if (remove_from(c, &c->opened, fd))
    return;
  for (i = 0; i < CONNECTION_BUCKETS; i++)
    if (remove_from(c, &c->by_port[i], fd))
      return;
}


/* Makes sure that there are 'count' unused elements. */
static bool reserve (connections *c, int count) {
  connection *one;
  for (one = c->unused; one != NULL && count > 0; one = one->next)
    count--;
  while (count-- > 0) {
    if ((one = malloc(sizeof(*one))) == NULL)
      return false;
    one->next = c->unused;
    c->unused = one;
  }
  return true;
}


static bool add (connections *c, int fd) {
  connection *one;
  if (!reserve(c, 1))
    return false;
  one = c->unused;
  c->unused = one->next;
  memset(one, 0, sizeof(*one));
  one->fd = fd;
  one->id = ++c->last_id;
  one->next = c->opened;
  c->opened = one;
  c->open++;
  return true;
}


/* A socket that cannot be listed is not used at all. */
static curl_socket_t open_socket (void *self, curlsocktype purpose,
                                  struct curl_sockaddr *address) {
  connections *c = self;
  int fd = socket_open(address->family, address->socktype, address->protocol);
  (void)purpose;
  if (fd < 0)
    return CURL_SOCKET_BAD;
  remove_socket(c, fd); /* a socket that was closed without a report */
  if (!add(c, fd)) {
    close(fd);
    return CURL_SOCKET_BAD;
  }
  poller_socket_opened(c->poller, fd);
  return fd;
}


static int close_socket (void *self, curl_socket_t fd) {
  remove_socket(self, fd);
  return close(fd);
}


/* libcurl may try two addresses of a host at a time. */
CURLcode connections_prepare (connections *c) {
  return reserve(c, 2) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}


CURLcode connections_apply (connections *c, CURL *easy) {
  CURLcode code =
      curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, c);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, c);
  return code;
}


static bool is_end (const connection_end *end, const char *ip, int port) {
  return end->port == port && strcmp(end->ip, ip) == 0;
}


typedef int name_function (int fd, struct sockaddr *address, socklen_t *size);

/* Asks the system for the address of one end of a socket. */
static bool get_end (int fd, name_function *get, connection_end *end) {
  struct sockaddr_storage address;
  socklen_t size = sizeof(address);
  const void *ip;
  if (get(fd, (struct sockaddr *)&address, &size) != 0)
    return false;
  if (address.ss_family == AF_INET) {
    const struct sockaddr_in *in = (const void *)&address;
    ip = &in->sin_addr;
    end->port = ntohs(in->sin_port);
  }
  else if (address.ss_family == AF_INET6) {
    const struct sockaddr_in6 *in = (const void *)&address;
    ip = &in->sin6_addr;
    end->port = ntohs(in->sin6_port);
  }
  else
    return false;
  return inet_ntop(address.ss_family, ip, end->ip, sizeof(end->ip)) != NULL;
}


/* Finds a new connection by its addresses and moves it to its bucket. */
static connection *identify (connections *c, const char *local_ip,
                             int local_port, const char *remote_ip,
                             int remote_port) {
  connection **list;
  for (list = &c->opened; *list != NULL; list = &(*list)->next) {
    connection *one = *list;
    if (get_end(one->fd, getsockname, &one->local) &&
        is_end(&one->local, local_ip, local_port) &&
        get_end(one->fd, getpeername, &one->remote) &&
        is_end(&one->remote, remote_ip, remote_port)) {
      connection **bucket = bucket_of(c, local_port);
      *list = one->next;
      one->next = *bucket;
      *bucket = one;
      return one;
    }
  }
  return NULL;
}


connection *connections_find (connections *c, const char *local_ip,
                              int local_port, const char *remote_ip,
                              int remote_port) {
  connection *one;
  if (local_ip == NULL || remote_ip == NULL || local_port <= 0)
    return NULL;
  for (one = *bucket_of(c, local_port); one != NULL; one = one->next)
    if (is_end(&one->local, local_ip, local_port) &&
        is_end(&one->remote, remote_ip, remote_port))
      return one;
  return identify(c, local_ip, local_port, remote_ip, remote_port);
}


/* Unread bytes, the end of the stream and an error all make it unclean. */
bool connection_is_clean (const connection *c) {
  char byte;
  return !c->is_serial ||
         (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
          (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}


static void free_list (connection *c) {
  while (c != NULL) {
    connection *next = c->next;
    free(c);
    c = next;
  }
}


void connections_free (connections *c) {
  int i;
  free_list(c->opened);
  free_list(c->unused);
  for (i = 0; i < CONNECTION_BUCKETS; i++)
    free_list(c->by_port[i]);
}
