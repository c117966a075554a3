/*
** http/sigpipe.h - keeps a SIGPIPE of libcurl's from the host.
**
** What was found in libcurl's sources: CURLOPT_NOSIGNAL, which a library has
** to set, ends its own protection (sigpipe.h there: it ignores the signal only
** for handles without that option). Plain sockets are written to by send with
** MSG_NOSIGNAL, or have SO_NOSIGPIPE, in all versions. With OpenSSL, though,
** up to 7.86 the socket is handed to SSL_set_fd, and OpenSSL writes to it by
** write(2): to a peer that closed the connection, SIGPIPE ends the process.
** It is enough that a connection is closed, for which TLS has a message. From
** 7.87 on OpenSSL writes by way of libcurl, which is send again.
**
** The thread of an engine blocks the signal for good. A host that does the
** work itself has a thread and a handler of its own: there the signal is
** blocked while libcurl is at work, and taken back where it was raised.
*/
#ifndef KLAVIYO_SIGPIPE_H
#define KLAVIYO_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

typedef struct sigpipe_state {
  bool blocked;  /* by us */
  sigset_t mask; /* of the thread, before */
} sigpipe_state;

/* Before libcurl may write to a socket, and after; they do nothing where the
** libcurl in use needs no help. */
void sigpipe_block (sigpipe_state *state);
void sigpipe_restore (const sigpipe_state *state);

#endif
