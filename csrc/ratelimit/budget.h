/*
** ratelimit/budget.h - how many requests an account may still make, kept for
** all the processes of a machine in a small file.
**
** The service counts in fixed windows whose phase nobody tells. A request
** is counted there some time between its start and its answer. So it is held
** against us from its start until a whole window after its *answer*: then no
** window of the service's, wherever it begins, can hold more than the limit.
*/
#ifndef KLAVIYO_BUDGET_H
#define KLAVIYO_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "ratelimit/usage.h"

#define BUDGET_BUCKETS 4 /* that a request may draw from */

typedef struct budget budget;

/* The budget in that file, or in this process's own memory where 'path' is
** NULL. 'group' files are for the group of their folder. On failure NULL,
** and '*why' says what is wrong. */
budget *budget_open (const char *path, bool group, const char **why);
budget *budget_share (budget *b);
void budget_release (budget *b);

/* Takes one request from each bucket, or from none. 0: taken. Otherwise the
** milliseconds to wait before it makes sense to ask again. */
int64_t budget_take (budget *b, const bucket *list, int n, int64_t now);

/* A request taken at 'then' was still under way, or came to its end, just
** now: it counts from here on. */
void budget_renew (budget *b, const bucket *list, int n, int64_t then,
                   int64_t now);

/* Nothing more for so many milliseconds: the service said so. */
void budget_block (budget *b, const bucket *one, int64_t now, int64_t ms);

/* What an answer's header fields tell. */
void budget_learn (budget *b, const bucket *list, int n,
                   const rate_limit *limit, int64_t now);

/* At least so many milliseconds pass before the request that has 'queued_before'
** others before it can be sent. */
int64_t budget_min_wait (budget *b, const bucket *list, int n,
                         int64_t queued_before, int64_t now);

/* Milliseconds of the budget's own clock, which all processes that share it
** agree on and nobody sets. 'b' may be NULL. */
int64_t budget_now (const budget *b);

/* Why the file could not be shared the first time that it could not, while
** this process counted for itself; NULL: it always could. */
const char *budget_problem (const budget *b);

/* How many budgets have a problem. */
int budget_problems (void);

#endif
