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

/* A socket that stays in the set between requests. To remove it and to add it
** again would take two system calls for each request whose response takes time:
** 1 to 5 % of the processor time of a GET of 1 KB. */
typedef struct kept_socket {
  bool is_open;
  bool is_idle;    /* libcurl does not watch it */
  uint32_t events; /* in the set; 0: it is not in the set */
} kept_socket;

struct poller {
  CURLM *multi;
  kept_socket *kept; /* by descriptor */
  int kept_count;
  int epoll;
  int ready_fd;  /* always readable; in the set while signalled */
  int wakeup_fd; /* makes poller_wait return */
  bool signalled;
  int64_t due;                 /* libcurl's next timeout */
  int watched[POLLER_SOCKETS]; /* sockets that are not libcurl's */
  int watched_count;
  bool watched_ready;
};


static void remove_from_set (const poller *p, int fd) {
  struct epoll_event event;
  memset(&event, 0, sizeof(event));
  epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, &event);
}


/* Adds a socket to the set, or changes its events if it is in the set. */
static bool set_events (const poller *p, int fd, bool in_set, uint32_t events) {
  struct epoll_event event;
  memset(&event, 0, sizeof(event));
  event.data.fd = fd;
  event.events = events;
  if (epoll_ctl(p->epoll, in_set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) ==
      0)
    return true;
  /* the descriptor may have been closed and reused meanwhile */
  return epoll_ctl(p->epoll, errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
                   fd, &event) == 0;
}


/* Returns the kept socket with this descriptor; NULL: it is not kept. */
static kept_socket *find_kept (const poller *p, int fd) {
  return fd < p->kept_count && p->kept[fd].is_open ? &p->kept[fd] : NULL;
}


static int watch_kept (const poller *p, kept_socket *s, int fd,
                       uint32_t events) {
  s->is_idle = events == 0;
  if (s->is_idle || events == s->events)
    return 0;
  if (!set_events(p, fd, s->events != 0, events)) {
    s->events = 0;
    return -1;
  }
  s->events = events;
  return 0;
}


static int watch (CURL *easy, curl_socket_t fd, int what, void *self,
                  void *known) {
  poller *p = self;
  kept_socket *s = find_kept(p, fd);
  uint32_t events = 0;
  (void)easy;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
    events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
    events |= EPOLLOUT;
  if (s != NULL)
    return watch_kept(p, s, fd, events);
  if (what == CURL_POLL_REMOVE) {
    remove_from_set(p, fd);
    curl_multi_assign(p->multi, fd, NULL);
    return 0;
  }
  if (known == NULL)
    curl_multi_assign(p->multi, fd, p); /* any non-NULL value */
  return set_events(p, fd, known != NULL, events) ? 0 : -1;
}


/* Makes room for a descriptor. */
static bool reserve (poller *p, int fd) {
  int count = fd + 64;
  kept_socket *kept;
  if (fd < p->kept_count)
    return true;
  kept = realloc(p->kept, (size_t)count * sizeof(*kept));
  if (kept == NULL)
    return false;
  memset(kept + p->kept_count, 0,
         (size_t)(count - p->kept_count) * sizeof(*kept));
  p->kept = kept;
  p->kept_count = count;
  return true;
}


/* Without memory the socket is not kept. */
void poller_socket_opened (poller *p, int fd) {
  if (!reserve(p, fd))
    return;
  memset(&p->kept[fd], 0, sizeof(p->kept[fd]));
  p->kept[fd].is_open = p->kept[fd].is_idle = true;
}


/* The system would not remove a socket that a child process shares. */
void poller_socket_closing (poller *p, int fd) {
  kept_socket *s = find_kept(p, fd);
  if (s == NULL)
    return;
  if (s->events != 0)
    remove_from_set(p, fd);
  s->is_open = false;
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
  free(p->kept);
  close(p->epoll);
  close(p->ready_fd);
  close(p->wakeup_fd);
  free(p);
}


static CURLMcode socket_action (poller *p, curl_socket_t fd, int what) {
  int running;
  return curl_multi_socket_action(p->multi, fd, what, &running);
}


static bool is_watched (const poller *p, int fd) {
  int i;
  for (i = 0; i < p->watched_count; i++)
    if (p->watched[i] == fd)
      return true;
  return false;
}


bool poller_watch (poller *p, int fd, bool input, bool output) {
  bool known = is_watched(p, fd);
  uint32_t events = input ? EPOLLIN : 0;
  if (output)
    events |= EPOLLOUT;
  if (!known && p->watched_count == POLLER_SOCKETS)
    return false;
  if (!set_events(p, fd, known, events))
    return false;
  if (!known)
    p->watched[p->watched_count++] = fd;
  return true;
}


void poller_unwatch (poller *p, int fd) {
  int i;
  for (i = 0; i < p->watched_count; i++)
    if (p->watched[i] == fd) {
      remove_from_set(p, fd);
      p->watched[i] = p->watched[--p->watched_count];
    }
}


bool poller_take_ready (poller *p) {
  bool ready = p->watched_ready;
  p->watched_ready = false;
  return ready;
}


/* An idle socket has an event if the server closes the connection. This would
** repeat in each wait, so the socket leaves the set until libcurl uses it. */
static CURLMcode act (poller *p, const struct epoll_event *event) {
  kept_socket *s = find_kept(p, event->data.fd);
  int what = 0;
  if (s != NULL && s->is_idle) {
    remove_from_set(p, event->data.fd);
    s->events = 0;
    return CURLM_OK;
  }
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
  if (event->data.fd != p->wakeup_fd && is_watched(p, event->data.fd)) {
    p->watched_ready = true;
    return CURLM_OK;
  }
  if (event->data.fd != p->wakeup_fd)
    return act(p, event);
  (void)!read(p->wakeup_fd, &times, sizeof(times));
  return CURLM_OK;
}


CURLMcode poller_wait (poller *p, long ms, time_slice *slice) {
  struct epoll_event events[MAX_EVENTS];
  long timeout = poller_timeout(p);
  CURLMcode code = CURLM_OK;
  int i, n;
  if (timeout >= 0 && timeout < ms)
    ms = timeout;
  if (ms > 0 && p->signalled)
    set_watched(p, p->ready_fd, false); /* the waiting caller needs no signal */
  time_slice_begin_wait(slice);
  n = epoll_wait(p->epoll, events, MAX_EVENTS, (int)ms);
  time_slice_end_wait(slice);
  if (ms > 0 && p->signalled)
    set_watched(p, p->ready_fd, true);
  for (i = 0; i < n && code == CURLM_OK; i++) {
    code = handle(p, &events[i]);
    time_slice_check(slice);
  }
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
