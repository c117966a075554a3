/*
** http/connections.h - the sockets that libcurl has open, so that one on which
** something is left to read is not used for another request.
**
** libcurl reports them when it opens and closes them, and names their two ends
** before it sends a request. One thread at a time works on them: that of the
** multi handle.
*/
#ifndef KLAVIYO_CONNECTIONS_H
#define KLAVIYO_CONNECTIONS_H

#include <stdbool.h>

#include <curl/curl.h>

#define CONNECTION_BUCKETS 256
#define MAX_ADDRESS 46 /* of IPv6 as text, with its end */

typedef struct connection_end {
  char ip[MAX_ADDRESS];
  int port;
} connection_end;

/* Its memory stays for the next one, so that a pointer is always to one. */
typedef struct connection {
  int fd;
  unsigned long id;             /* no other one had, nor will have it */
  bool is_serial;               /* it answered in HTTP/1: one at a time */
  connection_end local, remote; /* known once a request is about to go out */
  struct connection *next;
} connection;

typedef struct connections {
  connection *opened;                      /* whose ends are not known yet */
  connection *by_port[CONNECTION_BUCKETS]; /* of the local end */
  connection *unused;
  unsigned long last_id;
} connections;

/* Has libcurl report the sockets of a handle; they are not inherited by the
** programs that the host starts. */
CURLcode connections_apply (connections *c, CURL *easy);

/* Before a request: has memory ready for the sockets that it may need. */
CURLcode connections_prepare (connections *c);

/* The connection with these ends; NULL when it is not known. */
connection *connections_find (connections *c, const char *local_ip,
                              int local_port, const char *remote_ip,
                              int remote_port);

/* Frees all, once libcurl has closed them. */
void connections_free (connections *c);

/* Whether a request may be sent on it. What can be read on a connection that
** answered in HTTP/1 was sent before the request: it would be taken for the
** answer. The streams of HTTP/2 have numbers, and its frames may come at any
** time. */
bool connection_is_clean (const connection *c);

#endif
