/*
** budget.c - what a server tells of its limits, by a clock that may jump: the
** counts stay what they are the sum of, no limit is passed, and every wait has
** an end.
*/
#include "fuzz.h"

#include "ratelimit/budget.c"
#include "ratelimit/usage.c"

#define KEYS 3
#define MAX_TAKEN 64
#define START INT64_C(1700000000000)

static const uint32_t LIMITS[] = {0, 1, 2, 3, 75, 750};
static const int64_t STEPS[] = {0, 1, 4, 250, 1000, 60000, 86400000, -1, -1000,
                                -86400000};
static const int64_t NUMBERS[] = {INT64_MIN, INT64_MAX, -1, -START,
                                  INT64_C(1) << 50, INT64_C(1) << 62};

typedef struct fixture {
  budget *budget;
  bucket buckets[KEYS];
  int64_t now;
  int64_t taken[MAX_TAKEN];
  int count;
} fixture;


static int64_t pick (feed *f, const int64_t *list, size_t n) {
  return list[feed_below(f, (unsigned)n)];
}


/* The entry of a bucket, as it is. */
static usage look (fixture *w, int i) {
  usage u;
  CHECK(lock(w->budget, &w->buckets[i], 1, w->now));
  u = w->budget->entries[0];
  save_if_repaired(w->budget, 1);
  return u;
}


/* The sums are those of the slots. */
static void check_sums (fixture *w) {
  int i, k, n;
  for (i = 0; i < KEYS; i++) {
    usage u = look(w, i);
    for (k = 0; k < BUDGET_WINDOWS; k++) {
      uint32_t sum = 0;
      for (n = 0; n <= USAGE_SLOTS; n++)
        sum += u.windows[k].slot[n];
      CHECK(sum == u.windows[k].sum);
    }
  }
}


/* Another program writes into a record. */
static void spoil (feed *f, fixture *w) {
  int which = (int)feed_below(f, KEYS);
  usage *u = w->budget->entries;
  size_t i, n = 1 + feed_below(f, 32);
  CHECK(lock(w->budget, &w->buckets[which], 1, w->now));
  for (i = 0; i < n; i++) {
    size_t at = offsetof(record_head, used) +
                (feed_byte(f) * 256u + feed_byte(f)) %
                  (sizeof(usage) - offsetof(record_head, used));
    if (feed_below(f, 2) == 0)
      ((unsigned char *)u)[at] = (unsigned char)feed_byte(f);
    else {
      int64_t number = pick(f, NUMBERS, 6);
      at -= at % sizeof(number);
      memcpy((char *)u + at, &number, sizeof(number));
    }
  }
  save(w->budget, 1);
}


static void take (feed *f, fixture *w) {
  int first = (int)feed_below(f, KEYS);
  int n = 1 + (int)feed_below(f, (unsigned)(KEYS - first));
  int64_t wait = budget_take(w->budget, w->buckets + first, n, w->now);
  int i, k;
  CHECK(wait >= 0);
  for (i = first; i < first + n && wait == 0; i++) {
    usage u = look(w, i);
    CHECK(u.blocked <= w->now);
    for (k = 0; k < BUDGET_WINDOWS; k++) {
      uint32_t limit = limit_of(&u, &w->buckets[i], k);
      CHECK(limit == 0 || u.windows[k].sum <= limit);
      CHECK(u.windows[k].sum > 0);
    }
  }
  if (wait == 0 && w->count < MAX_TAKEN)
    w->taken[w->count++] = w->now;
}


/* A request that waits for the returned times is accepted in the end. */
static void wait_for_one (feed *f, fixture *w) {
  int which = (int)feed_below(f, KEYS), tries = 0;
  int64_t wait;
  while ((wait = budget_take(w->budget, &w->buckets[which], 1, w->now)) > 0) {
    CHECK(wait <= INT64_C(2) * 86400000);
    CHECK(++tries < 1000);
    w->now += wait;
  }
}


static void release (feed *f, fixture *w) {
  int which = (int)feed_below(f, KEYS);
  int64_t then = w->count > 0 ? w->taken[feed_below(f, (unsigned)w->count)]
                              : w->now;
  budget_renew(w->budget, &w->buckets[which], 1, then, w->now);
}


/* As it would come from the wire: an answer is made and read. */
static void learn (feed *f, fixture *w) {
  static const long figures[] = {0, 1, 2, 3, 60, 75, 750, 65535, 65536,
                                 1000000000};
  int first = (int)feed_below(f, KEYS), windows = (int)feed_below(f, 5);
  int n = 1 + (int)feed_below(f, (unsigned)(KEYS - first)), i;
  rate_limit limit;
  memset(&limit, 0, sizeof(limit));
  limit.limit = -1;
  limit.remaining = figures[feed_below(f, 10)] - 1;
  limit.reset = figures[feed_below(f, 10)] - 1;
  for (i = 0; i < windows && i < RATE_WINDOWS; i++) {
    long seconds = figures[feed_below(f, 10)];
    limit.window[i].limit = figures[feed_below(f, 10)];
    limit.window[i].seconds = seconds > 0 ? seconds : 86400;
    limit.windows++;
  }
  budget_learn(w->budget, w->buckets + first, n, &limit, w->now);
}


static void open_fixture (feed *f, fixture *w) {
  const char *why;
  int i, k;
  memset(w, 0, sizeof(*w));
  w->budget = budget_open(NULL, false, &why);
  CHECK(w->budget != NULL);
  w->now = START;
  for (i = 0; i < KEYS; i++) {
    w->buckets[i].key = (uint64_t)i + 7;
    w->buckets[i].fixed = feed_below(f, 4) == 0;
    for (k = 0; k < BUDGET_WINDOWS; k++)
      w->buckets[i].limit[k] = LIMITS[feed_below(f, 6)];
  }
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  feed f = feed_of(data, size);
  int steps = 0;
  fixture w;
  open_fixture(&f, &w);
  while (!feed_over(&f) && steps++ < 300) {
    int which = (int)feed_below(&f, KEYS);
    switch (feed_below(&f, 8)) {
      case 0: w.now += pick(&f, STEPS, 10); break;
      case 1: release(&f, &w); break;
      case 2: learn(&f, &w); break;
      case 3:
        budget_block(w.budget, &w.buckets[which], w.now,
                     (int64_t)feed_byte(&f) * feed_byte(&f) * 1000);
        break;
      case 4: wait_for_one(&f, &w); break;
      case 5:
        CHECK(budget_min_wait(w.budget, &w.buckets[which], 1,
                                (int64_t)feed_byte(&f), w.now) >= 0);
        break;
      case 6: spoil(&f, &w); break;
      default: take(&f, &w); break;
    }
  }
  check_sums(&w);
  budget_release(w.budget);
  return 0;
}
