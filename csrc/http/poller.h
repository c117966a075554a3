/*
** http/poller.h - waiting for libcurl's sockets. Made twice: poller_epoll.c for
** Linux, poller_portable.c for the rest (and with -DKLAVIYO_PORTABLE).
*/
#ifndef KLAVIYO_POLLER_H
#define KLAVIYO_POLLER_H

#include <stdbool.h>

#include <curl/curl.h>

typedef struct poller poller;

poller *poller_new (CURLM *multi); /* NULL when it cannot be had */
void poller_free (poller *p);      /* once libcurl's handle is gone */

/* Lets libcurl begin what it was given. */
CURLMcode poller_start (poller *p);

/* Lets libcurl do what is to be done, waiting for it up to 'ms'. */
CURLMcode poller_wait (poller *p, long ms);

/* Ends a wait from another thread; the next one, if there is none. */
void poller_wake (poller *p);

/* A descriptor that is readable when there is something to be done, for
** another loop to watch; -1 where there is no such thing. */
int poller_fd (const poller *p);

/* Makes that descriptor readable, whatever else there is, or ends that. */
void poller_signal (poller *p, bool on);

/* How long a wait makes sense: until libcurl's own next time-out; -1 when
** it has none. */
long poller_timeout (const poller *p);

#endif
