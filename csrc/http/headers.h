/*
** http/headers.h - the header fields of requests and responses.
**
** The caller owns lists and blocks. Any thread may call these functions.
*/
#ifndef KLAVIYO_HEADERS_H
#define KLAVIYO_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

struct curl_slist;

typedef enum header_status {
  HEADER_OK,
  HEADER_NO_MEMORY,
  HEADER_BAD_NAME, /* not a token of RFC 9110 */
  HEADER_BAD_VALUE /* has a control character (CR, LF, ...) */
} header_status;

/* Adds "name: value" to a header list of libcurl, which is unchanged if that
** fails. */
header_status headers_add (struct curl_slist **list, const char *name,
                           const char *value, size_t value_size);

/* A field of a response's raw header block: it points into the block. The value
** is trimmed; neither text is terminated. */
typedef struct header_field {
  const char *name, *value;
  size_t name_size, value_size;
} header_field;

/* Iterates over the fields of a block. '*at' starts at 0. Returns false at the
** end. */
bool headers_next (const char *block, size_t block_size, size_t *at,
                   header_field *field);

#define RATE_WINDOWS 4

/* The values of RateLimit-Limit ("75, 75;w=1, 750;w=60"), RateLimit-Remaining
** and RateLimit-Reset. Missing values are -1. */
typedef struct rate_limit {
  long limit, remaining, reset; /* requests, requests, seconds */
  int windows;                  /* number of elements in 'window' */
  struct {
    long limit, seconds;
  } window[RATE_WINDOWS];
} rate_limit;

/* Reads the rate limit of a response. Returns false if it has none of these
** header fields. */
bool headers_rate_limit (const char *block, size_t block_size,
                         rate_limit *found);

/* Returns the seconds of Retry-After, which may be a number or a date; -1 if
** the field is missing or malformed. */
long headers_retry_after (const char *block, size_t block_size);

#endif
