/*
** http/poller.h - waits for libcurl's sockets. There are two implementations:
** poller_epoll.c for Linux, and poller_portable.c for other systems (and for
** builds with -DKLAVIYO_PORTABLE).
**
** The loop owns its poller. Only the loop's thread calls these functions, but
** any thread may call poller_wake.
*/
#ifndef KLAVIYO_POLLER_H
#define KLAVIYO_POLLER_H

#include <stdbool.h>

#include "base/time_slice.h"
#include "http/libcurl.h"

typedef struct poller poller;

poller *poller_new (CURLM *multi); /* NULL: no memory or no descriptor */
void poller_free (poller *p);      /* after curl_multi_cleanup */

/* Tells the poller that libcurl opened a socket, and that it closes it: sockets
** that the poller knows stay watched while libcurl does not use them. */
void poller_socket_opened (poller *p, int fd);
void poller_socket_closing (poller *p, int fd);

/* Watches a socket that is not libcurl's, or changes for what. At most
** POLLER_SOCKETS are watched: returns false if there are more. */
#define POLLER_SOCKETS 64
bool poller_watch (poller *p, int fd, bool input, bool output);
void poller_unwatch (poller *p, int fd); /* before it is closed */

/* Returns whether such a socket was ready since the last call. */
bool poller_take_ready (poller *p);

/* Lets libcurl start the transfers that were added. */
CURLMcode poller_start (poller *p);

/* Lets libcurl handle its ready sockets, waiting for them for at most 'ms'
** milliseconds. The thread may yield between two of them. */
CURLMcode poller_wait (poller *p, long ms, time_slice *slice);

/* Ends a wait from another thread, or the next wait if there is none. */
void poller_wake (poller *p);

/* Returns a descriptor that is readable when the poller has work, for another
** event loop to watch; -1: not supported. */
int poller_fd (const poller *p);

/* Makes that descriptor readable until it is switched off. */
void poller_signal (poller *p, bool on);

/* Returns the milliseconds until libcurl's next timeout; -1: none. */
long poller_timeout (const poller *p);

#endif
