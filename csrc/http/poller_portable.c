/*
** http/poller_portable.c - waits for libcurl's sockets on systems without
** epoll.
*/
#include "http/poller.h"

#if !defined(__linux__) || defined(KLAVIYO_PORTABLE)

#include <stdlib.h>

struct poller {
  CURLM *multi;
  struct curl_waitfd watched[POLLER_SOCKETS]; /* not libcurl's */
  unsigned watched_count;
  bool watched_ready;
};


poller *poller_new (CURLM *multi) {
  poller *p = calloc(1, sizeof(*p));
  if (p != NULL)
    p->multi = multi;
  return p;
}


void poller_free (poller *p) {
  free(p);
}


void poller_socket_opened (poller *p, int fd) {
  (void)p;
  (void)fd;
}


void poller_socket_closing (poller *p, int fd) {
  (void)p;
  (void)fd;
}


static unsigned find (const poller *p, int fd) {
  unsigned i = 0;
  while (i < p->watched_count && p->watched[i].fd != fd)
    i++;
  return i;
}


bool poller_watch (poller *p, int fd, bool input, bool output) {
  unsigned i = find(p, fd);
  if (i == POLLER_SOCKETS)
    return false;
  if (i == p->watched_count)
    p->watched_count++;
  p->watched[i].fd = fd;
  p->watched[i].events = (short)(input ? CURL_WAIT_POLLIN : 0);
  if (output)
    p->watched[i].events |= CURL_WAIT_POLLOUT;
  p->watched[i].revents = 0;
  return true;
}


void poller_unwatch (poller *p, int fd) {
  unsigned i = find(p, fd);
  if (i < p->watched_count)
    p->watched[i] = p->watched[--p->watched_count];
}


bool poller_take_ready (poller *p) {
  bool ready = p->watched_ready;
  p->watched_ready = false;
  return ready;
}


CURLMcode poller_start (poller *p) {
  int running;
  return curl_multi_perform(p->multi, &running);
}


/* Polls before it performs: the other order would wait although transfers are
** done. The poll respects libcurl's own timeout, which is 0 for new
** transfers. */
CURLMcode poller_wait (poller *p, long ms, time_slice *slice) {
  CURLMcode code = CURLM_OK;
  unsigned i;
  time_slice_begin_wait(slice);
  if (ms > 0)
    code =
        curl_multi_poll(p->multi, p->watched, p->watched_count, (int)ms, NULL);
  for (i = 0; i < p->watched_count; i++)
    p->watched_ready =
        p->watched_ready || p->watched[i].revents != 0 || ms == 0;
  time_slice_end_wait(slice);
  return code == CURLM_OK ? poller_start(p) : code;
}


void poller_wake (poller *p) {
  curl_multi_wakeup(p->multi);
}


int poller_fd (const poller *p) {
  (void)p;
  return -1;
}


void poller_signal (poller *p, bool on) {
  (void)p;
  (void)on;
}


long poller_timeout (const poller *p) {
  long ms = -1;
  curl_multi_timeout(p->multi, &ms);
  return ms;
}

#endif
