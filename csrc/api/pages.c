/*
** api/pages.c - the links from page to page of a collection.
**
** A collection may have tens of thousands of pages, so visited pages are stored
** as 64-bit hashes: a false match occurs in one of 2^32 collections of that
** size.
*/
#include "api/pages.h"

#include <stdlib.h>
#include <string.h>

#include "api/links.h"
#include "api/url.h"

#define FIRST_ROOM 64


static void put (uint64_t *set, size_t room, uint64_t h) {
  size_t i = (size_t)h & (room - 1);
  while (set[i] != 0)
    i = (i + 1) & (room - 1);
  set[i] = h;
}


static bool has (const pages *p, uint64_t h) {
  size_t i;
  if (p->room == 0)
    return false;
  for (i = (size_t)h & (p->room - 1); p->visited[i] != 0;
       i = (i + 1) & (p->room - 1))
    if (p->visited[i] == h)
      return true;
  return false;
}


static bool grow (pages *p) {
  size_t i, room = p->room ? p->room * 2 : FIRST_ROOM;
  uint64_t *visited = calloc(room, sizeof(*visited));
  if (visited == NULL)
    return false;
  for (i = 0; i < p->room; i++)
    if (p->visited[i] != 0)
      put(visited, room, p->visited[i]);
  free(p->visited);
  p->visited = visited;
  p->room = room;
  return true;
}


/*
** Adds a page to the visited ones. A page is identified by its cursor, because
** the service may write the rest of the URL differently; without a cursor, by
** its whole URL.
*/
static pages_status remember (pages *p) {
  buffer cursor = {NULL, 0, 0};
  bool ok;
  bool has_cursor = url_cursor(&cursor, p->url.data, p->url.size, &ok);
  uint64_t h = has_cursor ? bytes_hash(cursor.data, cursor.size)
                          : bytes_hash(p->url.data, p->url.size);
  buffer_free(&cursor);
  if (!ok)
    return PAGES_NO_MEMORY;
  if (has(p, h))
    return PAGES_REPEATED;
  if (p->count * 2 >= p->room && !grow(p))
    return PAGES_NO_MEMORY;
  put(p->visited, p->room, h);
  p->count++;
  return PAGES_NEXT;
}


bool pages_open (pages *p, const char *base, const char *url) {
  memset(p, 0, sizeof(*p));
  p->base = text_copy(base, strlen(base));
  if (p->base != NULL && buffer_add_text(&p->url, url) &&
      remember(p) == PAGES_NEXT)
    return true;
  pages_close(p);
  return false;
}


static pages_status follow (pages *p) {
  p->url.size = 0;
  switch (url_rebase(&p->url, p->base, p->link.data, p->link.size)) {
    case URL_OK: return remember(p);
    case URL_BAD: return PAGES_BROKEN;
    case URL_FOREIGN: return PAGES_FOREIGN;
    case URL_NO_MEMORY: break;
  }
  return PAGES_NO_MEMORY;
}


pages_status pages_follow_link (pages *p, const char *link, size_t size) {
  p->link.size = 0;
  return buffer_add(&p->link, link, size) ? follow(p) : PAGES_NO_MEMORY;
}


pages_status pages_follow (pages *p, const char *page, size_t size) {
  p->link.size = 0;
  switch (links_next(&p->link, page, size)) {
    case LINK_FOUND: return follow(p);
    case LINK_NONE: return PAGES_END;
    case LINK_BROKEN: return PAGES_BROKEN;
    case LINK_NO_MEMORY: break;
  }
  return PAGES_NO_MEMORY;
}


void pages_close (pages *p) {
  free(p->base);
  free(p->visited);
  buffer_free(&p->url);
  buffer_free(&p->link);
  memset(p, 0, sizeof(*p));
}
