/*
** api/pages.h - the links from page to page of a collection.
**
** The caller owns the struct, and the struct what its pointers name. One thread
** at a time may use it.
*/
#ifndef KLAVIYO_PAGES_H
#define KLAVIYO_PAGES_H

#include <stdint.h>

#include "base/buffer.h"

typedef enum pages_status {
  PAGES_NEXT, /* 'url' is that of the next page */
  PAGES_END,
  PAGES_BROKEN,   /* not a complete JSON object, or the link is not a URL */
  PAGES_FOREIGN,  /* the link leads to another origin */
  PAGES_REPEATED, /* the link leads to a visited page */
  PAGES_NO_MEMORY
} pages_status;

typedef struct pages {
  char *base;        /* the base URL for links */
  buffer url;        /* the next page to request */
  buffer link;       /* the last link, as the service wrote it */
  uint64_t *visited; /* hash set, open addressing; 0: empty slot */
  size_t count, room;
} pages;

/* Starts at 'url'. Returns false if there is not enough memory. */
bool pages_open (pages *p, const char *base, const char *url);

/* Reads the link of a page that was received and sets 'url'. */
pages_status pages_follow (pages *p, const char *page, size_t size);

/* Does the same with the link of a page that was decoded already. */
pages_status pages_follow_link (pages *p, const char *link, size_t size);

/* Frees what the struct owns, and sets it to zero. */
void pages_close (pages *p);

#endif
