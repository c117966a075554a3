/*
** api/url.h - writing paths and queries, and putting the service's links behind
** the base URL that the user asked for.
*/
#ifndef KLAVIYO_URL_H
#define KLAVIYO_URL_H

#include "base/buffer.h"

typedef enum url_status {
  URL_OK,
  URL_NO_MEMORY,
  URL_BAD,    /* not a URL, or not one that may be used here */
  URL_FOREIGN /* a well-formed URL of another origin */
} url_status;

/* Everything but RFC 3986's unreserved characters becomes %XX. */
bool url_escape (buffer *out, const char *text, size_t size);

/* One path segment. "", "." and ".." are URL_BAD: they would name another
** resource than the one that was asked for. */
url_status url_add_segment (buffer *out, const char *text, size_t size);

/* True for http(s)://host[:port][/prefix] without user, query, fragment, dot
** segments or a slash at the end. '*ok' is false only when memory is out. */
bool url_is_base (const char *base, bool *ok);

/* Where a link of the service's leads, seen from 'base'. The link must be
** of the service's own origin or of base's; its path from /api/ or /client/
** on is put behind base. */
url_status url_rebase (buffer *out, const char *base, const char *link,
                       size_t link_size);

/* The decoded value of the query parameter page[cursor] (or page_cursor, as
** reports call it); false where there is none. '*ok' is false only when memory
** is out. */
bool url_cursor (buffer *out, const char *url, size_t size, bool *ok);

#endif
