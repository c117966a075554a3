/*
** ratelimit/request_queue.h - requests that wait for the same thing: the
** connections of one origin, and the same limits of one account.
*/
#ifndef KLAVIYO_REQUEST_QUEUE_H
#define KLAVIYO_REQUEST_QUEUE_H

#include <curl/curl.h>

#include "ratelimit/budget.h"

#define MAX_BUCKETS BUDGET_BUCKETS

/* What a request waits by: part of it, so that waiting takes no memory. */
typedef struct queue_node {
  struct queue_node *previous, *next;
  bool queued;
} queue_node;

/* A server, and how much goes to it at a time from one engine. */
typedef struct origin {
  int references; /* the engine, and lanes */
  struct origins *owner;
  bool open;  /* the engine is there */
  char *name; /* scheme://host:port */
  int running;
  int background;    /* of those, what nobody waits for */
  long http_version; /* 0 until it has answered */
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

typedef struct request_queue {
  int references;
  char *origin_name;
  origin *origin; /* NULL before the lane's first request */
  budget *budget; /* NULL: not paced */
  bucket buckets[MAX_BUCKETS];
  int bucket_count;
  queue_node *first, *last; /* ready to go, the oldest first */
  int64_t length;
  int64_t closed_until;       /* as the budget said, on the engine's clock */
  struct request_queue *next; /* among the engine's lanes that have some */
  bool listed;
  bool background; /* nobody waits for what is in it */
  long pid;        /* of the process that uses it */
} request_queue;

/* One reference, the caller's; NULL when memory is out. */
request_queue *request_queue_new (const char *origin_name);
request_queue *request_queue_share (request_queue *q);
void request_queue_release (request_queue *q);

/* False when the lane has no place for another limit. */
bool request_queue_add_bucket (request_queue *q, const bucket *b);

/* Before a request is submitted: the lane belongs to the engine that has these
** origins from now on. False, with '*why', while it is another thread's, or
** when memory is out. */
bool request_queue_claim (request_queue *q, origins *all, const char **why);

/* Before use: a child forgets what its parent had waiting there. */
void request_queue_adopt (request_queue *q, long pid);

void request_queue_append (request_queue *q, queue_node *node);
void request_queue_prepend (request_queue *q, queue_node *node);
void request_queue_remove (request_queue *q, queue_node *node);

/* A request taken from the budget 'then' was still under way just now, or
** came to its end. Returns the budget's now. */
int64_t request_queue_renew (request_queue *q, int64_t then);

/* One more of the lane's requests runs, or one less. */
void request_queue_count_running (request_queue *q, int by);

/* Whether the origin has room for another of them. Those that nobody waits
** for leave half of it to the others. */
bool request_queue_has_capacity (const request_queue *q);

/* Which connection a transfer takes. Without TLS nothing tells whether there
** are streams on it until the first answer: the others must not wait for
** that. */
CURLcode origin_apply (const origin *o, CURL *easy, bool fresh);

/* For the many callers of a server, in place of a script's few. */
void origins_widen (void);

/* How many connections an origin may have. */
int origin_connections (void);

#endif
