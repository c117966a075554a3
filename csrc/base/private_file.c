/*
** base/private_file.c - files that only their owner may read, replaced in one
** step.
*/
#include "base/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_lock.h"

#define PATTERN ".XXXXXX" /* of mkstemp */
#define MAX_TRIES 100


static bool write_all (int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, bytes, size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    bytes += n;
    size -= (size_t)n;
  }
  return fsync(fd) == 0;
}


/* Makes the new name of a file last. Some file systems cannot, and do not need
** to: the file itself is written. */
static void sync_folder (char *path) {
  char *slash = strrchr(path, '/');
  int fd;
  if (slash != NULL)
    slash[slash == path] = '\0';
  fd = open(slash != NULL ? path : ".", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    (void)fsync(fd);
    close(fd);
  }
}


static bool is_removed (int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && status.st_nlink == 0;
}


/* Locks a new file. Where files cannot be locked, it stays without a lock, and
** nothing removes it. Returns false if another process took it for a file that
** was left behind. */
static bool lock_new (int fd) {
  if (!file_lock_take(fd, 0) && errno == EWOULDBLOCK)
    return false;
  return !is_removed(fd);
}


/* Makes a file with a new name, for its owner only, and locks it. Returns its
** descriptor, or -1 and sets errno. */
static int open_new (char *new_path, size_t length) {
  int tries;
  for (tries = 0; tries < MAX_TRIES; tries++) {
    int fd;
    memcpy(new_path + length, PATTERN, sizeof(PATTERN));
    fd = mkstemp(new_path);
    if (fd < 0)
      return -1;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (lock_new(fd))
      return fd;
    close(fd);
  }
  errno = EAGAIN;
  return -1;
}


static bool replace (char *new_path, const char *path, const void *bytes,
                     size_t size) {
  int fd = open_new(new_path, strlen(path));
  bool ok;
  int error;
  if (fd < 0)
    return false;
  ok = write_all(fd, bytes, size) && rename(new_path, path) == 0;
  error = errno;
  if (!ok)
    (void)unlink(new_path);
  close(fd); /* the lock ends: the name of the new file is gone */
  if (ok)
    sync_folder(new_path);
  errno = error;
  return ok;
}


bool private_file_write (const char *path, const void *bytes, size_t size) {
  size_t room = strlen(path) + sizeof(PATTERN);
  char *new_path = malloc(room);
  bool ok;
  int error;
  if (new_path == NULL) {
    errno = ENOMEM;
    return false;
  }
  memcpy(new_path, path, room - sizeof(PATTERN));
  ok = replace(new_path, path, bytes, size);
  error = errno;
  free(new_path);
  errno = error;
  return ok;
}


bool private_file_remove_leftover (const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat opened, named;
  bool ok;
  if (fd < 0)
    return false;
  ok = fstat(fd, &opened) == 0 && S_ISREG(opened.st_mode) &&
       file_lock_take(fd, 0) && lstat(path, &named) == 0 &&
       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino &&
       unlink(path) == 0;
  close(fd);
  return ok;
}
