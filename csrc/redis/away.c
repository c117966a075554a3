/*
** redis/away.c - what a host may use while Redis does not reply.
*/
#include "redis/away.h"

#define START_MS 500 /* of the time without Redis: see part_of */


static uint32_t hosts_of (const lease *l) {
  return l->hosts > 0 ? l->hosts : 1;
}


/* Sets this host's part of each window for the time in which Redis last knew
** more than this host; docs/scale.md says why it is safe. A tenth of an equal
** part is always allowed, so that a host that had used nothing does not wait
** for a whole window. A host that was never in contact knows of no others. */
static void set_parts (lease *l, const usage_state *s, int64_t now) {
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    uint32_t limit = s->windows[i].limit, used = l->windows[i].used;
    uint32_t equal = limit / hosts_of(l), own = l->windows[i].own;
    bool old = now - l->asked_for > s->windows[i].length / 10 + AWAY_RETRY_MS;
    uint32_t part = old || used > limit ? 0 : (limit - used) / hosts_of(l);
    if (own > equal || old)
      own = old ? 0 : equal;
    if (own < s->windows[i].used)
      own = s->windows[i].used;
    l->windows[i].start =
        s->windows[i].used + (part > equal / 10 ? part : equal / 10);
    part += own;
    if (part < equal / 10)
      part = equal / 10;
    if (l->epoch == 0 && part < equal)
      l->windows[i].start = part = equal;
    l->windows[i].part = part;
  }
}


/* Often Redis is only slow, for this host alone, and other hosts go on to share
** the limits. So a host begins with little. */
static uint32_t part_of (const lease *l, const usage_state *s, int i,
                         int64_t now) {
  uint32_t equal = s->windows[i].limit / hosts_of(l);
  uint32_t part = l->windows[i].part;
  int64_t time = now - l->away;
  if (time < START_MS)
    return l->windows[i].start;
  if (time < s->windows[i].length)
    return part;
  if (time < 2 * s->windows[i].length && part < equal)
    return part;
  return equal;
}


int64_t away_wait (const lease *l, usage *u, const bucket *b, int64_t now) {
  usage_state s;
  bucket part = *b;
  int64_t wait, other;
  int i;
  usage_describe(u, b, now, &s);
  wait = s.wait;
  part.fixed = true;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    uint32_t limit = s.windows[i].limit;
    uint32_t most = limit != 0 ? part_of(l, &s, i, now) : 0;
    part.limit[i] = limit != 0 && most == 0 ? 1 : most;
    if (limit == 0 || most > 0)
      continue;
    other = limit < hosts_of(l) ? l->turn : l->away + s.windows[i].length;
    if (other - now > wait)
      wait = other - now;
  }
  other = usage_wait(u, &part, now);
  return other > wait ? other : wait;
}


void away_set_turn (lease *l, const usage_state *s, int64_t now) {
  int64_t hosts = hosts_of(l);
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    int64_t limit = s->windows[i].limit, length, number;
    if (limit == 0 || limit >= hosts)
      continue;
    length = s->windows[i].length * 11 / 10 / limit;
    if (length < 1) /* the limit is above one each millisecond */
      length = 1;
    number = (now + l->clock) / length + 1;
    number += (l->index % hosts - number % hosts + hosts) % hosts;
    if (number * length - l->clock > l->turn)
      l->turn = number * length - l->clock;
  }
  if (l->turn > now + LEASE_MAX_MS) /* Redis named too many hosts */
    l->turn = now + LEASE_MAX_MS;
}


void away_begin (lease *l, usage *u, const bucket *b, int64_t now) {
  usage_state s;
  l->asked = 0;
  l->try_again = now + AWAY_RETRY_MS;
  if (l->away != 0)
    return;
  usage_describe(u, b, now, &s);
  set_parts(l, &s, now);
  away_set_turn(l, &s, now);
  l->away = now;
  l->tokens = 0;
  l->retry_at = 0;
}
