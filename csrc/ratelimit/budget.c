/*
** ratelimit/budget.c - how many requests an account may still make.
**
** A count is dropped when it has left its window, never before: the file grows
** rather than one record replacing another that is in use. Its clock is not the
** wall clock, which may be set (see rate_limit_file.c). If the clock goes back
** all the same, the counts keep their age.
*/
#include "ratelimit/budget.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/refcount.h"
#include "ratelimit/lease_file.h"

#define MAX_LOCK_WAIT_MS 100L /* for a lock whose holder does not run */
#define DISTRUST_MS 2000      /* how long it is not waited for again */

/* Does not compile if the layout of a usage is not that of the file's format,
** for 32 and for 64 bits, or is too large. */
typedef char usage_fits
    [sizeof(usage) == USAGE_SIZE && USAGE_SIZE <= RATE_LIMIT_RECORD ? 1 : -1];

struct budget {
  int references;
  rate_limit_file *shared;  /* shared by processes; NULL: not wanted */
  rate_limit_file *own;     /* used while 'shared' fails */
  rate_limit_file *locked;  /* the one that is locked */
  int64_t distrusted_until; /* in clock_uptime time */
  int64_t broken_until;
  const char *problem;           /* the first failure */
  usage entries[BUDGET_BUCKETS]; /* as read */
  int64_t positions[BUDGET_BUCKETS];
  bool repaired;        /* the entries were repaired: write them */
  lease_source *source; /* NULL: the limits are not shared */
  lease_file *leases;
  budget *next, **at; /* in the list of all budgets */
};

/* Protects all budgets; it is held for microseconds. A fork waits for it, so
** that the child finds consistent data. */
static pthread_mutex_t budgets_lock = PTHREAD_MUTEX_INITIALIZER;
static budget *budgets = NULL;
static int problems = 0;


static void before_fork (void) {
  pthread_mutex_lock(&budgets_lock);
}


static void after_fork (void) {
  pthread_mutex_unlock(&budgets_lock);
}


static void in_child (void) {
  budget *b;
  for (b = budgets; b != NULL; b = b->next)
    rate_limit_file_forked(b->shared);
  pthread_mutex_unlock(&budgets_lock);
}


static void watch_forks (void) {
  pthread_atfork(before_fork, after_fork, in_child);
}


int64_t budget_now (const budget *b) {
  int64_t now = clock_uptime();
  return b != NULL && b->shared != NULL
             ? now + rate_limit_file_offset(b->shared)
             : now;
}


budget *budget_open (const char *path, bool group, const char **why) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  budget *b = calloc(1, sizeof(*b));
  pthread_once(&once, watch_forks);
  *why = "not enough memory";
  if (b == NULL)
    return NULL;
  b->references = 1;
  if (path != NULL)
    b->shared = rate_limit_file_open(path, group, why);
  else
    b->own = rate_limit_file_open(NULL, false, why);
  if (b->shared == NULL && b->own == NULL) {
    free(b);
    return NULL;
  }
  pthread_mutex_lock(&budgets_lock);
  b->next = budgets;
  b->at = &budgets;
  if (budgets != NULL)
    budgets->at = &b->next;
  budgets = b;
  pthread_mutex_unlock(&budgets_lock);
  return b;
}


budget *budget_share (budget *b) {
  refcount_up(&b->references);
  return b;
}


void budget_release (budget *b) {
  if (b == NULL || !refcount_down(&b->references))
    return;
  pthread_mutex_lock(&budgets_lock);
  *b->at = b->next;
  if (b->next != NULL)
    b->next->at = b->at;
  pthread_mutex_unlock(&budgets_lock);
  rate_limit_file_close(b->shared);
  rate_limit_file_close(b->own);
  lease_file_free(b->leases);
  free(b);
}


int budget_problems (void) {
  return __atomic_load_n(&problems, __ATOMIC_ACQUIRE);
}


void budget_count_problem (void) {
  __atomic_add_fetch(&problems, 1, __ATOMIC_ACQ_REL);
}


const char *budget_problem (const budget *b) {
  return __atomic_load_n(&b->problem, __ATOMIC_ACQUIRE);
}


/* {======================================================
** The entries of a request
** ======================================================= */

static bool read_entries (budget *b, rate_limit_file *from, long lock_ms,
                          const bucket *list, int n, int64_t now,
                          const char **why) {
  int i;
  if (!rate_limit_file_lock(from, lock_ms, why))
    return false;
  b->repaired = false;
  for (i = 0; i < n; i++) {
    b->positions[i] =
        rate_limit_file_read(from, list[i].key, now, b->positions, i,
                             &b->entries[i].head, sizeof(b->entries[i]), why);
    if (b->positions[i] == 0) {
      rate_limit_file_unlock(from);
      return false;
    }
    b->repaired = usage_check(&b->entries[i], now) || b->repaired;
  }
  b->locked = from;
  return true;
}


/* The file is tried again later; meanwhile this process counts on its own. */
static void note_problem (budget *b, const char *why) {
  b->broken_until = clock_uptime() + DISTRUST_MS;
  if (b->problem == NULL) {
    __atomic_store_n(&b->problem, why, __ATOMIC_RELEASE);
    budget_count_problem();
  }
}


static bool read_shared (budget *b, const bucket *list, int n, int64_t now) {
  int64_t uptime = clock_uptime();
  bool distrusted = uptime < b->distrusted_until;
  const char *why;
  if (b->shared == NULL || uptime < b->broken_until)
    return false;
  if (read_entries(b, b->shared, distrusted ? 0 : MAX_LOCK_WAIT_MS, list, n,
                   now, &why))
    return true;
  if (why != NULL)
    note_problem(b, why);
  else if (!distrusted)
    b->distrusted_until = clock_uptime() + DISTRUST_MS;
  return false;
}


static rate_limit_file *open_own (budget *b) {
  const char *why;
  if (b->own == NULL)
    b->own = rate_limit_file_open(NULL, false, &why);
  return b->own;
}


/* Locks and reads the entries of the buckets: from the shared file, or from
** this process's own memory if another process holds the lock for too long or
** the file cannot be used. Returns false if there is not enough memory. */
static bool lock (budget *b, const bucket *list, int n, int64_t now) {
  const char *why;
  pthread_mutex_lock(&budgets_lock);
  if (n <= BUDGET_BUCKETS &&
      (read_shared(b, list, n, now) ||
       (open_own(b) != NULL && read_entries(b, b->own, 0, list, n, now, &why))))
    return true;
  pthread_mutex_unlock(&budgets_lock);
  return false;
}


static void unlock (budget *b) {
  rate_limit_file_unlock(b->locked);
  pthread_mutex_unlock(&budgets_lock);
}


static bool write_entries (budget *b, rate_limit_file *to, int n,
                           const char **why) {
  int i;
  for (i = 0; i < n; i++)
    if (!rate_limit_file_write(to, b->positions[i], &b->entries[i].head,
                               sizeof(b->entries[i]), why))
      return false;
  return true;
}


/* Keeps in memory what cannot be written to the file. */
static void write_own (budget *b, int n) {
  const char *why;
  usage other;
  int i;
  for (i = 0; open_own(b) != NULL && i < n; i++) {
    const usage *e = &b->entries[i];
    int64_t position =
        rate_limit_file_read(b->own, e->head.key, e->head.used, NULL, 0,
                             &other.head, sizeof(other), &why);
    if (position != 0)
      rate_limit_file_write(b->own, position, &e->head, sizeof(*e), &why);
  }
}


static void save (budget *b, int n) {
  const char *why;
  if (!write_entries(b, b->locked, n, &why) && b->locked == b->shared) {
    note_problem(b, why);
    write_own(b, n);
  }
  unlock(b);
}


/* Unlocks if nothing was changed, but saves entries that were repaired. */
static void save_if_repaired (budget *b, int n) {
  if (b->repaired)
    save(b, n);
  else
    unlock(b);
}

/* }====================================================== */


/* {======================================================
** Leases
** ======================================================= */

lease_source *budget_source (const budget *b) {
  return b->source;
}


bool budget_set_source (budget *b, lease_source *source,
                        const lease_core *core) {
  b->leases = lease_file_new(source->layout);
  if (b->leases == NULL)
    return false;
  b->source = source;
  source->attach(source, core);
  return true;
}


/* Reads the leases of the entries, which are locked. */
static lease_records *read_leases (budget *b, const bucket *list, int n,
                                   int64_t now) {
  return lease_file_read(b->leases, b->locked, list, n, now, b->entries,
                         b->positions);
}


static void write_leases (budget *b, int n) {
  lease_file_write(b->leases, b->locked, n);
}


static int64_t take_leased (budget *b, const bucket *list, int n, int64_t now) {
  lease_records *records = read_leases(b, list, n, now);
  int64_t wait = b->source->take(b->source, b, list, records, n, now);
  write_leases(b, n);
  return wait;
}


bool budget_visit (budget *b, const bucket *one, lease_visitor *visitor,
                   void *arg) {
  int64_t now = budget_now(b);
  if (!lock(b, one, 1, now))
    return false;
  visitor(arg, one, read_leases(b, one, 1, now), now);
  write_leases(b, 1);
  save(b, 1);
  return true;
}

/* }====================================================== */


int64_t budget_take (budget *b, const bucket *list, int n, int64_t now) {
  int64_t wait = 0;
  int i;
  if (n == 0 || !lock(b, list, n, now))
    return 0; /* a 429 is better than blocking */
  if (b->source != NULL)
    wait = take_leased(b, list, n, now);
  for (i = 0; i < n && b->source == NULL; i++) {
    int64_t one = usage_wait(&b->entries[i], &list[i], now);
    if (one > wait)
      wait = one;
  }
  if (wait > 0) {
    save_if_repaired(b, n);
    return wait;
  }
  for (i = 0; i < n; i++)
    usage_add(&b->entries[i], &list[i], now);
  save(b, n);
  return 0;
}


void budget_renew (budget *b, const bucket *list, int n, int64_t then,
                   int64_t now) {
  int i;
  lease_records *records;
  if (n == 0 || !lock(b, list, n, now))
    return;
  for (i = 0; i < n; i++)
    usage_move(&b->entries[i], &list[i], then, now);
  if (b->source != NULL) {
    records = read_leases(b, list, n, now);
    for (i = 0; i < n; i++)
      b->source->move(b->source, b, &list[i], &records[i], then, now);
    write_leases(b, n);
  }
  save(b, n);
}


void budget_block (budget *b, const bucket *one, int64_t now, int64_t ms) {
  if (!lock(b, one, 1, now))
    return;
  usage_block(&b->entries[0], now, ms);
  if (b->source != NULL) {
    b->source->block(b->source, b, one, read_leases(b, one, 1, now), ms, now);
    write_leases(b, 1);
  }
  save(b, 1);
}


static bool has_limits (const bucket *b, const rate_limit *limit) {
  int i;
  for (i = 0; i < limit->windows; i++)
    if ((long)b->limit[usage_window(limit->window[i].seconds)] !=
        limit->window[i].limit)
      return false;
  return limit->windows > 0;
}


/* A response describes one bucket only, the tightest: returns the one with
** these limits. If there is one bucket alone, the response may change its
** limits. */
static const bucket *described_bucket (const bucket *list, int n,
                                       const rate_limit *limit) {
  const bucket *only = NULL;
  int i, learning = 0;
  for (i = n - 1; i >= 0; i--)
    if (!list[i].fixed) {
      if (has_limits(&list[i], limit))
        return &list[i];
      only = &list[i];
      learning++;
    }
  return learning == 1 ? only : NULL;
}


void budget_learn (budget *b, const bucket *list, int n,
                   const rate_limit *limit, int64_t now) {
  const bucket *one = described_bucket(list, n, limit);
  rate_limit limits = *limit;
  if (one == NULL || !lock(b, one, 1, now))
    return;
  if (b->source != NULL) {
    limits = b->source->learn(b->source, one, read_leases(b, one, 1, now),
                              limit, now);
    write_leases(b, 1);
  }
  usage_learn(&b->entries[0], &limits, now);
  save(b, 1);
}


int64_t budget_min_wait (budget *b, const bucket *list, int n,
                         int64_t queued_before, int64_t now) {
  int64_t wait = 0;
  int i;
  if (n == 0 || !lock(b, list, n, now))
    return 0;
  for (i = 0; i < n; i++) {
    int64_t one = usage_min_wait(&b->entries[i], &list[i], queued_before, now);
    if (one > wait)
      wait = one;
  }
  save_if_repaired(b, n);
  return wait;
}


/* Reads the entry of a bucket, if 'from' can be used. */
static bool find_entry (rate_limit_file *from, const bucket *one,
                        usage *entry) {
  const char *why;
  bool found;
  if (from == NULL || !rate_limit_file_lock(from, MAX_LOCK_WAIT_MS, &why))
    return false;
  found =
      rate_limit_file_find(from, one->key, &entry->head, sizeof(*entry), &why);
  rate_limit_file_unlock(from);
  return found;
}


bool budget_describe (budget *b, const bucket *one, int64_t now,
                      usage_state *state) {
  usage entry;
  bool found;
  pthread_mutex_lock(&budgets_lock);
  found = find_entry(b->shared, one, &entry) ||
          find_entry(open_own(b), one, &entry);
  pthread_mutex_unlock(&budgets_lock);
  if (!found)
    return false;
  usage_check(&entry, now);
  usage_describe(&entry, one, now, state);
  return true;
}


bool budget_check (budget *b, const char **why) {
  bool usable = true;
  pthread_mutex_lock(&budgets_lock);
  if (b->shared != NULL) {
    usable = rate_limit_file_lock(b->shared, MAX_LOCK_WAIT_MS, why);
    if (usable)
      rate_limit_file_unlock(b->shared);
    else if (*why == NULL)
      *why = "another process does not release its lock";
  }
  pthread_mutex_unlock(&budgets_lock);
  return usable;
}
