/*
** ratelimit/rate_limit_file.h - records by key, in a file that the processes
** of a machine share, or in this process's own memory.
**
** One thread at a time uses one of these.
*/
#ifndef KLAVIYO_RATE_LIMIT_FILE_H
#define KLAVIYO_RATE_LIMIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes that a record may have. A record does not cross a page, so that
** a process that is killed while it writes one has written it or not. */
#define RATE_LIMIT_RECORD 2048

typedef struct rate_limit_file rate_limit_file;

/* What each record begins with. Times are milliseconds. */
typedef struct record_head {
  uint64_t key;       /* never 0: nothing is stored here */
  int64_t used;       /* when last */
  int64_t busy_until; /* from then on it may make free_offset for another */
} record_head;

/* Opens the file of that path, or memory if 'path' is NULL. The group of its
** folder may use a 'group' file. On failure NULL, and '*why' says what is
** wrong. A file that holds anything else is left as it is. */
rate_limit_file *rate_limit_file_open (const char *path, bool group,
                                       const char **why);
void rate_limit_file_close (rate_limit_file *f);

/* In the child of a fork: the parent's lock must not become the child's. */
void rate_limit_file_forked (rate_limit_file *f);

/* What to add to rate_limit_uptime to get the file's time. */
int64_t rate_limit_file_offset (const rate_limit_file *f);

/* Locks it for this thread. False if another process does not unlock it
** within 'ms', or, with '*why', if the file cannot be had. */
bool rate_limit_file_lock (rate_limit_file *f, long ms, const char **why);
void rate_limit_file_unlock (rate_limit_file *f);

/* Reads the record of a key, a new one where there is none, which takes the
** position of one that is not busy at 'now' but not of one at the 'kept' positions.
** Returns its position, or 0 with '*why'. */
int64_t rate_limit_file_read (rate_limit_file *f, uint64_t key, int64_t now,
                              const int64_t *kept, int n, record_head *record,
                              size_t size, const char **why);
bool rate_limit_file_write (rate_limit_file *f, int64_t position,
                            const record_head *record, size_t size,
                            const char **why);

/* Milliseconds since the machine was started: nobody sets this clock. */
int64_t rate_limit_uptime (void);

#endif
