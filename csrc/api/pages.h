/*
** api/pages.h - a walk from page to page.
*/
#ifndef KLAVIYO_PAGES_H
#define KLAVIYO_PAGES_H

#include <stdint.h>

#include "base/buffer.h"

typedef enum pages_status {
  PAGES_NEXT, /* 'url' is the next page's */
  PAGES_END,
  PAGES_BROKEN,   /* the page is no whole JSON object, or its link no URL */
  PAGES_FOREIGN,  /* the link leads to another origin */
  PAGES_REPEATED, /* the link leads where the walk has been */
  PAGES_NO_MEMORY
} pages_status;

typedef struct pages {
  char *base;     /* what links are put behind */
  buffer url;     /* the page to ask for */
  buffer link;    /* the last link as the service wrote it */
  uint64_t *seen; /* open-addressed set of hashes; 0 is an empty slot */
  size_t count, room;
} pages;

/* Starts at 'url'. False when memory is out. */
bool pages_open (pages *p, const char *base, const char *url);

/* Moves on by what the page just received says. */
pages_status pages_follow (pages *p, const char *page, size_t size);

void pages_close (pages *p);

#endif
