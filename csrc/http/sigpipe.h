/*
** http/sigpipe.h - blocks SIGPIPE while libcurl works.
**
** A library must set CURLOPT_NOSIGNAL, and with it libcurl no longer ignores
** SIGPIPE itself (see sigpipe.h in its sources). libcurl writes to plain
** sockets by send with MSG_NOSIGNAL, or sets SO_NOSIGPIPE, in all versions.
** With OpenSSL, however, versions before 7.87 pass the socket to SSL_set_fd,
** and OpenSSL calls write(2): if the peer closed the connection, SIGPIPE ends
** the process. Closing a TLS connection is enough, because TLS sends a message
** then. Since 7.87 OpenSSL writes through libcurl, which calls send.
**
** A background thread blocks the signal permanently. A host that runs the loop
** in its own thread may have its own handler: there the signal is blocked while
** libcurl works, and a raised one is consumed.
*/
#ifndef KLAVIYO_SIGPIPE_H
#define KLAVIYO_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

typedef struct sigpipe_state {
  bool blocked;  /* by sigpipe_block */
  sigset_t mask; /* the thread's mask before */
} sigpipe_state;

/* Called before and after libcurl may write to a socket. They do nothing if the
** libcurl in use does not need it. */
void sigpipe_block (sigpipe_state *state);
void sigpipe_restore (const sigpipe_state *state);

#endif
