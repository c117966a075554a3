/*
** http/completion_queue.c - the completed transfers of one Lua state.
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
#include <unistd.h>

#include "base/clock.h"
#include "base/refcount.h"
#include "http/completions.h"
#include "http/socket.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* A process can open its own descriptors by path, so that no file is needed.
** FreeBSD has O_PATH, but not these paths. */
#if defined(O_PATH) && defined(__linux__) && !defined(KLAVIYO_PORTABLE)
#define HAS_PATH_FD 1
#else
#define HAS_PATH_FD 0
#endif

#define IDLE_TIMEOUT_MS 5000

/* The bytes that are sent to the listener. */
#define BYTE_COMPLETED "n"
#define BYTE_STOP "l"

struct completion_queue {
  int references;
  pthread_mutex_t lock;
  completions completed;
  size_t outstanding; /* reserved and not taken */
  bool notified;      /* a byte was sent that was not acknowledged */
  bool stopping;      /* the listener was asked to stop */
  int64_t idle_timeout_ms, idle_since;
  int listener, path_fd; /* the listening socket; an O_PATH descriptor */
  char directory[32];    /* of the socket's file; empty: no file is left */
  int socket;            /* the connection to the listener */
  struct completion_queue *next; /* in the list of open queues */
};

/* The open queues. Lock order: this lock, then the lock of a queue. */
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static completion_queue *all = NULL;


static void close_fd (int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}


completion_queue *completion_queue_new (void) {
  completion_queue *q = calloc(1, sizeof(*q));
  if (q == NULL)
    return NULL;
  q->references = 1;
  q->idle_timeout_ms = IDLE_TIMEOUT_MS;
  q->idle_since = clock_ms();
  q->listener = q->path_fd = q->socket = -1;
  pthread_mutex_init(&q->lock, NULL);
  pthread_mutex_lock(&all_lock);
  q->next = all;
  all = q;
  pthread_mutex_unlock(&all_lock);
  return q;
}


completion_queue *completion_queue_share (completion_queue *q) {
  refcount_up(&q->references);
  return q;
}


void completion_queue_release (completion_queue *q) {
  if (q == NULL || !refcount_down(&q->references))
    return;
  pthread_mutex_destroy(&q->lock);
  completions_free(&q->completed);
  free(q);
}


void completion_queue_close (completion_queue *q) {
  completion_queue **at = &all;
  pthread_mutex_lock(&all_lock);
  while (*at != NULL && *at != q)
    at = &(*at)->next;
  if (*at != NULL) /* a queue from before a fork is not listed */
    *at = q->next;
  pthread_mutex_unlock(&all_lock);
  completion_queue_disconnect(q);
  completion_queue_release(q);
}


int completion_queues_open (void) {
  const completion_queue *q;
  int count = 0;
  pthread_mutex_lock(&all_lock);
  for (q = all; q != NULL; q = q->next)
    count++;
  pthread_mutex_unlock(&all_lock);
  return count;
}


/* The queues are leaked: the parent process still uses their descriptors. */
void completion_queues_reset_after_fork (void) {
  pthread_mutex_init(&all_lock, NULL);
  all = NULL;
}


/* {======================================================
** Completed transfers
** ======================================================= */

bool completion_queue_reserve (completion_queue *q) {
  bool room;
  pthread_mutex_lock(&q->lock);
  /* with this memory, push cannot fail */
  room = completions_reserve(
      &q->completed, q->outstanding + 1 - completions_left(&q->completed));
  if (room) {
    q->outstanding++;
    q->stopping = false;
  }
  pthread_mutex_unlock(&q->lock);
  return room;
}


/* Sends a byte to the listener. The caller holds the lock. */
static void notify (completion_queue *q, const char *what) {
  if (q->notified)
    return;
  q->notified = true;
  if (q->socket >= 0)
    (void)!send(q->socket, what, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}


void completion_queue_push (completion_queue *q, long serial) {
  pthread_mutex_lock(&q->lock);
  completions_add(&q->completed, serial);
  notify(q, BYTE_COMPLETED);
  pthread_mutex_unlock(&q->lock);
}


bool completion_queue_take (completion_queue *q, long *serial, bool *more) {
  bool found;
  pthread_mutex_lock(&q->lock);
  found = completions_take_one(&q->completed, serial);
  if (found) {
    q->outstanding--;
    q->idle_since = clock_ms();
  }
  *more = completions_left(&q->completed) > 0;
  if (*more)
    notify(q, BYTE_COMPLETED);
  pthread_mutex_unlock(&q->lock);
  return found;
}


void completion_queue_acknowledge (completion_queue *q) {
  pthread_mutex_lock(&q->lock);
  q->notified = q->stopping = false;
  pthread_mutex_unlock(&q->lock);
}


size_t completion_queue_size (completion_queue *q) {
  size_t outstanding;
  pthread_mutex_lock(&q->lock);
  outstanding = q->outstanding;
  pthread_mutex_unlock(&q->lock);
  return outstanding;
}

/* }====================================================== */


/* {======================================================
** The listener
** ======================================================= */

static void write_path (const completion_queue *q, char *path, size_t size) {
  (void)snprintf(path, size, "%s/engine", q->directory);
}


static void remove_file (completion_queue *q) {
  char path[LISTENER_ADDRESS_SIZE];
  if (q->directory[0] == '\0')
    return;
  write_path(q, path, sizeof(path));
  unlink(path);
  rmdir(q->directory);
  q->directory[0] = '\0';
}


static void close_listener (completion_queue *q) {
  close_fd(&q->listener);
  close_fd(&q->path_fd);
  remove_file(q);
}


/* Writes the address of the listening socket, whose file is at 'path'. */
static bool set_address (completion_queue *q, const char *path, char *address) {
#if HAS_PATH_FD
  q->path_fd = open(path, O_PATH | O_CLOEXEC);
  (void)snprintf(address, LISTENER_ADDRESS_SIZE, "unix:/proc/self/fd/%d",
                 q->path_fd);
  if (q->path_fd >= 0)
    remove_file(q);
  return q->path_fd >= 0;
#else
  (void)path;
  (void)snprintf(address, LISTENER_ADDRESS_SIZE, "unix:%s/engine",
                 q->directory);
  return true;
#endif
}


/* Binds the listening socket in a new directory, which belongs to this user
** alone. */
static const char *bind_listener (completion_queue *q, const char *parent,
                                  char *address) {
  struct sockaddr_un name;
  memset(&name, 0, sizeof(name));
  name.sun_family = AF_UNIX;
  (void)snprintf(q->directory, sizeof(q->directory), "%s/klaviyo-XXXXXX",
                 parent);
  if (mkdtemp(q->directory) == NULL) {
    q->directory[0] = '\0';
    return strerror(errno);
  }
  write_path(q, name.sun_path, sizeof(name.sun_path));
  q->listener = socket_open(AF_UNIX, SOCK_STREAM, 0);
  if (q->listener < 0 || fcntl(q->listener, F_SETFL, O_NONBLOCK) != 0 ||
      bind(q->listener, (struct sockaddr *)&name, sizeof(name)) != 0 ||
      listen(q->listener, 8) != 0 || !set_address(q, name.sun_path, address))
    return strerror(errno);
  return NULL;
}


bool completion_queue_listen (completion_queue *q,
                              char address[LISTENER_ADDRESS_SIZE],
                              const char **why) {
  /* in a container, /tmp may be read-only */
  static const char *const parents[] = {"/tmp", "/dev/shm", "/var/tmp", "/run"};
  size_t i;
  completion_queue_disconnect(q);
  for (i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
    *why = bind_listener(q, parents[i], address);
    if (*why == NULL)
      return true;
    close_listener(q);
  }
  return false;
}


/* Another process may have connected; its connection is rejected. */
static bool is_own_process (int fd) {
#if defined(SO_PEERCRED)
  struct ucred peer;
  socklen_t size = sizeof(peer);
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.pid == getpid();
#elif defined(LOCAL_PEERPID)
  pid_t peer;
  socklen_t size = sizeof(peer);
  return getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &peer, &size) == 0 &&
         peer == getpid();
#else
  (void)fd;
  return true;
#endif
}


const char *completion_queue_accept (completion_queue *q) {
  const char *why = NULL;
  int fd;
  do {
    fd = accept(q->listener, NULL, NULL);
    if (fd < 0)
      why = strerror(errno);
    else if (!is_own_process(fd))
      close_fd(&fd);
  } while (fd < 0 && why == NULL);
  close_listener(q);
  if (fd < 0)
    return why;
  socket_set_options(fd);
  pthread_mutex_lock(&q->lock);
  q->socket = fd;
  q->notified = q->stopping = false;
  if (completions_left(&q->completed) > 0)
    notify(q, BYTE_COMPLETED);
  q->idle_since = clock_ms();
  pthread_mutex_unlock(&q->lock);
  return NULL;
}


void completion_queue_disconnect (completion_queue *q) {
  close_listener(q);
  pthread_mutex_lock(&q->lock);
  close_fd(&q->socket);
  pthread_mutex_unlock(&q->lock);
}


void completion_queue_request_stop (completion_queue *q) {
  pthread_mutex_lock(&q->lock);
  q->notified = false;
  notify(q, BYTE_STOP);
  pthread_mutex_unlock(&q->lock);
}


void completion_queue_set_idle_timeout (completion_queue *q, int64_t ms) {
  pthread_mutex_lock(&q->lock);
  q->idle_timeout_ms = ms;
  pthread_mutex_unlock(&q->lock);
}


static int64_t sweep_idle (completion_queue *q, int64_t now) {
  int64_t left = -1;
  pthread_mutex_lock(&q->lock);
  if (q->socket >= 0 && !q->stopping) {
    left = q->outstanding > 0 ? q->idle_timeout_ms
                              : q->idle_since + q->idle_timeout_ms - now;
    if (q->outstanding == 0 && left <= 0) {
      q->stopping = true;
      notify(q, BYTE_STOP);
      left = -1;
    }
  }
  pthread_mutex_unlock(&q->lock);
  return left;
}


int64_t completion_queues_sweep_idle (int64_t now) {
  completion_queue *q;
  int64_t next = -1;
  pthread_mutex_lock(&all_lock);
  for (q = all; q != NULL; q = q->next) {
    int64_t left = sweep_idle(q, now);
    if (left >= 0 && (next < 0 || left < next))
      next = left;
  }
  pthread_mutex_unlock(&all_lock);
  return next;
}

/* }====================================================== */
