/*
** ratelimit/request_queue.h - a queue of requests to one origin under the same
** rate limits of one account.
**
** The queue is reference counted. The thread that submits creates, claims and
** releases it; the thread that runs the event loop uses the list and the
** counters.
*/
#ifndef KLAVIYO_REQUEST_QUEUE_H
#define KLAVIYO_REQUEST_QUEUE_H

#include <curl/curl.h>

#include "ratelimit/budget.h"

#define MAX_BUCKETS BUDGET_BUCKETS

/* The link of a queued request, a field of its transfer: queueing needs no
** memory. */
typedef struct queue_node {
  struct queue_node *previous, *next;
  bool queued;
} queue_node;

/* A server (scheme, host, port), and how many requests one engine has running
** there. */
typedef struct origin {
  int references; /* the engine, and queues */
  struct origins *owner;
  bool open;  /* false: the engine has ended */
  char *name; /* scheme://host:port */
  int running;
  int background;    /* how many of those are background requests */
  long http_version; /* 0: no response yet */
  struct origin *next;
} origin;

/* The origins of an engine. They are few and are kept until the engine ends.
** The submitting thread adds to the list; the loop's thread changes the
** counters. */
typedef struct origins {
  origin *first;
  long pid;
} origins;

void origins_close (origins *all);

typedef struct request_queue {
  int references;
  char *origin_name;
  origin *origin; /* NULL before the first request */
  budget *budget; /* NULL: no rate limit */
  bucket buckets[MAX_BUCKETS];
  int bucket_count;
  queue_node *first, *last; /* waiting requests, the oldest first */
  int64_t length;
  int64_t closed_until;       /* by the budget; in clock_ms time; atomic */
  int64_t limited_at;         /* when the budget last allowed no request */
  struct request_queue *next; /* in the loop's list of non-empty queues */
  bool listed;
  bool background; /* holds background requests */
  long pid;        /* the process that uses it */
} request_queue;

/* Returns a queue with one reference, the caller's; NULL: out of memory. */
request_queue *request_queue_new (const char *origin_name);
request_queue *request_queue_share (request_queue *q);
void request_queue_release (request_queue *q);

/* Adds a limit. Returns false if the queue has MAX_BUCKETS limits already. */
bool request_queue_add_bucket (request_queue *q, const bucket *b);

/* Binds the queue to the engine with these origins; called before a request is
** submitted. Returns false and sets '*why' if another thread's engine uses the
** queue, or if there is not enough memory. */
bool request_queue_claim (request_queue *q, origins *all, const char **why);

/* Empties the queue if it was last used by the parent process. Called before
** use. */
void request_queue_adopt (request_queue *q, long pid);

void request_queue_append (request_queue *q, queue_node *node);
void request_queue_prepend (request_queue *q, queue_node *node);
void request_queue_remove (request_queue *q, queue_node *node);

/* Counts a request that was taken from the budget at 'then' as of now, because
** it is still running or has just ended. Returns the budget's current time. */
int64_t request_queue_renew (request_queue *q, int64_t then);

/* Does the same for a request that ended, and passes on to the budget what its
** response says about the limits. 'status' is 0 without a response, whose raw
** header block 'head' is. */
int64_t request_queue_finish (request_queue *q, int64_t then, long status,
                              const char *head, size_t head_size);

/* Adds 'by' to the number of running requests. */
void request_queue_count_running (request_queue *q, int by);

/* Returns whether the origin has capacity for another request of the queue.
** Background requests leave half of it to the others. */
bool request_queue_has_capacity (const request_queue *q);

/* Sets which connection a transfer may use. Without TLS, libcurl learns only
** from the first response whether a connection supports HTTP/2 streams: the
** other transfers do not wait for that. */
CURLcode origin_apply (const origin *o, CURL *easy, bool fresh);

/* Raises the limits per origin, for a server with many concurrent callers. */
void origins_widen (void);

/* Returns how many connections an origin may have. */
int origin_connections (void);

#endif
