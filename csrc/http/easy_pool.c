/*
** http/easy_pool.c - libcurl's handles that did their work.
*/
#include "http/easy_pool.h"


CURL *easy_pool_take (easy_pool *h, const request *r, bool *configured) {
  unsigned long number = r->settings->number;
  request_kind kind = request_kind_of(r);
  spare found;
  int i = h->count - 1;
  *configured = false;
  if (i < 0)
    return curl_easy_init();
  while (i > 0 && (h->list[i].number != number || h->list[i].kind != kind))
    i--;
  found = h->list[i];
  h->list[i] = h->list[--h->count];
  *configured = found.number == number && found.kind == kind;
  if (!*configured)
    curl_easy_reset(found.easy); /* connections are the multi handle's */
  return found.easy;
}


/* One that an attempt failed on is not used again: curl_easy_reset leaves in
** it that HTTP/2 refused its stream, for which libcurl would send a later
** request twice. */
void easy_pool_put (easy_pool *h, CURL *easy, const request *r, bool failed) {
  spare *s = &h->list[h->count];
  if (failed || h->count == MAX_SPARE) {
    curl_easy_cleanup(easy);
    return;
  }
  s->easy = easy;
  s->kind = request_kind_of(r);
  s->number = s->kind != KIND_OTHER ? r->settings->number : 0;
  if (s->number == 0)
    curl_easy_reset(easy);
  else
    request_clear(easy);
  h->count++;
}


void handles_free (easy_pool *h) {
  while (h->count > 0)
    curl_easy_cleanup(h->list[--h->count].easy);
}
