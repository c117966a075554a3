/*
** budget.c - how many requests an account may still make.
**
** A window is cut into slots; each counts the requests whose last sign of
** life fell into it. What counts against the limit is the sum of a whole
** window of slots and the one under way.
*/
#include "budget.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "count.h"
#include "shared.h"

#define ENTRIES 1024
#define SLOTS 250           /* that a second is cut into evenly */
#define SLACK 10            /* slots that a clock may be set back by */
#define PROBES 16
#define PATIENCE_MS 100L    /* for a lock whose holder sleeps */
#define DISTRUST_MS 2000    /* for how long it is not waited for again */
#define LONGEST_BLOCK_MS (INT64_C(86400) * 1000)

static const int64_t LENGTH[BUDGET_WINDOWS] = {1000, 60000, 86400000};

typedef struct window {
  int64_t length;             /* milliseconds; 0: the usual */
  int64_t head;               /* number of the newest slot in the ring */
  int64_t others_until;
  uint32_t others;            /* requests of other programs, until then */
  uint32_t limit;             /* as the service told; 0: it did not */
  uint32_t sum;               /* of all slots */
  uint16_t slot[SLOTS + 1];
} window;

typedef struct entry {
  uint64_t key;               /* 0: free */
  int64_t used;               /* when last, for the oldest to make room */
  int64_t blocked;            /* until when */
  window windows[BUDGET_WINDOWS];
} entry;

struct budget {
  int references;
  pthread_mutex_t guard;      /* of this process's threads */
  shared *all;                /* an array of entries: for all processes */
  shared *own;                /* while that cannot be had */
  shared *locked;             /* which one is */
  int64_t distrusted_until;
};


int64_t budget_now (void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}


budget *budget_open (const char *path, bool group, const char **why) {
  budget *b = calloc(1, sizeof(*b));
  *why = "not enough memory";
  if (b == NULL)
    return NULL;
  b->references = 1;
  pthread_mutex_init(&b->guard, NULL);
  b->all = shared_open(path, group, ENTRIES * sizeof(entry), why);
  if (b->all != NULL)
    return b;
  budget_release(b);
  return NULL;
}


budget *budget_share (budget *b) {
  count_up(&b->references);
  return b;
}


void budget_release (budget *b) {
  if (b == NULL || !count_down(&b->references))
    return;
  shared_close(b->all);
  shared_close(b->own);
  pthread_mutex_destroy(&b->guard);
  free(b);
}


/* {======================================================
** Entries
** ======================================================= */

/* A process was killed while it counted: the sums may not be those of the
** slots. */
static void repair (entry *all) {
  int i, k, n;
  for (i = 0; i < ENTRIES; i++)
    for (k = 0; k < BUDGET_WINDOWS && all[i].key != 0; k++) {
      window *w = &all[i].windows[k];
      w->sum = 0;
      for (n = 0; n <= SLOTS; n++)
        w->sum += w->slot[n];
    }
}


/* Those of all, or else, when a process that has them was stopped, some of
** our own. */
static entry *lock_one (budget *b) {
  const char *why;
  bool died, doubted = b->distrusted_until != 0 &&
                       budget_now() < b->distrusted_until;
  entry *all = shared_lock(b->all, doubted ? 0 : PATIENCE_MS, &died);
  b->locked = b->all;
  if (all != NULL && died)
    repair(all);
  if (all != NULL)
    return all;
  if (!doubted)
    b->distrusted_until = budget_now() + DISTRUST_MS;
  if (b->own == NULL)
    b->own = shared_open(NULL, false, ENTRIES * sizeof(entry), &why);
  b->locked = b->own;
  return b->own != NULL ? shared_lock(b->own, PATIENCE_MS, &died) : NULL;
}


/* The entries, for this thread alone; NULL when there is no memory. */
static entry *lock (budget *b) {
  entry *all;
  pthread_mutex_lock(&b->guard);
  all = lock_one(b);
  if (all == NULL)
    pthread_mutex_unlock(&b->guard);
  return all;
}


static void unlock (budget *b) {
  shared_unlock(b->locked);
  pthread_mutex_unlock(&b->guard);
}


static void forget_times (entry *e) {
  int i;
  e->blocked = 0;
  for (i = 0; i < BUDGET_WINDOWS; i++)
    e->windows[i].others_until = 0;
}


static entry *find (entry *all, uint64_t key, int64_t now) {
  entry *oldest = NULL;
  uint64_t i;
  for (i = 0; i < PROBES; i++) {
    entry *e = &all[(key + i) % ENTRIES];
    if (e->key == key) {
      if (now < e->used - 1000)  /* the clock was set back */
        forget_times(e);
      e->used = now;
      return e;
    }
    if (oldest == NULL || (oldest->key != 0 &&
                           (e->key == 0 || e->used < oldest->used)))
      oldest = e;
  }
  memset(oldest, 0, sizeof(*oldest));
  oldest->key = key;
  oldest->used = now;
  return oldest;
}

/* }====================================================== */


/* {======================================================
** Windows
** ======================================================= */

static int64_t length_of (const entry *e, int i) {
  return e->windows[i].length != 0 ? e->windows[i].length : LENGTH[i];
}


/* No less than its share of the window. */
static int64_t width_of (const entry *e, int i) {
  return (length_of(e, i) + SLOTS - 1) / SLOTS;
}


static uint16_t *slot_of (window *w, int64_t number) {
  return &w->slot[number % (SLOTS + 1)];
}


/* Forgets the slots that have left the window. A clock that was set back a
** little is waited for; by more, and all begins anew. */
static window *advance (entry *e, int i, int64_t now) {
  window *w = &e->windows[i];
  int64_t number = now / width_of(e, i);
  if (number < w->head - SLACK || number > w->head + SLOTS) {
    memset(w->slot, 0, sizeof(w->slot));
    w->sum = 0;
    w->head = number;
  }
  while (w->head < number) {
    uint16_t *slot = slot_of(w, ++w->head);
    w->sum -= *slot;
    *slot = 0;
  }
  return w;
}


/* When the window will have room again: its oldest count leaves it. */
static int64_t room_at (entry *e, int i, uint32_t surplus) {
  window *w = &e->windows[i];
  int64_t number = w->head > SLOTS ? w->head - SLOTS : 0;
  uint32_t left = 0;
  for (; number < w->head; number++) {
    left += *slot_of(w, number);
    if (left > surplus)
      break;
  }
  return (number + SLOTS + 1) * width_of(e, i);
}


static uint32_t limit_of (const entry *e, const bucket *b, int i) {
  return e->windows[i].limit != 0 && !b->fixed ? e->windows[i].limit
                                               : b->limit[i];
}


/* 0 where one more fits into every window of the bucket. */
static int64_t wait_for (entry *e, const bucket *b, int64_t now) {
  int64_t wait = e->blocked > now ? e->blocked - now : 0;
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    const window *w = advance(e, i, now);
    uint32_t limit = limit_of(e, b, i);
    uint32_t used = w->sum;
    int64_t at;
    if (w->others_until > now)
      used += w->others;
    if (limit == 0 || used < limit)
      continue;
    at = used - limit < w->sum ? room_at(e, i, used - limit) : INT64_MAX;
    if (used > w->sum && w->others_until < at)
      at = w->others_until;
    if (at - now > wait)
      wait = at - now;
    if (wait <= 0)
      wait = 1;
  }
  return wait;
}


static void count (entry *e, int64_t at, int by) {
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    window *w = &e->windows[i];
    int64_t number = at / width_of(e, i);
    uint16_t *slot;
    if (number > w->head)
      number = w->head;  /* of a clock that was set back */
    if (number < w->head - SLOTS)
      continue;  /* it has left the window meanwhile */
    slot = slot_of(w, number);
    if ((by < 0 && *slot == 0) || (by > 0 && *slot == UINT16_MAX))
      continue;
    *slot = (uint16_t)(*slot + by);
    w->sum += (uint32_t)by;
  }
}

/* }====================================================== */


int64_t budget_take (budget *b, const bucket *list, int n, int64_t now) {
  entry *all = n > 0 ? lock(b) : NULL;
  int64_t wait = 0;
  int i;
  if (all == NULL)
    return 0;  /* better a 429 than to stand still */
  for (i = 0; i < n; i++) {
    int64_t one = wait_for(find(all, list[i].key, now), &list[i], now);
    if (one > wait)
      wait = one;
  }
  for (i = 0; i < n && wait == 0; i++)
    count(find(all, list[i].key, now), now, 1);
  unlock(b);
  return wait;
}


void budget_settle (budget *b, const bucket *list, int n, int64_t then,
                    int64_t now) {
  entry *all = n > 0 ? lock(b) : NULL;
  int i, k;
  if (all == NULL)
    return;
  for (i = 0; i < n; i++) {
    entry *e = find(all, list[i].key, now);
    for (k = 0; k < BUDGET_WINDOWS; k++)
      advance(e, k, now);
    count(e, then, -1);
    count(e, now, 1);
  }
  unlock(b);
}


void budget_block (budget *b, const bucket *one, int64_t now, int64_t ms) {
  entry *all = lock(b);
  entry *e;
  if (all == NULL)
    return;
  e = find(all, one->key, now);
  if (ms > LONGEST_BLOCK_MS)
    ms = LONGEST_BLOCK_MS;
  if (now + ms > e->blocked)
    e->blocked = now + ms;
  unlock(b);
}


/* {======================================================
** What the service says
** ======================================================= */

/* Which of ours a window of so many seconds is. */
static int window_of (long seconds) {
  return seconds <= 1 ? 0 : seconds <= 3600 ? 1 : 2;
}


static bool is_told_of (const bucket *b, const rate_limit *limit) {
  int i;
  for (i = 0; i < limit->windows; i++)
    if ((long)b->limit[window_of(limit->window[i].seconds)] !=
        limit->window[i].limit)
      return false;
  return limit->windows > 0;
}


/* An answer tells of one bucket only, the tightest: the one whose limits
** these are. Of one alone it may tell other limits than we knew. */
static const bucket *told_of (const bucket *list, int n,
                              const rate_limit *limit) {
  const bucket *only = NULL;
  int i, learning = 0;
  for (i = n - 1; i >= 0; i--)
    if (!list[i].fixed) {
      if (is_told_of(&list[i], limit))
        return &list[i];
      only = &list[i];
      learning++;
    }
  return learning == 1 ? only : NULL;
}


/* The service's windows may be others than the usual. What was counted by
** then counts as of now. */
static void set_window (entry *e, int i, long limit, int64_t length,
                        int64_t now) {
  window *w = advance(e, i, now);
  w->limit = (uint32_t)limit;
  if (length != length_of(e, i)) {
    uint32_t sum = w->sum;
    memset(w->slot, 0, sizeof(w->slot));
    w->length = length;
    w->head = now / width_of(e, i);
    *slot_of(w, w->head) = (uint16_t)(sum < UINT16_MAX ? sum : UINT16_MAX);
    w->sum = *slot_of(w, w->head);
  }
}


/* Which of its windows an answer's "remaining" and "reset" are about, or -1.
** Klaviyo sends those of the window whose limit the first number repeats, the
** second in all recorded answers; its documentation says they are those of the
** minute. So the window of that limit is taken if the figures fit it, the
** shorter one if there are two, or else the shortest that they fit. */
static int described_window (const rate_limit *limit) {
  int found = -1, i;
  bool found_named = false;
  for (i = 0; i < limit->windows; i++) {
    long most = limit->window[i].limit, seconds = limit->window[i].seconds;
    bool named = most == limit->limit;
    if (limit->remaining > most || limit->reset > seconds)
      continue;
    if (found < 0 || (named && !found_named) ||
        (named == found_named && seconds < limit->window[found].seconds)) {
      found = i;
      found_named = named;
    }
  }
  return found;
}


/* If the service has counted more in a window than we have, the rest was
** other programs with the account's keys, on other machines. It rounds the
** seconds down: 0 is less than one. */
static void note_others (entry *e, const rate_limit *limit, int64_t now) {
  int which = described_window(limit);
  int64_t counted;
  window *w;
  if (limit->remaining < 0 || limit->reset < 0 || which < 0)
    return;
  w = advance(e, window_of(limit->window[which].seconds), now);
  counted = (int64_t)limit->window[which].limit - limit->remaining;
  w->others = counted > w->sum ? (uint32_t)(counted - w->sum) : 0;
  w->others_until = now + (limit->reset > 0 ? limit->reset : 1) *
                          INT64_C(1000);
}


void budget_learn (budget *b, const bucket *list, int n,
                   const rate_limit *limit, int64_t now) {
  const bucket *one = told_of(list, n, limit);
  entry *all = one != NULL ? lock(b) : NULL;
  entry *e;
  int i;
  if (all == NULL)
    return;
  e = find(all, one->key, now);
  for (i = 0; i < limit->windows; i++)
    if (limit->window[i].limit > 0)
      set_window(e, window_of(limit->window[i].seconds),
                 limit->window[i].limit,
                 (int64_t)limit->window[i].seconds * 1000, now);
  note_others(e, limit, now);
  unlock(b);
}


int64_t budget_least_wait (budget *b, const bucket *list, int n,
                           int64_t ahead, int64_t now) {
  entry *all = n > 0 ? lock(b) : NULL;
  int64_t wait = 0;
  int i, k;
  if (all == NULL)
    return 0;
  for (i = 0; i < n; i++) {
    const entry *e = find(all, list[i].key, now);
    if (e->blocked - now > wait)
      wait = e->blocked - now;
    for (k = 0; k < BUDGET_WINDOWS; k++) {
      uint32_t limit = limit_of(e, &list[i], k);
      if (limit != 0 && ahead / limit * length_of(e, k) > wait)
        wait = ahead / limit * length_of(e, k);
    }
  }
  unlock(b);
  return wait;
}

/* }====================================================== */
