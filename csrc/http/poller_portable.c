/*
** http/poller_portable.c - waits for libcurl's sockets on systems without
** epoll.
*/
#include "http/poller.h"

#if !defined(__linux__) || defined(KLAVIYO_PORTABLE)

#include <stdlib.h>

struct poller {
  CURLM *multi;
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


CURLMcode poller_start (poller *p) {
  int running;
  return curl_multi_perform(p->multi, &running);
}


/* Polls before it performs: the other order would wait although transfers are
** done. The poll respects libcurl's own timeout, which is 0 for new
** transfers. */
CURLMcode poller_wait (poller *p, long ms, time_slice *slice) {
  CURLMcode code = CURLM_OK;
  time_slice_begin_wait(slice);
  if (ms > 0)
    code = curl_multi_poll(p->multi, NULL, 0, (int)ms, NULL);
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
