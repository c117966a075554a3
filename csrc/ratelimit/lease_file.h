/*
** ratelimit/lease_file.h - the leases of buckets: records of a source of
** leases, beside the usages in the file of the shared limits.
**
** A budget owns its lease_file, and uses it while its file is locked.
*/
#ifndef KLAVIYO_LEASE_FILE_H
#define KLAVIYO_LEASE_FILE_H

#include "ratelimit/lease_source.h"

typedef struct lease_file lease_file;

/* Processes whose leases have another layout have their own. Returns NULL
** without memory. */
lease_file *lease_file_new (uint32_t layout);
void lease_file_free (lease_file *all);

/* Reads the leases of 'n' buckets, whose usages were read from these positions.
** What cannot be read is as if it was new. The records are valid until the next
** call. */
lease_records *lease_file_read (lease_file *all, rate_limit_file *file,
                                const bucket *list, int n, int64_t now,
                                usage *usages, const int64_t *positions);

/* Writes them. A lease that cannot be written is one that was not received. */
void lease_file_write (lease_file *all, rate_limit_file *file, int n);

#endif
