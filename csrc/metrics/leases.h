/*
** metrics/leases.h - counts what happens to limits that machines share through
** Redis. Any thread of any process may call these functions, and only if
** metrics_on.
*/
#ifndef KLAVIYO_METRICS_LEASES_H
#define KLAVIYO_METRICS_LEASES_H

#include <stdbool.h>
#include <stdint.h>

typedef enum lease_count {
  LEASES_SOURCES, /* that were opened */
  LEASES_REPLIED, /* exchanges with a reply in time */
  LEASES_TIMEOUT, /* exchanges without */
  LEASES_FAILED,  /* exchanges with an error, or whose connection was closed */
  LEASES_GRANTED, /* tokens */
  LEASES_RETURNED,
  LEASES_WAITS,   /* requests that had to wait for a reply */
  LEASES_WAIT_MS, /* how long */
  LEASES_AWAY_MS, /* time in which the host went on without Redis */
  LEASE_COUNTS
} lease_count;

typedef struct lease_totals {
  uint64_t counts[LEASE_COUNTS];
  bool is_used;   /* something was counted */
  bool is_away;   /* this host goes on without Redis */
  uint32_t hosts; /* that Redis saw lately; 0: not known */
} lease_totals;

void metrics_count_lease (lease_count what, uint64_t n);

/* Notes whether a process goes on without Redis: at each attempt to return to
** it, and when it returned. Processes that are away at the same time count
** once. One that does not try for five seconds has nothing to send, or its
** program computes: the time until its next attempt does not count. */
void metrics_note_away (bool is_away);

/* Notes how many hosts Redis saw. */
void metrics_note_hosts (uint32_t hosts);

void metrics_sum_leases (lease_totals *sum);

#endif
