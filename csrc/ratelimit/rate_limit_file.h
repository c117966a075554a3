/*
** ratelimit/rate_limit_file.h - records by key, in a file that the processes of
** a machine share, or in the memory of this process.
**
** A budget owns its file. One thread at a time may use it: budget.c holds its
** lock.
*/
#ifndef KLAVIYO_RATE_LIMIT_FILE_H
#define KLAVIYO_RATE_LIMIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The size of a record. A record does not cross a page, so that a process that
** is killed while it writes has written all of it or nothing. */
#define RATE_LIMIT_RECORD 2048

typedef struct rate_limit_file rate_limit_file;

/* The start of each record. Times are in milliseconds. */
typedef struct record_head {
  uint64_t key;       /* 0: the record is free */
  int64_t used;       /* time of last use */
  int64_t busy_until; /* from then on it may be replaced */
} record_head;

/* Returns whether a time that another program may have written is possible. It
** is then far from those whose sums overflow. */
static inline bool record_time_is_valid (int64_t time) {
  return time >= 0 && time <= INT64_C(1) << 50;
}


/* Opens a file, or memory if 'path' is NULL. With 'group', the group of its
** directory may use the file. On failure returns NULL and sets '*why'. A file
** with other content is left unchanged. */
rate_limit_file *rate_limit_file_open (const char *path, bool group,
                                       const char **why);
void rate_limit_file_close (rate_limit_file *f);

/* Closes the file in a forked child: the parent's lock must not become the
** child's. */
void rate_limit_file_forked (rate_limit_file *f);

/* Returns the difference between the file's time and clock_uptime. */
int64_t rate_limit_file_offset (const rate_limit_file *f);

/* Locks the file. Returns false if another process holds the lock for more than
** 'ms' milliseconds ('*why' is NULL), or if the file cannot be used ('*why' is
** set). */
bool rate_limit_file_lock (rate_limit_file *f, long ms, const char **why);
void rate_limit_file_unlock (rate_limit_file *f);

/* Reads the record of a key without creating one: if there is none, it is all
** zeros. Returns false and sets '*why' if the file cannot be read. */
bool rate_limit_file_find (rate_limit_file *f, uint64_t key,
                           record_head *record, size_t size, const char **why);

/* Reads the record of a key. If there is none, creates one, which may replace a
** record that is not busy at 'now', but none at the 'kept' positions. Returns
** its position, or 0 and sets '*why'. */
int64_t rate_limit_file_read (rate_limit_file *f, uint64_t key, int64_t now,
                              const int64_t *kept, int n, record_head *record,
                              size_t size, const char **why);
bool rate_limit_file_write (rate_limit_file *f, int64_t position,
                            const record_head *record, size_t size,
                            const char **why);

#endif
