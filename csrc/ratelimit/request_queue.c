/*
** ratelimit/request_queue.c - requests that wait for the same thing.
*/
#include "ratelimit/request_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/refcount.h"

/* How much one origin is given at a time. Of streams, what servers commonly
** allow on one connection, or several connections full of them; or else
** connections: what one client may decently hold open. */
typedef struct width {
  int streams, connections;
} width;

static const width narrow = {100, 16};
static const width wide = {512, 256};
static const width *origin_width = &narrow;

#define MAX_BACKGROUND 64


static void origin_release (origin *o) {
  if (o == NULL || !refcount_down(&o->references))
    return;
  free(o->name);
  free(o);
}


/* One reference more, the caller's. */
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


/* Another thread may look at its lane's origin at the same time. */
void origins_close (origins *all) {
  while (all->first != NULL) {
    origin *o = all->first;
    all->first = o->next;
    __atomic_store_n(&o->open, false, __ATOMIC_RELEASE);
    origin_release(o);
  }
}


bool lane_claim (request_queue *l, origins *all, const char **why) {
  origin *before = l->origin;
  bool open =
      before != NULL && __atomic_load_n(&before->open, __ATOMIC_ACQUIRE);
  if (open && before->owner == all)
    return true;
  if (open && l->pid == all->pid) {
    *why = "this Lua state is another thread's: each thread needs its own";
    return false;
  }
  l->origin = origin_get(all, l->origin_name);
  if (l->origin == NULL) {
    l->origin = before;
    *why = "not enough memory";
    return false;
  }
  origin_release(before);
  request_queue_adopt(l, all->pid);
  return true;
}


void origins_widen (void) {
  __atomic_store_n(&origin_width, &wide, __ATOMIC_RELAXED);
}


static const width *width_now (void) {
  return __atomic_load_n(&origin_width, __ATOMIC_RELAXED);
}


int origin_connections (void) {
  return width_now()->connections;
}


CURLcode origin_apply (const origin *o, CURL *easy, bool fresh) {
  /* better a stream than a connection */
  long wait = strncmp(o->name, "http:", 5) != 0;
  CURLcode code = curl_easy_setopt(easy, CURLOPT_PIPEWAIT, wait);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long)fresh);
  return code;
}


request_queue *request_queue_new (const char *origin_name) {
  request_queue *l = calloc(1, sizeof(*l));
  if (l == NULL)
    return NULL;
  l->references = 1;
  l->origin_name = text_copy(origin_name, strlen(origin_name));
  if (l->origin_name == NULL) {
    free(l);
    return NULL;
  }
  return l;
}


request_queue *request_queue_share (request_queue *l) {
  refcount_up(&l->references);
  return l;
}


void request_queue_release (request_queue *l) {
  if (l == NULL || !refcount_down(&l->references))
    return;
  budget_release(l->budget);
  origin_release(l->origin);
  free(l->origin_name);
  free(l);
}


bool request_queue_add_bucket (request_queue *l, const bucket *b) {
  if (l->bucket_count == MAX_BUCKETS)
    return false;
  l->buckets[l->bucket_count++] = *b;
  return true;
}


int64_t request_queue_renew (request_queue *l, int64_t then) {
  int64_t now = budget_now(l->budget);
  if (l->budget != NULL)
    budget_renew(l->budget, l->buckets, l->bucket_count, then, now);
  return now;
}


void request_queue_adopt (request_queue *l, long pid) {
  if (l->pid == pid)
    return;
  l->pid = pid;
  l->first = l->last = NULL;
  l->length = 0;
  l->listed = false;
}


void request_queue_count_running (request_queue *l, int by) {
  l->origin->running += by;
  if (l->background)
    l->origin->background += by;
}


bool request_queue_has_capacity (const request_queue *l) {
  const origin *o = l->origin;
  int most = o->http_version >= CURL_HTTP_VERSION_2_0
                 ? width_now()->streams
                 : width_now()->connections;
  int background = most / 2 < MAX_BACKGROUND ? most / 2 : MAX_BACKGROUND;
  return o->running < most && (!l->background || o->background < background);
}


void request_queue_append (request_queue *l, queue_node *p) {
  p->next = NULL;
  p->previous = l->last;
  if (l->last != NULL)
    l->last->next = p;
  else
    l->first = p;
  l->last = p;
  l->length++;
  p->taken = true;
}


void request_queue_prepend (request_queue *l, queue_node *p) {
  p->previous = NULL;
  p->next = l->first;
  if (l->first != NULL)
    l->first->previous = p;
  else
    l->last = p;
  l->first = p;
  l->length++;
  p->taken = true;
}


void request_queue_remove (request_queue *l, queue_node *p) {
  if (p->previous != NULL)
    p->previous->next = p->next;
  else
    l->first = p->next;
  if (p->next != NULL)
    p->next->previous = p->previous;
  else
    l->last = p->previous;
  p->next = p->previous = NULL;
  l->length--;
  p->taken = false;
}
