/*
** http/poller_epoll.c - waits for libcurl's sockets on Linux. Another event
** loop may watch the descriptor of the epoll set.
*/
#include "http/poller.h"

#if defined(__linux__) && !defined(KLAVIYO_PORTABLE)

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

#define MAX_EVENTS 64

struct poller {
  CURLM *multi;
  int epoll;
  int ready_fd;  /* always readable; in the set while signalled */
  int wakeup_fd; /* makes poller_wait return */
  bool signalled;
  int64_t due; /* libcurl's next timeout */
};


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
    curl_multi_assign(p->multi, fd, p); /* any non-NULL value */
  if (epoll_ctl(p->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd,
                &event) == 0)
    return 0;
  /* the descriptor may have been closed and reused meanwhile */
  return epoll_ctl(p->epoll, errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                   fd, &event) == 0
             ? 0
             : -1;
}


static int set_timer (CURLM *multi, long ms, void *self) {
  poller *p = self;
  (void)multi;
  p->due = ms < 0 ? CLOCK_NEVER : clock_deadline(ms);
  return 0;
}


static void set_watched (poller *p, int fd, bool on) {
  struct epoll_event event;
  memset(&event, 0, sizeof(event));
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(p->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event);
}


poller *poller_new (CURLM *multi) {
  poller *p = calloc(1, sizeof(*p));
  if (p == NULL)
    return NULL;
  p->multi = multi;
  p->due = CLOCK_NEVER;
  p->epoll = epoll_create1(EPOLL_CLOEXEC);
  p->ready_fd = eventfd(1, EFD_CLOEXEC);
  p->wakeup_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (p->epoll < 0 || p->ready_fd < 0 || p->wakeup_fd < 0) {
    close(p->epoll);
    close(p->ready_fd);
    close(p->wakeup_fd);
    free(p);
    return NULL;
  }
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, p);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, p);
  set_watched(p, p->wakeup_fd, true);
  return p;
}


void poller_free (poller *p) {
  close(p->epoll);
  close(p->ready_fd);
  close(p->wakeup_fd);
  free(p);
}


static CURLMcode socket_action (poller *p, curl_socket_t fd, int what) {
  int running;
  return curl_multi_socket_action(p->multi, fd, what, &running);
}


static CURLMcode act (poller *p, const struct epoll_event *event) {
  int what = 0;
  if (event->events & EPOLLIN)
    what |= CURL_CSELECT_IN;
  if (event->events & EPOLLOUT)
    what |= CURL_CSELECT_OUT;
  if (event->events & (EPOLLERR | EPOLLHUP))
    what |= CURL_CSELECT_ERR;
  return socket_action(p, event->data.fd, what);
}


/* libcurl starts new transfers in its timeout handler, due at once. */
CURLMcode poller_start (poller *p) {
  if (clock_left(p->due) > 0)
    return CURLM_OK;
  p->due = CLOCK_NEVER; /* libcurl sets it again in the call below */
  return socket_action(p, CURL_SOCKET_TIMEOUT, 0);
}


static CURLMcode handle (poller *p, const struct epoll_event *event) {
  uint64_t times;
  if (event->data.fd == p->ready_fd)
    return CURLM_OK;
  if (event->data.fd != p->wakeup_fd)
    return act(p, event);
  (void)!read(p->wakeup_fd, &times, sizeof(times));
  return CURLM_OK;
}


CURLMcode poller_wait (poller *p, long ms) {
  struct epoll_event events[MAX_EVENTS];
  long timeout = poller_timeout(p);
  CURLMcode code = CURLM_OK;
  int i, n;
  if (timeout >= 0 && timeout < ms)
    ms = timeout;
  if (ms > 0 && p->signalled)
    set_watched(p, p->ready_fd, false); /* the waiting caller needs no signal */
  n = epoll_wait(p->epoll, events, MAX_EVENTS, (int)ms);
  if (ms > 0 && p->signalled)
    set_watched(p, p->ready_fd, true);
  for (i = 0; i < n && code == CURLM_OK; i++)
    code = handle(p, &events[i]);
  return code == CURLM_OK ? poller_start(p) : code;
}


void poller_wake (poller *p) {
  static const uint64_t once = 1;
  (void)!write(p->wakeup_fd, &once, sizeof(once));
}


int poller_fd (const poller *p) {
  return p->epoll;
}


void poller_signal (poller *p, bool on) {
  p->signalled = on;
  set_watched(p, p->ready_fd, on);
}


long poller_timeout (const poller *p) {
  return clock_timeout(p->due);
}

#endif
