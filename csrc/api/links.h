/*
** api/links.h - finds the next link of a JSON:API page without decoding it.
**
** The caller owns page and buffer. Any thread may call this.
*/
#ifndef KLAVIYO_LINKS_H
#define KLAVIYO_LINKS_H

#include "base/buffer.h"

typedef enum link_status {
  LINK_FOUND,
  LINK_NONE,   /* missing, null or empty: the last page */
  LINK_BROKEN, /* not a complete JSON object */
  LINK_NO_MEMORY
} link_status;

/* Adds the text, unescaped, of the member "next" of the top-level member
** "links" to 'out'. A link is a string or, as JSON:API also allows, an object
** with "href". */
link_status links_next (buffer *out, const char *page, size_t size);

#endif
