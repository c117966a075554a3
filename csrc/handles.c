/*
** handles.c - libcurl's handles that did their work.
*/
#include "handles.h"


CURL *handles_take (handles *h, const request *r, bool *dressed) {
  unsigned long number = r->settings->number;
  request_cut cut = request_cut_of(r);
  spare found;
  int i = h->count - 1;
  *dressed = false;
  if (i < 0)
    return curl_easy_init();
  while (i > 0 && (h->list[i].number != number || h->list[i].cut != cut))
    i--;
  found = h->list[i];
  h->list[i] = h->list[--h->count];
  *dressed = found.number == number && found.cut == cut;
  if (!*dressed)
    curl_easy_reset(found.easy);  /* connections are the multi handle's */
  return found.easy;
}


/* One that an attempt failed on is not used again: curl_easy_reset leaves in
** it that HTTP/2 refused its stream, for which libcurl would send a later
** request twice. */
void handles_keep (handles *h, CURL *easy, const request *r, bool failed) {
  spare *s = &h->list[h->count];
  if (failed || h->count == SPARE_HANDLES) {
    curl_easy_cleanup(easy);
    return;
  }
  s->easy = easy;
  s->cut = request_cut_of(r);
  s->number = s->cut != CUT_OTHER ? r->settings->number : 0;
  if (s->number == 0)
    curl_easy_reset(easy);
  else
    request_undress(easy);
  h->count++;
}


void handles_free (handles *h) {
  while (h->count > 0)
    curl_easy_cleanup(h->list[--h->count].easy);
}
