/*
** lane.h - requests that wait for the same thing: the connections of one
** origin, and the same limits of one account.
*/
#ifndef KLAVIYO_LANE_H
#define KLAVIYO_LANE_H

#include <curl/curl.h>

#include "budget.h"

#define LANE_BUCKETS BUDGET_BUCKETS

/* What a request waits by: part of it, so that waiting takes no memory. */
typedef struct place {
  struct place *previous, *next;
  bool taken;
} place;

/* A server, and how much goes to it at a time from one engine. */
typedef struct origin {
  int references;     /* the engine, and lanes */
  struct origins *owner;
  bool open;          /* the engine is there */
  char *name;         /* scheme://host:port */
  int in_flight;
  int background;     /* of those, what nobody waits for */
  long http_version;  /* 0 until it has answered */
  struct origin *next;
} origin;

/* All of an engine. Few, and they stay: a process talks to the same servers
** all its life. The thread that submits adds to them; who works on the
** transfers counts. */
typedef struct origins {
  origin *first;
  long pid;
} origins;

void origins_close (origins *all);

typedef struct lane {
  int references;
  char *origin_name;
  origin *origin;                /* NULL before the lane's first request */
  budget *budget;                /* NULL: not paced */
  bucket buckets[LANE_BUCKETS];
  int bucket_count;
  place *first, *last;           /* ready to go, the oldest first */
  int64_t length;
  int64_t closed_until;          /* as the budget said, on the engine's clock */
  struct lane *next;             /* among the engine's lanes that have some */
  bool listed;
  bool background;               /* nobody waits for what is in it */
  long pid;                      /* of the process that uses it */
} lane;

/* One reference, the caller's; NULL when memory is out. */
lane *lane_new (const char *origin_name);
lane *lane_share (lane *l);
void lane_release (lane *l);

/* False when the lane has no place for another limit. */
bool lane_add_bucket (lane *l, const bucket *b);

/* Before a request is submitted: the lane belongs to the engine that has these
** origins from now on. False, with '*why', while it is another thread's, or
** when memory is out. */
bool lane_claim (lane *l, origins *all, const char **why);

/* Before use: a child forgets what its parent had waiting there. */
void lane_adopt (lane *l, long pid);

void lane_append (lane *l, place *p);
void lane_prepend (lane *l, place *p);
void lane_remove (lane *l, place *p);

/* A request taken from the budget 'then' was still under way just now, or
** came to its end. Returns the budget's now. */
int64_t lane_settle (lane *l, int64_t then);

/* One more of the lane's requests runs, or one less. */
void lane_runs (lane *l, int by);

/* Whether the origin has room for another of them. Those that nobody waits
** for leave half of it to the others. */
bool lane_has_room (const lane *l);

/* Which connection a transfer takes. Without TLS nothing tells whether there
** are streams on it until the first answer: the others must not wait for
** that. */
CURLcode origin_apply (const origin *o, CURL *easy, bool fresh);

/* For the many callers of a server, in place of a script's few. */
void origins_widen (void);

/* How many connections an origin may have. */
int origin_connections (void);

#endif
