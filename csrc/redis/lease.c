/*
** redis/lease.c - the part of the shared limits that this host may use.
*/
#include "redis/lease.h"

#include "redis/away.h"

#include <stdio.h>
#include <string.h>

#define ASK_AGAIN_MS 60  /* the process that asked may have been killed */
#define FORGOTTEN_MS 400 /* no process asks: they have no loop that runs */
#define LOOK_MS 100      /* more between two looks: nothing waited meanwhile */
#define SHARE_MS 10      /* between two looks for a token of another process */
#define POLL_MS 1        /* between two looks at the file for a reply */
#define LATE_MS 300      /* a reply that is later is that of a slow Redis */

/* Tokens that Redis holds for this host end after 500 ms (see script.lua); here
** they end earlier, and a request that took the last one is reported before. */
#define HELD_MS 400
#define RENEW_MS 50 /* before they end */

/* How long tokens should last. With a short period little is held back from
** other hosts, with a long one Redis is asked less often. */
#define PERIOD_MS 250
#define CONTENDED_PERIOD_MS 25

/* The oldest event is reported after this time: long before the shortest
** window ends, in which the event counts. What the service counted then is not
** reported any more: see PEAK_MS in script.lua. */
#define REPORT_MS 250
#define CONTENDED_REPORT_MS 50

#define PREFETCH_FROM 4 /* it asks when half of that number of tokens is left */
#define MAX_WANTED 10000u
#define MAX_HISTORY 25 /* slots of a window that are reported after a loss */
#define SLOT_SHIFT 2   /* events of a slot, 4 ms, become one */
#define RETENTION_MS 120000 /* how long a record is kept after its last use */
#define MAX_CLOCK_MS (INT64_C(1) << 50)
#define MAX_HOSTS 1000000
#define MAX_LIMIT 1000000000 /* the largest number of a header field */
#define MAX_EPOCH (INT64_C(1) << 53)

/* Does not compile if the layout of a lease changed, or is too large. */
typedef char lease_fits
    [sizeof(lease) == LEASE_SIZE && LEASE_SIZE <= RATE_LIMIT_RECORD ? 1 : -1];


/* {======================================================
** Events
** ======================================================= */

static void events_check (lease_events *list, int64_t now) {
  int32_t i;
  if (list->count < 0 || list->count > LEASE_EVENTS)
    list->count = 0;
  for (i = 0; i < list->count; i++)
    if (list->at[i] > now || list->at[i] < now - LEASE_MAX_MS)
      list->at[i] = now;
}


/* Returns the slot of the second's window, by the time of Redis. */
static int64_t slot_of (const lease *l, int64_t at) {
  return (at + l->clock) >> SLOT_SHIFT;
}


static int32_t events_find (const lease *l, int64_t at) {
  int32_t i;
  for (i = l->events.count - 1; i >= 0; i--)
    if (slot_of(l, l->events.at[i]) == slot_of(l, at))
      return i;
  return -1;
}


/* If the list is full, a request counts for longer than it must: one that
** started counts as of the last event, and one that moved counts twice. */
static void events_add (lease *l, int64_t at, int by) {
  lease_events *list = &l->events;
  int32_t i = events_find(l, at);
  if (i < 0 && list->count == LEASE_EVENTS) {
    if (by < 0)
      return;
    i = LEASE_EVENTS - 1;
  }
  if (i < 0) {
    i = list->count++;
    list->at[i] = at;
    list->by[i] = 0;
  }
  if (list->by[i] + by > INT16_MAX || list->by[i] + by < INT16_MIN)
    return;
  list->by[i] = (int16_t)(list->by[i] + by);
  if (at > list->at[i])
    list->at[i] = at;
  if (list->by[i] == 0) { /* it started and moved since the last report */
    list->count--;
    list->at[i] = list->at[list->count];
    list->by[i] = list->by[list->count];
  }
}


static int64_t events_oldest (const lease_events *list) {
  int64_t oldest = LEASE_NEVER;
  int32_t i;
  for (i = 0; i < list->count; i++)
    if (list->by[i] > 0 && list->at[i] < oldest)
      oldest = list->at[i];
  return oldest;
}

/* }====================================================== */


static int64_t smaller (int64_t a, int64_t b) {
  return a < b ? a : b;
}


static int64_t period_of (const lease *l) {
  return l->contended ? CONTENDED_PERIOD_MS : PERIOD_MS;
}


static void bound (int64_t *time, int64_t most) {
  if (*time < 0)
    *time = 0;
  if (*time > most)
    *time = most;
}


void lease_check (lease *l, int64_t now) {
  int i;
  l->head.used = now;
  l->head.busy_until = now + RETENTION_MS;
  events_check(&l->sent, now);
  events_check(&l->events, now);
  bound(&l->until, now + HELD_MS);
  bound(&l->granted_at, now);
  bound(&l->asked, now);
  bound(&l->wanted_at, now);
  bound(&l->looked_at, now);
  bound(&l->away_use, now);
  bound(&l->asked_for, now);
  bound(&l->sent_at, now);
  bound(&l->retry_at, now + LEASE_MAX_MS);
  bound(&l->away, now);
  bound(&l->try_again, now + AWAY_RETRY_MS);
  bound(&l->turn, now + LEASE_MAX_MS);
  bound(&l->blocked, now + LEASE_MAX_MS);
  if (l->clock < -MAX_CLOCK_MS || l->clock > MAX_CLOCK_MS)
    l->clock = 0;
  if (l->hosts > MAX_HOSTS)
    l->hosts = MAX_HOSTS;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    bound(&l->windows[i].reset, now + LEASE_MAX_MS);
    bound(&l->windows[i].counted_at, now);
  }
}


/* Returns whether requests wait for so long that no process can be asking. */
static bool is_forgotten (lease *l, int64_t now) {
  int64_t since;
  if (!l->wanted || now - l->looked_at > LOOK_MS)
    l->wanted_at = now;
  l->wanted = true;
  l->looked_at = now;
  since = l->wanted_at > l->retry_at ? l->wanted_at : l->retry_at;
  return now - since > FORGOTTEN_MS;
}


/* Another process of this host may get a token before the time that Redis
** named, and leave some to others: so each looks more often the nearer it
** comes. */
static int64_t time_to_look (int64_t left) {
  int64_t time = left / 8 > SHARE_MS ? left / 8 : SHARE_MS;
  if (left <= POLL_MS)
    return POLL_MS;
  return time < left ? time : left;
}


int64_t lease_wait (lease *l, usage *u, const bucket *b, int64_t now) {
  int64_t wait = usage_wait(u, b, now);
  if (wait > 0)
    return wait;
  if (l->away == 0 && l->tokens > 0 && now < l->until)
    return 0;
  if (l->away == 0 && is_forgotten(l, now))
    away_begin(l, u, b, now);
  l->wanted = true;
  if (l->away != 0)
    return away_wait(l, u, b, now);
  return time_to_look(l->retry_at - now);
}


void lease_take (lease *l, const usage *u, const bucket *b, int64_t now) {
  usage_state s;
  usage copy = *u;
  events_add(l, now, 1);
  if (l->away == 0 && l->tokens > 0)
    l->tokens--;
  else if (l->away != 0) {
    l->was_away = true;
    l->away_use = now;
    usage_describe(&copy, b, now, &s);
    away_set_turn(l, &s, now);
  }
  l->taken++;
  l->granted_at = now;
  l->wanted = false;
}


void lease_move (lease *l, int64_t then, int64_t now) {
  if (slot_of(l, then) == slot_of(l, now))
    return;
  events_add(l, then, -1);
  events_add(l, now, 1);
}


void lease_block (lease *l, int64_t now, int64_t ms) {
  l->blocked_at = now;
  if (now + ms > l->blocked)
    l->blocked = now + ms;
  bound(&l->blocked, now + LEASE_MAX_MS);
}


void lease_learn (lease *l, const rate_limit *limit, int64_t now) {
  int which = usage_described_window(limit), i;
  long counted;
  if (which < 0 || limit->remaining < 0 || limit->reset < 0)
    return;
  i = usage_window(limit->window[which].seconds);
  counted = limit->window[which].limit - limit->remaining;
  l->windows[i].counted = counted > 0 ? (uint32_t)counted : 0;
  l->windows[i].counted_at = now;
  l->windows[i].reset =
      now + (limit->reset > 0 ? limit->reset : 1) * INT64_C(1000);
}


rate_limit lease_limits (const rate_limit *limit) {
  rate_limit limits = *limit;
  limits.remaining = limits.reset = -1;
  return limits;
}


/* {======================================================
** Exchange
** ======================================================= */

/* Tokens that nobody took for a period are granted back. */
static bool is_idle (const lease *l, int64_t now) {
  return now >= l->granted_at + 2 * period_of(l);
}


static bool wants_ahead (const lease *l) {
  return l->granted >= PREFETCH_FROM && l->tokens > 0 &&
         l->tokens <= l->granted / 2 && l->taken > 0;
}


int64_t lease_due (const lease *l, int64_t now) {
  int64_t due = LEASE_NEVER, oldest;
  oldest = smaller(events_oldest(&l->events), events_oldest(&l->sent));
  if (oldest != LEASE_NEVER)
    due = oldest + (l->contended ? CONTENDED_REPORT_MS : REPORT_MS);
  if (l->events.count > LEASE_EVENTS * 3 / 4 || l->blocked > now ||
      l->tell_all || wants_ahead(l))
    due = now;
  if (l->tokens == 0 && l->wanted)
    due = smaller(due, l->retry_at);
  if (l->tokens > 0) {
    due = smaller(due, l->granted_at + 2 * period_of(l));
    due = smaller(due, l->until - RENEW_MS);
  }
  if (due != LEASE_NEVER && l->away != 0 && due < l->try_again)
    due = l->try_again;
  if (due != LEASE_NEVER && l->asked != 0 && due < l->asked + ASK_AGAIN_MS)
    due = l->asked + ASK_AGAIN_MS;
  return due;
}


/* Returns how many tokens to ask for. */
static uint32_t tokens_wanted (const lease *l, int64_t now) {
  int64_t time = now - l->asked_for, period = period_of(l);
  uint32_t n = l->taken;
  if (!l->wanted && !wants_ahead(l))
    return 0;
  if (time > period)
    n = (uint32_t)(n * period / time);
  else if (l->granted > 0 && l->taken >= l->granted / 2)
    n = l->granted * 2; /* used up within a period */
  if (n < 1)
    n = 1;
  return n < MAX_WANTED ? n : MAX_WANTED;
}


static bool add (buffer *to, int64_t number) {
  char text[24];
  (void)snprintf(text, sizeof(text), " %lld", (long long)number);
  return buffer_add_text(to, text);
}


/* Returns which limits the service has reported: a bit for each window. */
static int64_t reported_limits (const usage *u, const bucket *b) {
  int64_t mask = 0;
  int i;
  for (i = 0; i < BUDGET_WINDOWS && !b->fixed; i++)
    if (u->windows[i].limit != 0)
      mask |= 1 << i;
  return mask;
}


/* A host that has no response yet learns the limits that others learned. */
static void learn_limits (usage *u, const bucket *b, const int64_t *limits) {
  int i;
  for (i = 0; i < BUDGET_WINDOWS && !b->fixed; i++)
    if (u->windows[i].limit == 0)
      u->windows[i].limit = (uint32_t)limits[i];
}


static bool add_windows (lease *l, const usage_state *s, int64_t now,
                         buffer *to) {
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    bool counted = l->windows[i].counted > 0 && l->windows[i].reset > now &&
                   l->windows[i].counted_at >= now - REPORT_MS;
    if (!add(to, s->windows[i].length) || !add(to, s->windows[i].limit) ||
        !add(to, s->windows[i].used) ||
        !add(to, counted ? (int64_t)l->windows[i].counted : -1) ||
        !add(to, counted ? l->windows[i].reset - now : 0))
      return false;
    l->windows[i].counted = 0;
  }
  return true;
}


static bool add_events (const lease_events *list, int64_t now, buffer *to) {
  int32_t i;
  bool done = add(to, list->count);
  for (i = 0; i < list->count && done; i++)
    done = add(to, now - list->at[i]) && add(to, list->by[i]);
  return done;
}


/* Appends the counts of a window, or only counts their number if 'to' is NULL.
** Several slots become one, the latest of them. */
static int add_slots (const usage *u, const usage_state *s, int i, int64_t now,
                      buffer *to) {
  const window *w = &u->windows[i];
  int64_t width = (s->windows[i].length + USAGE_SLOTS - 1) / USAGE_SLOTS;
  int64_t number = w->head > USAGE_SLOTS ? w->head - USAGE_SLOTS : 0;
  int64_t sum = 0;
  int n = 0, k = 0;
  for (; number <= w->head; number++) {
    int64_t age = now - number * width;
    sum += w->slot[number % (USAGE_SLOTS + 1)];
    if (++k < USAGE_SLOTS / MAX_HISTORY && number < w->head)
      continue;
    if (sum > 0) {
      n++;
      if (to != NULL &&
          !(add(to, i + 1) && add(to, age > 0 ? age : 0) && add(to, sum)))
        return -1;
    }
    k = 0;
    sum = 0;
  }
  return n;
}


static bool add_history (const usage *u, const usage_state *s, int64_t now,
                         buffer *to) {
  int i, n = 0;
  for (i = 0; i < BUDGET_WINDOWS; i++)
    if (s->windows[i].limit != 0)
      n += add_slots(u, s, i, now, NULL);
  if (!add(to, n))
    return false;
  for (i = 0; i < BUDGET_WINDOWS; i++)
    if (s->windows[i].limit != 0 && add_slots(u, s, i, now, to) < 0)
      return false;
  return true;
}


/* A report that may not have arrived is sent again, with the same number. */
static void next_report (lease *l, int64_t now) {
  if (l->tell_all)
    l->sent.count = l->events.count = 0; /* they are in the usage */
  else if (l->sent.count > 0)
    return;
  l->sent = l->events;
  l->events.count = 0;
  l->report++;
  l->sent_at = now;
}


/* Returns what is reported of the time without Redis: 0: it was there; 1: all
** that was used is reported; 2: the next report has the rest. */
static int64_t time_away (const lease *l) {
  return !l->was_away ? 0 : l->sent_at > l->away_use ? 1 : 2;
}


bool lease_ask (lease *l, usage *u, const bucket *b, int64_t now, buffer *to) {
  uint32_t want = tokens_wanted(l, now);
  usage_state s;
  usage_describe(u, b, now, &s);
  if (now >= l->until || is_idle(l, now))
    l->tokens = 0;
  next_report(l, now);
  if (!add(to, l->epoch) || !add(to, l->report) || !add(to, l->tokens) ||
      !add(to, want) || !add(to, l->hosts) || !add(to, time_away(l)) ||
      !add(to, l->blocked > now ? l->blocked - now : 0) ||
      !add(to, l->epoch != 0 ? now + l->clock : 0) ||
      !add(to, reported_limits(u, b)) || !add_windows(l, &s, now, to) ||
      !add_events(&l->sent, now, to) ||
      !(l->tell_all ? add_history(u, &s, now, to) : add(to, 0)))
    return false;
  l->asked = now;
  return true;
}


int64_t lease_bound (int which, int64_t number) {
  static const struct {
    int64_t least, most;
  } bounds[LEASE_REPLY] = {
      {-1, 1},                 /* not 0: Redis lost its data */
      {-MAX_EPOCH, MAX_EPOCH}, /* the epoch */
      {0, MAX_WANTED},         /* granted tokens */
      {0, LEASE_MAX_MS},       /* nothing is free before */
      {0, MAX_HOSTS},          /* hosts */
      {-1, 1},                 /* not 0: others use the limits, too */
      {0, LEASE_MAX_MS},       /* blocked by the service */
      {0, MAX_LIMIT},          /* used in each window */
      {0, MAX_LIMIT},
      {0, MAX_LIMIT},
      {0, INT32_MAX},    /* which of those that ever were */
      {0, MAX_CLOCK_MS}, /* the time of Redis */
      {0, MAX_LIMIT},    /* the limits */
      {0, MAX_LIMIT},
      {0, MAX_LIMIT},
  };
  int64_t least = bounds[which].least, most = bounds[which].most;
  return number < least ? least : number > most ? most : number;
}


/* The difference between both clocks is at most this, and at least that, both
** rounded. It must stay the same while events are reported: the end of a
** request takes back what its start counted. If it is too large, requests count
** for longer. */
static void set_clock (lease *l, int64_t time, int64_t asked, int64_t now) {
  int64_t most = time - asked, least = time - now;
  if (l->epoch == 0 || l->clock > most + 1 || l->clock < least - 1)
    l->clock = most;
}


static void learn_from_reply (lease *l, usage *u, const bucket *b,
                              const int64_t reply[LEASE_REPLY], int64_t asked,
                              int64_t now) {
  usage_state s;
  int i;
  if (asked >= l->sent_at)
    l->sent.count = 0;
  l->tell_all = false;
  set_clock(l, reply[11], asked, now);
  l->epoch = reply[1];
  l->hosts = (uint32_t)reply[4];
  l->contended = reply[5] != 0;
  if (asked >= l->blocked_at)
    l->blocked = 0;
  if (reply[6] > 0)
    usage_block(u, now, reply[6]);
  learn_limits(u, b, &reply[12]);
  usage_describe(u, b, now, &s);
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    l->windows[i].used = (uint32_t)reply[7 + i];
    l->windows[i].own = s.windows[i].used;
  }
  l->index = (uint32_t)reply[10];
  l->asked_for = asked;
}


/* A reply that is a little late ends the time without Redis. Of one that is
** very late, the tokens are not used: Redis counts them as used after a time,
** or takes them back by the next exchange. */
void lease_answer (lease *l, usage *u, const bucket *b,
                   const int64_t reply[LEASE_REPLY], int64_t asked, int64_t now,
                   bool late) {
  uint32_t granted = (uint32_t)reply[2];
  if (l->asked == asked)
    l->asked = 0;
  late = late && now - asked >= LATE_MS;
  if (!late)
    l->away = l->turn = 0;
  if (reply[0] != 0) { /* Redis lost its data */
    l->tell_all = true;
    return;
  }
  learn_from_reply(l, u, b, reply, asked, now);
  if (late)
    return;
  if (asked > l->away_use && l->sent_at > l->away_use)
    l->was_away = false;
  l->taken = 0;
  if (l->tokens > 0 || granted > 0)
    l->until = asked + HELD_MS;
  if (granted > 0) {
    l->tokens += granted;
    l->granted = granted;
    l->granted_at = now;
    l->wanted = false;
  }
  l->retry_at = now + reply[3];
}


void lease_fail (lease *l, usage *u, const bucket *b, int64_t asked,
                 int64_t now) {
  if (l->asked == asked)
    away_begin(l, u, b, now);
}

/* }====================================================== */
