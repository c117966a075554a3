/*
** ratelimit/request_queue.c - a queue of requests under the same limits.
*/
#include "ratelimit/request_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/refcount.h"
#include "http/retry.h"

/* How many requests run to one origin at a time: the streams of HTTP/2, as many
** as servers commonly allow on one or a few connections, or else the
** connections of HTTP/1, as many as one client should open. */
typedef struct origin_limits {
  int streams, connections;
} origin_limits;

static const origin_limits script_limits = {100, 16};
static const origin_limits server_limits = {512, 256};
static const origin_limits *limits_in_use = &script_limits;

#define MAX_BACKGROUND 64


static void origin_release (origin *o) {
  if (o == NULL || !refcount_down(&o->references))
    return;
  free(o->name);
  free(o);
}


/* Returns the origin of that name, created if needed, with a reference for the
** caller. */
static origin *origin_get (origins *all, const char *name) {
  origin *o;
  for (o = all->first; o != NULL; o = o->next)
    if (strcmp(o->name, name) == 0)
      break;
  if (o == NULL) {
    o = calloc(1, sizeof(*o));
    if (o == NULL)
      return NULL;
    o->references = 1;
    o->name = text_copy(name, strlen(name));
    if (o->name == NULL) {
      free(o);
      return NULL;
    }
    o->owner = all;
    o->open = true;
    o->next = all->first;
    all->first = o;
  }
  refcount_up(&o->references);
  return o;
}


/* Atomic, because another thread may read the origin of its queue. */
void origins_close (origins *all) {
  while (all->first != NULL) {
    origin *o = all->first;
    all->first = o->next;
    __atomic_store_n(&o->open, false, __ATOMIC_RELEASE);
    origin_release(o);
  }
}


bool request_queue_claim (request_queue *q, origins *all, const char **why) {
  origin *before = q->origin;
  bool open =
      before != NULL && __atomic_load_n(&before->open, __ATOMIC_ACQUIRE);
  if (open && before->owner == all)
    return true;
  if (open && q->pid == all->pid) {
    *why =
        "this Lua state belongs to another thread; each thread needs its own";
    return false;
  }
  q->origin = origin_get(all, q->origin_name);
  if (q->origin == NULL) {
    q->origin = before;
    *why = "not enough memory";
    return false;
  }
  origin_release(before);
  request_queue_adopt(q, all->pid);
  return true;
}


void origins_widen (void) {
  __atomic_store_n(&limits_in_use, &server_limits, __ATOMIC_RELAXED);
}


static const origin_limits *current_limits (void) {
  return __atomic_load_n(&limits_in_use, __ATOMIC_RELAXED);
}


int origin_connections (void) {
  return current_limits()->connections;
}


CURLcode origin_apply (const origin *o, CURL *easy, bool fresh) {
  /* prefer a stream to a new connection */
  long wait = strncmp(o->name, "http:", 5) != 0;
  CURLcode code = curl_easy_setopt(easy, CURLOPT_PIPEWAIT, wait);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long)fresh);
  return code;
}


request_queue *request_queue_new (const char *origin_name) {
  request_queue *q = calloc(1, sizeof(*q));
  if (q == NULL)
    return NULL;
  q->references = 1;
  q->origin_name = text_copy(origin_name, strlen(origin_name));
  if (q->origin_name == NULL) {
    free(q);
    return NULL;
  }
  return q;
}


request_queue *request_queue_share (request_queue *q) {
  refcount_up(&q->references);
  return q;
}


void request_queue_release (request_queue *q) {
  if (q == NULL || !refcount_down(&q->references))
    return;
  budget_release(q->budget);
  origin_release(q->origin);
  free(q->origin_name);
  free(q);
}


bool request_queue_add_bucket (request_queue *q, const bucket *b) {
  if (q->bucket_count == MAX_BUCKETS)
    return false;
  q->buckets[q->bucket_count++] = *b;
  return true;
}


int64_t request_queue_renew (request_queue *q, int64_t then) {
  int64_t now = budget_now(q->budget);
  if (q->budget != NULL)
    budget_renew(q->budget, q->buckets, q->bucket_count, then, now);
  return now;
}


/* After a 429 other requests would be rejected as well. */
int64_t request_queue_finish (request_queue *q, int64_t then, long status,
                              const char *head, size_t head_size) {
  int64_t now = request_queue_renew(q, then);
  rate_limit limit;
  if (q->budget == NULL || q->bucket_count == 0 || status == 0)
    return now;
  if (status == 429) {
    long seconds = headers_retry_after(head, head_size);
    budget_block(q->budget, &q->buckets[0], now,
                 seconds > 0 ? (int64_t)seconds * 1000 : RETRY_MIN_PACE_MS);
  }
  else if (headers_rate_limit(head, head_size, &limit))
    budget_learn(q->budget, q->buckets, q->bucket_count, &limit, now);
  return now;
}


void request_queue_adopt (request_queue *q, long pid) {
  if (q->pid == pid)
    return;
  q->pid = pid;
  q->first = q->last = NULL;
  q->length = 0;
  q->listed = false;
}


void request_queue_count_running (request_queue *q, int by) {
  q->origin->running += by;
  if (q->background)
    q->origin->background += by;
}


bool request_queue_has_capacity (const request_queue *q) {
  const origin *o = q->origin;
  int most = o->http_version >= CURL_HTTP_VERSION_2_0
                 ? current_limits()->streams
                 : current_limits()->connections;
  int background = most / 2 < MAX_BACKGROUND ? most / 2 : MAX_BACKGROUND;
  return o->running < most && (!q->background || o->background < background);
}


void request_queue_append (request_queue *q, queue_node *node) {
  node->next = NULL;
  node->previous = q->last;
  if (q->last != NULL)
    q->last->next = node;
  else
    q->first = node;
  q->last = node;
  q->length++;
  node->queued = true;
}


void request_queue_prepend (request_queue *q, queue_node *node) {
  node->previous = NULL;
  node->next = q->first;
  if (q->first != NULL)
    q->first->previous = node;
  else
    q->last = node;
  q->first = node;
  q->length++;
  node->queued = true;
}


void request_queue_remove (request_queue *q, queue_node *node) {
  if (node->previous != NULL)
    node->previous->next = node->next;
  else
    q->first = node->next;
  if (node->next != NULL)
    node->next->previous = node->previous;
  else
    q->last = node->previous;
  node->next = node->previous = NULL;
  q->length--;
  node->queued = false;
}
