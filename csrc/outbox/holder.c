/*
** outbox/holder.c - which process holds a slot.
*/
#include "outbox/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>


/* Reads a line of /proc/locks, such as
** "1: FLOCK  ADVISORY  WRITE 1234 08:01:131 0 EOF". Returns the id of the
** process that has the lock of this file, or 0. */
static long read_line (const char *line, uint64_t inode) {
  const char *kind = strchr(line, ' ');
  const char *mode = kind != NULL ? strstr(kind, "WRITE ") : NULL;
  const char *colon = strrchr(line, ':');
  char *end;
  long pid;
  if (mode == NULL || colon == NULL || strncmp(kind, " FLOCK ", 7) != 0)
    return 0;
  pid = strtol(mode + 6, &end, 10);
  return end < colon && strtoull(colon + 1, NULL, 10) == inode ? pid : 0;
}


static long find_pid (const struct stat *about) {
  FILE *file = fopen("/proc/locks", "re");
  char line[256];
  long found = 0;
  if (file == NULL)
    return 0;
  while (found <= 0 && fgets(line, sizeof(line), file) != NULL)
    found = read_line(line, about->st_ino);
  (void)fclose(file);
  return found > 0 ? found : 0;
}


/* A shared lock that is taken for a moment tells whether another process has
** one. A process that wants the slot at that moment takes the next one. */
bool slot_holder (const char *path, long *pid) {
  struct stat about;
  bool held;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  *pid = 0;
  if (fd < 0)
    return false;
  held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (held && fstat(fd, &about) == 0)
    *pid = find_pid(&about);
  close(fd);
  return held;
}
