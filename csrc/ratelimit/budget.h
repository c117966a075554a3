/*
** ratelimit/budget.h - how many requests an account may still make. All
** processes of a machine share a budget through a small file.
**
** The service counts in fixed windows and does not publish when they start. It
** counts a request at some time between its start and its response. So the
** budget counts it from its start until a whole window after its response: then
** no window of the service can contain more requests than the limit allows.
**
** Any thread may call these functions; a process-wide lock protects them. A
** budget is reference counted, and owns its file.
*/
#ifndef KLAVIYO_BUDGET_H
#define KLAVIYO_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "ratelimit/lease_source.h"
#include "ratelimit/usage.h"

typedef struct budget budget;

/* Opens the budget in a file, or in the memory of this process if 'path' is
** NULL. With 'group', the group of the file's directory may use the file.
** Returns one reference, the caller's; or NULL and sets '*why'. */
budget *budget_open (const char *path, bool group, const char **why);

/* Makes a budget share its limits with other machines, before its first use.
** Returns false without memory. */
bool budget_set_source (budget *b, lease_source *source,
                        const lease_core *core);
lease_source *budget_source (const budget *b); /* NULL: it does not share */

/* Calls the visitor with the locked records of a bucket, and saves them.
** Returns false without memory. The budget must have a source. */
bool budget_visit (budget *b, const bucket *one, lease_visitor *visitor,
                   void *arg);

budget *budget_share (budget *b);
void budget_release (budget *b);

/* Takes one request from each bucket, or from none. Returns 0 if it was taken,
** or else the milliseconds until it makes sense to try again. */
int64_t budget_take (budget *b, const bucket *list, int n, int64_t now);

/* Counts a request that was taken at 'then' as of now, because it is still
** running or has just ended. */
void budget_renew (budget *b, const bucket *list, int n, int64_t then,
                   int64_t now);

/* Blocks a bucket for 'ms' milliseconds, as the service asked. */
void budget_block (budget *b, const bucket *one, int64_t now, int64_t ms);

/* Updates the buckets from the rate limit fields of a response. */
void budget_learn (budget *b, const bucket *list, int n,
                   const rate_limit *limit, int64_t now);

/* Returns the milliseconds that pass at least before a request can be sent that
** has 'queued_before' others before it. */
int64_t budget_min_wait (budget *b, const bucket *list, int n,
                         int64_t queued_before, int64_t now);

/* Describes what is used of a bucket, and changes nothing. Returns false if
** neither the file nor this process's memory can be read. */
bool budget_describe (budget *b, const bucket *one, int64_t now,
                      usage_state *state);

/* Returns whether the file can be locked now. If not, sets '*why'. A budget
** without a file can always be used. */
bool budget_check (budget *b, const char **why);

/* Returns the time of the budget's own clock in milliseconds. All processes
** that share the budget agree on it, and it is never set. 'b' may be NULL. */
int64_t budget_now (const budget *b);

/* Returns why the file could not be used the first time that it failed (this
** process then counts on its own); NULL: it never failed. */
const char *budget_problem (const budget *b);

/* Returns how many budgets have a problem. */
int budget_problems (void);
void budget_count_problem (void);

#endif
