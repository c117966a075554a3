/*
** redis/away.h - what a host may use while Redis does not reply: its part of
** the limits that it last knew. docs/scale.md says why it is safe. Only lease.c
** calls these functions.
*/
#ifndef KLAVIYO_REDIS_AWAY_H
#define KLAVIYO_REDIS_AWAY_H

#include "redis/lease.h"

#define AWAY_RETRY_MS 1000 /* between two attempts while Redis is away */

/* From now on this host goes on without Redis. */
void away_begin (lease *l, usage *u, const bucket *b, int64_t now);

/* Returns the milliseconds until a request may start. */
int64_t away_wait (const lease *l, usage *u, const bucket *b, int64_t now);

/* If an equal part is less than one request, the hosts take turns, by the time
** of Redis: each turn is a little longer than the service needs for one. Sets
** the next one of this host. */
void away_set_turn (lease *l, const usage_state *s, int64_t now);

#endif
