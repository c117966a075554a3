/*
** shared.h - memory that the processes of a machine share: a mapped file
** with a lock in it.
*/
#ifndef KLAVIYO_SHARED_H
#define KLAVIYO_SHARED_H

#include <stdbool.h>
#include <stddef.h>

typedef struct shared shared;

/* So many bytes, zero to begin with, in that file, or in this process's own
** memory where 'path' is NULL. Files for a 'group' are for that of their
** folder. On failure NULL, and '*why' says what is wrong. A file that holds
** anything else is left as it is. */
shared *shared_open (const char *path, bool group, size_t size,
                     const char **why);
void shared_close (shared *s);

/* The bytes, for this process alone; NULL when whoever has them does not
** give them back within 'ms'. '*died': a process that had them was killed
** in the middle of its work. */
void *shared_lock (shared *s, long ms, bool *died);
void shared_unlock (shared *s);

#endif
