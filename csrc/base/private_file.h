/*
** base/private_file.h - files that only their owner may read, replaced in one
** step.
**
** Any thread may call this function, also for the same path: one of the files
** stays, whole.
*/
#ifndef KLAVIYO_PRIVATE_FILE_H
#define KLAVIYO_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Replaces a file, or creates it. A reader sees the old bytes or the new ones,
** also after a loss of power. Only the owner may read the file, under any
** umask. Returns false and sets errno; the old file then is as it was. */
bool private_file_write (const char *path, const void *bytes, size_t size);

#endif
