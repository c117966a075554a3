/*
** base/file_lock.c - exclusive locks on files, by flock(2).
*/
#include "base/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"

#define OWNER_ONLY 0600 /* S_IRUSR | S_IWUSR */
#define YIELDS 50       /* before it sleeps between tries */
#define PAUSE_NS 100000L


int file_lock_open (const char *path, bool create) {
  int fd;
  if (!create)
    return open(path, O_RDWR | O_CLOEXEC);
  fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, OWNER_ONLY);
  if (fd >= 0)
    (void)fchmod(fd, OWNER_ONLY);
  else if (errno == EEXIST)
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, OWNER_ONLY);
  return fd;
}


/* flock(2) itself has no timeout, so a lock that is held is tried again. */
bool file_lock_take (int fd, long ms) {
  static const struct timespec pause = {0, PAUSE_NS};
  int64_t until = 0;
  int tries;
  for (tries = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
    if (errno == EINTR)
      continue;
    if (errno != EWOULDBLOCK || ms == 0)
      return false;
    if (tries < YIELDS) {
      sched_yield();
      continue;
    }
    if (until == 0)
      until = clock_deadline(ms);
    if (clock_left(until) == 0) {
      errno = EWOULDBLOCK;
      return false;
    }
    nanosleep(&pause, NULL);
  }
  return true;
}


void file_lock_release (int fd) {
  flock(fd, LOCK_UN);
}
