/*
** http/easy_pool.c - a pool of idle easy handles.
*/
#include "http/easy_pool.h"


CURL *easy_pool_take (easy_pool *pool, const request *r, bool *configured) {
  unsigned long settings_id = r->settings->id;
  request_kind kind = request_kind_of(r);
  spare found;
  int i = pool->count - 1;
  *configured = false;
  if (i < 0)
    return curl_easy_init();
  while (i > 0 && (pool->list[i].settings_id != settings_id ||
                   pool->list[i].kind != kind))
    i--;
  found = pool->list[i];
  pool->list[i] = pool->list[--pool->count];
  *configured = found.settings_id == settings_id && found.kind == kind;
  if (!*configured)
    curl_easy_reset(found.easy); /* the multi handle keeps the connections */
  return found.easy;
}


/* A handle whose attempt failed is not reused: curl_easy_reset does not clear
** the mark that HTTP/2 refused its stream, and because of it libcurl would send
** a later request twice. */
void easy_pool_put (easy_pool *pool, CURL *easy, const request *r,
                    bool failed) {
  spare *s = &pool->list[pool->count];
  if (failed || pool->count == MAX_SPARE) {
    curl_easy_cleanup(easy);
    return;
  }
  s->easy = easy;
  s->kind = request_kind_of(r);
  s->settings_id = s->kind != KIND_OTHER ? r->settings->id : 0;
  if (s->settings_id == 0)
    curl_easy_reset(easy);
  else
    request_clear(r, easy);
  pool->count++;
}


void easy_pool_free (easy_pool *pool) {
  while (pool->count > 0)
    curl_easy_cleanup(pool->list[--pool->count].easy);
}
