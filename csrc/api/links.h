/*
** api/links.h - the next link of a JSON:API page, found without decoding it.
*/
#ifndef KLAVIYO_LINKS_H
#define KLAVIYO_LINKS_H

#include "base/buffer.h"

typedef enum link_status {
  LINK_FOUND,
  LINK_NONE,   /* absent, null or empty: the last page */
  LINK_BROKEN, /* not a whole JSON object */
  LINK_NO_MEMORY
} link_status;

/* Looks for the member "next" of the top-level member "links" and adds its
** text, unescaped, to 'out'. A link may be a string or, as JSON:API also
** allows, an object with "href". */
link_status links_next (buffer *out, const char *page, size_t size);

#endif
