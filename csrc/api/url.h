/*
** api/url.h - paths, queries, and the links of the service below the base URL
** of the client.
**
** The caller owns the buffers. Any thread may call these functions.
*/
#ifndef KLAVIYO_URL_H
#define KLAVIYO_URL_H

#include "base/buffer.h"

typedef enum url_status {
  URL_OK,
  URL_NO_MEMORY,
  URL_BAD,    /* not a URL, or not allowed here */
  URL_FOREIGN /* a valid URL of another origin */
} url_status;

/* Adds a text with everything but RFC 3986's unreserved characters as %XX. */
bool url_escape (buffer *out, const char *text, size_t size);

/* Adds one path segment. Returns URL_BAD for "", "." and "..", which would
** address another resource. */
url_status url_add_segment (buffer *out, const char *text, size_t size);

/* Returns true for http(s)://host[:port][/prefix] without user, query,
** fragment, dot segments and trailing slash. '*ok' is false only if there is
** not enough memory. */
bool url_is_base (const char *base, bool *ok);

/* Adds the URL of a link of the service below 'base'. The link must have the
** origin of the service or of base; its path from /api/ or /client/ on is added
** to base. */
url_status url_rebase (buffer *out, const char *base, const char *link,
                       size_t link_size);

/* Adds the decoded value of the query parameter page[cursor] (or page_cursor,
** as reports name it). Returns false if there is none. '*ok' is false only if
** there is not enough memory. */
bool url_cursor (buffer *out, const char *url, size_t size, bool *ok);

#endif
