/*
** poller_epoll.c - waiting for libcurl's sockets on Linux. The descriptor of
** an epoll set may itself be watched by another loop.
*/
#include "poller.h"

#if defined(__linux__) && !defined(KLAVIYO_PORTABLE)

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MOST_EVENTS 64

struct poller {
  CURLM *multi;
  int epoll;
  int bell;     /* always readable; in the set while somebody is called */
  bool called;
  int64_t due;  /* when libcurl wants to be called; -1: never */
};


static int64_t now_ms (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}


static int watch (CURL *easy, curl_socket_t fd, int what, void *self,
                  void *known) {
  poller *p = self;
  struct epoll_event event;
  (void)easy;
  memset(&event, 0, sizeof(event));
  event.data.fd = fd;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, &event);
    curl_multi_assign(p->multi, fd, NULL);
    return 0;
  }
  if (what != CURL_POLL_OUT)
    event.events |= EPOLLIN;
  if (what != CURL_POLL_IN)
    event.events |= EPOLLOUT;
  if (known == NULL)
    curl_multi_assign(p->multi, fd, p);  /* any mark will do */
  if (epoll_ctl(p->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd,
                &event) == 0)
    return 0;
  /* a descriptor may have been closed, or reused, behind our back */
  return epoll_ctl(p->epoll, errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                   fd, &event) == 0 ? 0 : -1;
}


static int set_timer (CURLM *multi, long ms, void *self) {
  poller *p = self;
  (void)multi;
  p->due = ms < 0 ? -1 : now_ms() + ms;
  return 0;
}


poller *poller_new (CURLM *multi) {
  poller *p = calloc(1, sizeof(*p));
  if (p == NULL)
    return NULL;
  p->multi = multi;
  p->due = -1;
  p->epoll = epoll_create1(EPOLL_CLOEXEC);
  p->bell = eventfd(1, EFD_CLOEXEC);
  if (p->epoll < 0 || p->bell < 0) {
    close(p->epoll);
    close(p->bell);
    free(p);
    return NULL;
  }
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, p);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, p);
  return p;
}


static CURLMcode act (poller *p, const struct epoll_event *event) {
  int running, what = 0;
  if (event->events & EPOLLIN)
    what |= CURL_CSELECT_IN;
  if (event->events & EPOLLOUT)
    what |= CURL_CSELECT_OUT;
  if (event->events & (EPOLLERR | EPOLLHUP))
    what |= CURL_CSELECT_ERR;
  return curl_multi_socket_action(p->multi, event->data.fd, what, &running);
}


static CURLMcode run_timer (poller *p) {
  int running;
  if (p->due < 0 || p->due > now_ms())
    return CURLM_OK;
  p->due = -1;  /* libcurl sets it anew from within */
  return curl_multi_socket_action(p->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}


static void hang_bell (poller *p, bool on) {
  struct epoll_event event;
  memset(&event, 0, sizeof(event));
  event.events = EPOLLIN;
  event.data.fd = p->bell;
  epoll_ctl(p->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, p->bell, &event);
}


CURLMcode poller_wait (poller *p, long ms) {
  struct epoll_event events[MOST_EVENTS];
  long timeout = poller_timeout(p);
  CURLMcode code = CURLM_OK;
  int i, n;
  if (timeout >= 0 && timeout < ms)
    ms = timeout;
  if (ms > 0 && p->called)
    hang_bell(p, false);  /* whoever waits here is not called */
  n = epoll_wait(p->epoll, events, MOST_EVENTS, (int)ms);
  if (ms > 0 && p->called)
    hang_bell(p, true);
  for (i = 0; i < n && code == CURLM_OK; i++)
    if (events[i].data.fd != p->bell)
      code = act(p, &events[i]);
  return code == CURLM_OK ? run_timer(p) : code;
}


int poller_fd (const poller *p) {
  return p->epoll;
}


void poller_call (poller *p, bool on) {
  p->called = on;
  hang_bell(p, on);
}


long poller_timeout (const poller *p) {
  int64_t left;
  if (p->due < 0)
    return -1;
  left = p->due - now_ms();
  return left > 0 ? (long)left : 0;
}

#endif
