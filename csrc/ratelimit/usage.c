/*
** ratelimit/usage.c - the used part of the limits of one account and operation.
**
** A window is divided into slots. Each slot counts the requests that were last
** known to run at its time. The sum of a whole window of slots and of the
** current one counts against the limit.
*/
#include "ratelimit/usage.h"

#include <string.h>

#define SLACK 10 /* slots by which a clock may go back */
#define SLACK_MS 1000
#define MAX_BLOCK_MS (INT64_C(86400) * 1000)
#define MAX_WINDOW_MS (INT64_C(86400) * 1000)
#define MAX_OTHERS 1000000000u /* the largest number of a header field */
#define SLOTS USAGE_SLOTS

static const int64_t LENGTH[BUDGET_WINDOWS] = {1000, 60000, 86400000};


static int64_t length_of (const usage *u, int i) {
  return u->windows[i].length != 0 ? u->windows[i].length : LENGTH[i];
}


/* Returns the length of a slot, rounded up. */
static int64_t width_of (const usage *u, int i) {
  return (length_of(u, i) + SLOTS - 1) / SLOTS;
}


static uint16_t *slot_of (window *w, int64_t number) {
  return &w->slot[number % (SLOTS + 1)];
}


/* Moves the slots of a ring back by 'by'. */
static void rotate_slots (window *w, int64_t by) {
  uint16_t before[SLOTS + 1];
  int64_t i;
  memcpy(before, w->slot, sizeof(before));
  for (i = 0; i <= SLOTS; i++)
    w->slot[i] = before[(i + by % (SLOTS + 1)) % (SLOTS + 1)];
  w->head -= by;
}


/* Moves the times of a record back by 'by', as the clock went back. */
static void shift_times (usage *u, int64_t by) {
  int i;
  u->blocked -= by;
  u->head.busy_until -= by;
  for (i = 0; i < BUDGET_WINDOWS; i++)
    u->windows[i].others_until -= by;
}


static void check_time (int64_t *time) {
  if (!record_time_is_valid(*time))
    *time = 0;
}


static void check_times (usage *u) {
  int i;
  check_time(&u->head.used);
  check_time(&u->head.busy_until);
  check_time(&u->blocked);
  for (i = 0; i < BUDGET_WINDOWS; i++)
    check_time(&u->windows[i].others_until);
}


/* After this the sums match the slots and no time lies beyond its maximum, even
** if another program wrote to the file. */
bool usage_check (usage *u, int64_t now) {
  bool back;
  int i, k;
  check_times(u);
  back = now < u->head.used - SLACK_MS;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    window *w = &u->windows[i];
    if (w->length < 0 || w->length > MAX_WINDOW_MS || w->head < 0)
      memset(w, 0, sizeof(*w));
    w->sum = 0;
    for (k = 0; k <= SLOTS; k++)
      w->sum += w->slot[k];
  }
  if (back)
    shift_times(u, u->head.used - now);
  u->head.used = now;
  for (i = 0; i < BUDGET_WINDOWS; i++)
    if (u->windows[i].others_until > now + length_of(u, i) ||
        u->windows[i].others > MAX_OTHERS)
      u->windows[i].others_until = 0;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    window *w = &u->windows[i];
    int64_t number = now / width_of(u, i);
    if (number < w->head - SLACK) {
      rotate_slots(w, w->head - number);
      back = true;
    }
  }
  if (u->blocked > now + MAX_BLOCK_MS)
    u->blocked = now;
  return back;
}


/* Clears the slots that have left the window. If the clock went back a little,
** nothing is cleared until it catches up. */
static window *advance (usage *u, int i, int64_t now) {
  window *w = &u->windows[i];
  int64_t number = now / width_of(u, i);
  if (number > w->head + SLOTS) {
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


/* Returns when the window has capacity again: its oldest counts leave it. */
static int64_t room_at (usage *u, int i, uint32_t surplus) {
  window *w = &u->windows[i];
  int64_t number = w->head > SLOTS ? w->head - SLOTS : 0;
  uint32_t left = 0;
  for (; number < w->head; number++) {
    left += *slot_of(w, number);
    if (left > surplus)
      break;
  }
  return (number + SLOTS + 1) * width_of(u, i);
}


/* Returns the limit of a window: as the service reported it, or the
** bucket's. */
static uint32_t limit_of (const usage *u, const bucket *b, int i) {
  return u->windows[i].limit != 0 && !b->fixed ? u->windows[i].limit
                                               : b->limit[i];
}


int64_t usage_wait (usage *u, const bucket *b, int64_t now) {
  int64_t wait = u->blocked > now ? u->blocked - now : 0;
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    const window *w = advance(u, i, now);
    uint32_t limit = limit_of(u, b, i);
    uint32_t used = w->sum;
    int64_t at;
    if (w->others_until > now)
      used += w->others;
    if (limit == 0 || used < limit)
      continue;
    at = used - limit < w->sum ? room_at(u, i, used - limit) : INT64_MAX;
    if (used > w->sum && w->others_until < at)
      at = w->others_until;
    if (at - now > wait)
      wait = at - now;
    if (wait <= 0)
      wait = 1;
  }
  return wait;
}


void usage_describe (usage *u, const bucket *b, int64_t now,
                     usage_state *state) {
  int i;
  state->wait = usage_wait(u, b, now);
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    const window *w = &u->windows[i];
    state->windows[i].length = length_of(u, i);
    state->windows[i].limit = limit_of(u, b, i);
    state->windows[i].used = w->sum;
    state->windows[i].others = w->others_until > now ? w->others : 0;
  }
}


static void extend_busy_until (usage *u, int64_t until) {
  if (until > u->head.busy_until)
    u->head.busy_until = until;
}


static void count (usage *u, const bucket *b, int64_t at, int by) {
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    window *w = &u->windows[i];
    int64_t number = at / width_of(u, i);
    uint16_t *slot;
    if (number > w->head)
      number = w->head; /* the clock was set back */
    if (number < w->head - SLOTS)
      continue; /* it has left the window */
    slot = slot_of(w, number);
    if ((by < 0 && *slot == 0) || (by > 0 && *slot == UINT16_MAX))
      continue;
    *slot = (uint16_t)(*slot + by);
    w->sum += (uint32_t)by;
    if (limit_of(u, b, i) != 0)
      extend_busy_until(u, (number + SLOTS + 1) * width_of(u, i));
  }
}


void usage_add (usage *u, const bucket *b, int64_t now) {
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++)
    advance(u, i, now);
  count(u, b, now, 1);
}


void usage_move (usage *u, const bucket *b, int64_t then, int64_t now) {
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++)
    advance(u, i, now);
  count(u, b, then, -1);
  count(u, b, now, 1);
}


void usage_block (usage *u, int64_t now, int64_t ms) {
  if (ms > MAX_BLOCK_MS)
    ms = MAX_BLOCK_MS;
  if (now + ms > u->blocked)
    u->blocked = now + ms;
  extend_busy_until(u, u->blocked);
}


int64_t usage_min_wait (const usage *u, const bucket *b, int64_t queued_before,
                        int64_t now) {
  int64_t wait = u->blocked > now ? u->blocked - now : 0;
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    uint32_t limit = limit_of(u, b, i);
    if (limit != 0 && queued_before / limit * length_of(u, i) > wait)
      wait = queued_before / limit * length_of(u, i);
  }
  return wait;
}


/* {======================================================
** Reported limits
** ======================================================= */

int usage_window (long seconds) {
  return seconds <= 1 ? 0 : seconds <= 3600 ? 1 : 2;
}


/* A server may report any length. After a longer window than a day no request
** would start, and no response would end this. */
static int64_t window_length (long seconds) {
  int64_t length = (int64_t)seconds * 1000;
  return length < MAX_WINDOW_MS ? length : MAX_WINDOW_MS;
}


/* The service's windows may differ from the defaults. What was counted so far
** then counts as of now. */
static void set_window (usage *u, int i, long limit, int64_t length,
                        int64_t now) {
  window *w = advance(u, i, now);
  w->limit = (uint32_t)limit;
  if (length != length_of(u, i)) {
    uint32_t sum = w->sum;
    memset(w->slot, 0, sizeof(w->slot));
    w->length = length;
    w->head = now / width_of(u, i);
    *slot_of(w, w->head) = (uint16_t)(sum < UINT16_MAX ? sum : UINT16_MAX);
    w->sum = *slot_of(w, w->head);
  }
  if (w->sum > 0)
    extend_busy_until(u, (w->head + SLOTS + 1) * width_of(u, i));
}


/* Klaviyo sends those of the window whose limit the first number repeats, the
** second in all recorded responses; its documentation says the minute. So this
** prefers the window of that limit if the values fit it, the shorter one of
** two, or else the shortest that they fit. */
int usage_described_window (const rate_limit *limit) {
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


/* If the service has counted more in a window than this file, other programs
** with the account's keys on other machines sent the rest. The service rounds
** the seconds down: 0 is less than one. */
static void note_others (usage *u, const rate_limit *limit, int64_t now) {
  int which = usage_described_window(limit);
  int64_t counted;
  window *w;
  if (limit->remaining < 0 || limit->reset < 0 || which < 0)
    return;
  w = advance(u, usage_window(limit->window[which].seconds), now);
  counted = (int64_t)limit->window[which].limit - limit->remaining;
  w->others = counted > w->sum ? (uint32_t)(counted - w->sum) : 0;
  w->others_until = now + window_length(limit->reset > 0 ? limit->reset : 1);
  extend_busy_until(u, w->others_until);
}


void usage_learn (usage *u, const rate_limit *limit, int64_t now) {
  int i;
  for (i = 0; i < limit->windows; i++)
    if (limit->window[i].limit > 0)
      set_window(u, usage_window(limit->window[i].seconds),
                 limit->window[i].limit,
                 window_length(limit->window[i].seconds), now);
  note_others(u, limit, now);
}

/* }====================================================== */
