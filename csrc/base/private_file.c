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
#include <unistd.h>

#define PATTERN ".XXXXXX" /* of mkstemp */


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


/* 'new_path' has the pattern of mkstemp, which makes the file for its owner
** only. */
static bool replace (char *new_path, const char *path, const void *bytes,
                     size_t size) {
  int fd = mkstemp(new_path);
  bool ok;
  int error;
  if (fd < 0)
    return false;
  (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
  ok = write_all(fd, bytes, size);
  error = errno;
  if (close(fd) != 0 && ok) {
    ok = false;
    error = errno;
  }
  if (ok && rename(new_path, path) == 0) {
    sync_folder(new_path);
    return true;
  }
  if (ok)
    error = errno;
  (void)unlink(new_path);
  errno = error;
  return false;
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
  (void)snprintf(new_path, room, "%s%s", path, PATTERN);
  ok = replace(new_path, path, bytes, size);
  error = errno;
  free(new_path);
  errno = error;
  return ok;
}
