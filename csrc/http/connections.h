/*
** http/connections.h - the open sockets of libcurl. A socket with unread bytes
** must not be used for another request.
**
** libcurl calls back when it opens or closes a socket, and passes the addresses
** of both ends before it sends a request. The loop owns the list and libcurl
** the sockets. Only the loop's thread uses these functions.
*/
#ifndef KLAVIYO_CONNECTIONS_H
#define KLAVIYO_CONNECTIONS_H

#include <stdbool.h>

#include "http/poller.h"

#define CONNECTION_BUCKETS 256
#define MAX_ADDRESS 46 /* an IPv6 address as text, with its NUL */

typedef struct connection_end {
  char ip[MAX_ADDRESS];
  int port;
} connection_end;

/* Memory is reused and never freed before connections_free, so that a pointer
** to a connection stays valid; compare 'id'. */
typedef struct connection {
  int fd;
  unsigned long id;             /* unique in this list; 0: closed */
  bool is_serial;               /* it speaks HTTP/1: one request at a time */
  connection_end local, remote; /* known when a request is about to be sent */
  struct connection *next;
} connection;

typedef struct connections {
  poller *poller;     /* the loop's: it must be freed after this */
  connection *opened; /* whose addresses are not known yet */
  connection *by_port[CONNECTION_BUCKETS]; /* buckets by the local port */
  connection *unused;
  unsigned long last_id;
  size_t open; /* how many are open */
} connections;

/* Makes libcurl report the sockets of a handle. Child programs do not inherit
** these sockets. */
CURLcode connections_apply (connections *c, CURL *easy);

/* Reserves memory for the sockets that a request may open. */
CURLcode connections_prepare (connections *c);

/* Returns the connection with these addresses; NULL: not known. */
connection *connections_find (connections *c, const char *local_ip,
                              int local_port, const char *remote_ip,
                              int remote_port);

/* Frees all memory. libcurl must have closed its sockets before. */
void connections_free (connections *c);

/* Returns whether a request may be sent on the connection. Bytes that can be
** read on an HTTP/1 connection before the request were not sent in reply to it,
** but would be taken for its response. HTTP/2 numbers its streams, and its
** frames may arrive at any time. */
bool connection_is_clean (const connection *c);

#endif
