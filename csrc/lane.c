/*
** lane.c - requests that wait for the same thing.
*/
#include "lane.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "count.h"

/* How much one origin is given at a time. Of streams, what servers commonly
** allow on one connection, or several connections full of them; or else
** connections: what one client may decently hold open. */
typedef struct width {
  int streams, connections;
} width;

static const width narrow = {100, 16};
static const width wide = {512, 256};
static const width *origin_width = &narrow;

#define MOST_BACKGROUND 64

/* Few, and they stay: a process talks to the same servers all its life. */
static origin *origins = NULL;


static origin *origin_get (const char *name) {
  origin *o;
  for (o = origins; o != NULL; o = o->next)
    if (strcmp(o->name, name) == 0)
      return o;
  o = calloc(1, sizeof(*o));
  if (o == NULL)
    return NULL;
  o->name = text_copy(name, strlen(name));
  if (o->name == NULL) {
    free(o);
    return NULL;
  }
  o->next = origins;
  origins = o;
  return o;
}


void origins_reset (void) {
  origin *o;
  for (o = origins; o != NULL; o = o->next)
    o->in_flight = o->background = 0;
}


void origins_widen (void) {
  origin_width = &wide;
}


int origin_connections (void) {
  return origin_width->connections;
}


CURLcode origin_apply (const origin *o, CURL *easy, bool fresh) {
  /* better a stream than a connection */
  long wait = strncmp(o->name, "http:", 5) != 0;
  CURLcode code = curl_easy_setopt(easy, CURLOPT_PIPEWAIT, wait);
  if (code == CURLE_OK)
    code = curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, (long)fresh);
  return code;
}


lane *lane_new (const char *origin_name) {
  lane *l = calloc(1, sizeof(*l));
  if (l == NULL)
    return NULL;
  l->references = 1;
  l->origin = origin_get(origin_name);
  if (l->origin == NULL) {
    free(l);
    return NULL;
  }
  return l;
}


lane *lane_share (lane *l) {
  count_up(&l->references);
  return l;
}


void lane_release (lane *l) {
  if (l == NULL || !count_down(&l->references))
    return;
  budget_release(l->budget);
  free(l);
}


bool lane_add_bucket (lane *l, const bucket *b) {
  if (l->bucket_count == LANE_BUCKETS)
    return false;
  l->buckets[l->bucket_count++] = *b;
  return true;
}


int64_t lane_settle (lane *l, int64_t then) {
  int64_t now = budget_now(l->budget);
  if (l->budget != NULL)
    budget_settle(l->budget, l->buckets, l->bucket_count, then, now);
  return now;
}


void lane_adopt (lane *l, long pid) {
  if (l->pid == pid)
    return;
  l->pid = pid;
  l->first = l->last = NULL;
  l->length = 0;
  l->listed = false;
}


void lane_runs (lane *l, int by) {
  l->origin->in_flight += by;
  if (l->background)
    l->origin->background += by;
}


bool lane_has_room (const lane *l) {
  const origin *o = l->origin;
  int most = o->http_version >= CURL_HTTP_VERSION_2_0
               ? origin_width->streams : origin_width->connections;
  int background = most / 2 < MOST_BACKGROUND ? most / 2 : MOST_BACKGROUND;
  return o->in_flight < most && (!l->background || o->background < background);
}


void lane_append (lane *l, place *p) {
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


void lane_prepend (lane *l, place *p) {
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


void lane_remove (lane *l, place *p) {
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
