/*
** ratelimit/lease_file.c - the leases of buckets in the file of the shared
** limits.
*/
#include "ratelimit/lease_file.h"

#include <stdlib.h>
#include <string.h>

struct lease_file {
  uint64_t layout;
  int64_t leases[BUDGET_BUCKETS][RATE_LIMIT_RECORD / sizeof(int64_t)];
  lease_records records[BUDGET_BUCKETS];
  int64_t positions[2 * BUDGET_BUCKETS]; /* of the usages, then of the leases */
};


lease_file *lease_file_new (uint32_t layout) {
  lease_file *all = calloc(1, sizeof(*all));
  if (all != NULL)
    all->layout = layout;
  return all;
}


void lease_file_free (lease_file *all) {
  free(all);
}


static uint64_t lease_key (const lease_file *all, uint64_t key) {
  return key ^ UINT64_C(0x6c65617365) ^ all->layout << 40; /* "lease" */
}


lease_records *lease_file_read (lease_file *all, rate_limit_file *file,
                                const bucket *list, int n, int64_t now,
                                usage *usages, const int64_t *positions) {
  const char *why;
  int i;
  memset(all->leases, 0, sizeof(all->leases));
  memset(all->positions, 0, sizeof(all->positions));
  memcpy(all->positions, positions, (size_t)n * sizeof(positions[0]));
  for (i = 0; i < n; i++) {
    record_head *head = (record_head *)(void *)all->leases[i];
    all->positions[n + i] = rate_limit_file_read(
        file, lease_key(all, list[i].key), now, all->positions, n + i, head,
        sizeof(all->leases[i]), &why);
    all->records[i].usage = &usages[i];
    all->records[i].lease = head;
  }
  return all->records;
}


void lease_file_write (lease_file *all, rate_limit_file *file, int n) {
  const char *why;
  int i;
  for (i = 0; i < n; i++)
    if (all->positions[n + i] != 0)
      rate_limit_file_write(file, all->positions[n + i], all->records[i].lease,
                            sizeof(all->leases[i]), &why);
}
