/*
** base/file_lock.h - exclusive locks on files, between processes.
**
** A lock of flock(2) belongs to the open file, not to the process: a forked
** child shares it, two descriptors of one process that were opened apart
** exclude each other, and the kernel releases it with the last descriptor, also
** when a process is killed. The caller owns the descriptor. Any thread may call
** these functions.
*/
#ifndef KLAVIYO_FILE_LOCK_H
#define KLAVIYO_FILE_LOCK_H

#include <stdbool.h>

/* Opens a file to lock it; with 'create', creates it if there is none. Only its
** owner may use a new file, under any umask. Returns a descriptor, or -1 and
** sets errno. */
int file_lock_open (const char *path, bool create);

/* Locks an open file. Waits for at most 'ms' milliseconds; 0: does not wait.
** Returns false and sets errno: EWOULDBLOCK if it is locked already. */
bool file_lock_take (int fd, long ms);

void file_lock_release (int fd);

#endif
