/*
** http/completion_queue.c - where the ends of transfers arrive for one Lua
** state.
*/
#include "http/completion_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/refcount.h"
#include "http/completions.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

#define IDLE_TIMEOUT_MS 5000

/* The byte that is sent. */
#define NEWS "n"
#define LEAVE "l"

struct completion_queue {
  int references;
  pthread_mutex_t lock;
  pthread_cond_t told;
  completions arrived, drained; /* that come in; that were handed out */
  size_t load;
  bool armed;    /* the byte was sent */
  bool stopping; /* the reader was told to go */
  int64_t idle_timeout_ms, idle_since;
  int listener, name; /* the listening socket, and a handle on its file */
  int socket;         /* to the reader */
  struct completion_queue *next; /* among those that are open */
};

/* Those that are open. Their lock is taken before one of theirs. */
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static completion_queue *all = NULL;


static void shut (int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}


completion_queue *completion_queue_new (void) {
  pthread_condattr_t how;
  completion_queue *p = calloc(1, sizeof(*p));
  if (p == NULL)
    return NULL;
  p->references = 1;
  p->idle_timeout_ms = IDLE_TIMEOUT_MS;
  p->idle_since = clock_ms();
  p->listener = p->name = p->socket = -1;
  pthread_mutex_init(&p->lock, NULL);
  pthread_condattr_init(&how);
  pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
  pthread_cond_init(&p->told, &how);
  pthread_condattr_destroy(&how);
  pthread_mutex_lock(&all_lock);
  p->next = all;
  all = p;
  pthread_mutex_unlock(&all_lock);
  return p;
}


completion_queue *completion_queue_share (completion_queue *p) {
  refcount_up(&p->references);
  return p;
}


void completion_queue_release (completion_queue *p) {
  if (p == NULL || !refcount_down(&p->references))
    return;
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->told);
  completions_free(&p->arrived);
  completions_free(&p->drained);
  free(p);
}


void completion_queue_close (completion_queue *p) {
  completion_queue **at = &all;
  pthread_mutex_lock(&all_lock);
  while (*at != NULL && *at != p)
    at = &(*at)->next;
  if (*at != NULL) /* not one from before a fork */
    *at = p->next;
  pthread_mutex_unlock(&all_lock);
  completion_queue_disconnect(p);
  completion_queue_release(p);
}


int completion_queues_open (void) {
  const completion_queue *p;
  int count = 0;
  pthread_mutex_lock(&all_lock);
  for (p = all; p != NULL; p = p->next)
    count++;
  pthread_mutex_unlock(&all_lock);
  return count;
}


/* They leak: what they hold open is the parent's, too. */
void completion_queues_forget (void) {
  pthread_mutex_init(&all_lock, NULL);
  all = NULL;
}


/* {======================================================
** What arrives
** ======================================================= */

bool completion_queue_reserve (completion_queue *p) {
  bool room;
  pthread_mutex_lock(&p->lock);
  /* so that telling and draining cannot fail */
  room = completions_reserve(&p->arrived, p->load + 1 - p->arrived.count) &&
         completions_reserve(&p->drained, p->load + 1);
  if (room) {
    p->load++;
    p->stopping = false;
  }
  pthread_mutex_unlock(&p->lock);
  return room;
}


/* With the lock held. */
static void ring (completion_queue *p, const char *what) {
  if (p->armed)
    return;
  p->armed = true;
  if (p->socket >= 0)
    (void)!send(p->socket, what, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}


void completion_queue_push (completion_queue *p, long serial) {
  pthread_mutex_lock(&p->lock);
  completions_add(&p->arrived, serial);
  ring(p, NEWS);
  pthread_cond_signal(&p->told);
  pthread_mutex_unlock(&p->lock);
}


const long *completion_queue_drain (completion_queue *p, size_t *count) {
  completions other;
  pthread_mutex_lock(&p->lock);
  other = p->drained;
  p->drained = p->arrived;
  p->arrived = other;
  p->arrived.count = 0;
  p->armed = p->stopping = false;
  p->load -= p->drained.count;
  if (p->drained.count > 0)
    p->idle_since = clock_ms();
  *count = p->drained.count;
  pthread_mutex_unlock(&p->lock);
  return p->drained.serials;
}


size_t completion_queue_size (completion_queue *p) {
  size_t load;
  pthread_mutex_lock(&p->lock);
  load = p->load;
  pthread_mutex_unlock(&p->lock);
  return load;
}

/* }====================================================== */


/* {======================================================
** The reader
** ======================================================= */

/* A socket at a path that is gone when this returns: what is left of it is a
** handle, by which this process can still be connected to. */
static const char *open_listener (completion_queue *p, char *folder) {
  struct sockaddr_un address;
  const char *why = NULL;
  memset(&address, 0, sizeof(address));
  address.sun_family = AF_UNIX;
  if (mkdtemp(folder) == NULL)
    return strerror(errno);
  (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/engine",
                 folder);
  p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (p->listener < 0 ||
      bind(p->listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
      listen(p->listener, 8) != 0)
    why = strerror(errno);
  else {
    p->name = open(address.sun_path, O_PATH | O_CLOEXEC);
    if (p->name < 0)
      why = strerror(errno);
  }
  unlink(address.sun_path);
  rmdir(folder);
  return why;
}


static void close_listener (completion_queue *p) {
  shut(&p->listener);
  shut(&p->name);
}


bool completion_queue_listen (completion_queue *p,
                              char address[LISTENER_ADDRESS_SIZE],
                              const char **why) {
#if defined(O_PATH)
  /* a container may let nobody write to the first of them */
  static const char *const places[] = {"/tmp", "/dev/shm", "/var/tmp", "/run"};
  size_t i;
  completion_queue_disconnect(p);
  for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
    char folder[32];
    (void)snprintf(folder, sizeof(folder), "%s/klaviyo-XXXXXX", places[i]);
    *why = open_listener(p, folder);
    if (*why == NULL)
      break;
    close_listener(p);
  }
  if (*why != NULL)
    return false;
  (void)snprintf(address, LISTENER_ADDRESS_SIZE, "unix:/proc/self/fd/%d",
                 p->name);
  return true;
#else
  (void)p;
  (void)address;
  *why = "this system has no handles on files";
  return false;
#endif
}


/* Whoever else found the way in is not who we wait for. */
static bool is_us (int fd) {
#if defined(SO_PEERCRED)
  struct ucred peer;
  socklen_t size = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.pid == getpid();
#else
  (void)fd;
  return true;
#endif
}


const char *completion_queue_accept (completion_queue *p) {
  const char *why = NULL;
  int fd;
  do {
    fd = accept(p->listener, NULL, NULL);
    if (fd < 0)
      why = strerror(errno);
    else if (!is_us(fd))
      shut(&fd);
  } while (fd < 0 && why == NULL);
  close_listener(p);
  if (fd < 0)
    return why;
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  pthread_mutex_lock(&p->lock);
  p->socket = fd;
  p->armed = p->stopping = false;
  if (p->arrived.count > 0)
    ring(p, NEWS);
  p->idle_since = clock_ms();
  pthread_mutex_unlock(&p->lock);
  return NULL;
}


void completion_queue_disconnect (completion_queue *p) {
  close_listener(p);
  pthread_mutex_lock(&p->lock);
  shut(&p->socket);
  pthread_mutex_unlock(&p->lock);
}


void completion_queue_request_stop (completion_queue *p) {
  pthread_mutex_lock(&p->lock);
  p->armed = false;
  ring(p, LEAVE);
  pthread_mutex_unlock(&p->lock);
}


void completion_queue_wait (completion_queue *p, long ms) {
  struct timespec until;
  int code = 0;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += ms / 1000;
  until.tv_nsec += ms % 1000 * 1000000;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_nsec -= 1000000000L;
    until.tv_sec++;
  }
  pthread_mutex_lock(&p->lock);
  while (p->arrived.count == 0 && code == 0)
    code = pthread_cond_timedwait(&p->told, &p->lock, &until);
  pthread_mutex_unlock(&p->lock);
}


void completion_queue_set_idle_timeout (completion_queue *p, int64_t ms) {
  pthread_mutex_lock(&p->lock);
  p->idle_timeout_ms = ms;
  pthread_mutex_unlock(&p->lock);
}


static int64_t sweep_idle (completion_queue *p, int64_t now) {
  int64_t left = -1;
  pthread_mutex_lock(&p->lock);
  if (p->socket >= 0 && !p->stopping) {
    left = p->load > 0 ? p->idle_timeout_ms
                       : p->idle_since + p->idle_timeout_ms - now;
    if (p->load == 0 && left <= 0) {
      p->stopping = true;
      ring(p, LEAVE);
      left = -1;
    }
  }
  pthread_mutex_unlock(&p->lock);
  return left;
}


int64_t completion_queues_sweep_idle (int64_t now) {
  completion_queue *p;
  int64_t next = -1;
  pthread_mutex_lock(&all_lock);
  for (p = all; p != NULL; p = p->next) {
    int64_t left = sweep_idle(p, now);
    if (left >= 0 && (next < 0 || left < next))
      next = left;
  }
  pthread_mutex_unlock(&all_lock);
  return next;
}

/* }====================================================== */
