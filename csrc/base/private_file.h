/*
** base/private_file.h - files that only their owner may read, replaced in one
** step.
**
** Any thread may call these functions, also for the same path: one of the files
** stays, whole. While a file is written, it has another name, which is its own
** and six more characters, and a lock. A process that is killed then leaves it
** behind without the lock.
*/
#ifndef KLAVIYO_PRIVATE_FILE_H
#define KLAVIYO_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Replaces a file, or creates it. A reader sees the old bytes or the new ones,
** also after a loss of power. Only the owner may read the file, under any
** umask. Returns false and sets errno; the old file then is as it was. */
bool private_file_write (const char *path, const void *bytes, size_t size);

/* Removes a file that a process left behind which was killed while it wrote.
** Returns false if there is none, or it is being written. */
bool private_file_remove_leftover (const char *path);

#endif
