/*
** http/headers.h - the header fields of a request and of an answer.
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
  HEADER_BAD_VALUE /* holds a control character: another header, perhaps */
} header_status;

/* Adds "name: value" to a list for libcurl. */
header_status headers_add (struct curl_slist **list, const char *name,
                           const char *value, size_t value_size);

/* Finds the first field of that name (any case) in an answer's header
** block, as it came from the wire; '*value' is trimmed, not terminated. */
bool headers_find (const char *block, size_t block_size, const char *name,
                   const char **value, size_t *value_size);

/* Walks the fields of a block: '*at' starts at 0; false at the end. */
typedef struct header_field {
  const char *name, *value;
  size_t name_size, value_size;
} header_field;

bool headers_next (const char *block, size_t block_size, size_t *at,
                   header_field *field);

#define RATE_WINDOWS 4

/* RateLimit-Limit: 75, 75;w=1, 750;w=60 and its companions. Absent figures
** are -1. */
typedef struct rate_limit {
  long limit, remaining, reset; /* requests, requests, seconds */
  int windows;                  /* how many of these are in use */
  struct {
    long limit, seconds;
  } window[RATE_WINDOWS];
} rate_limit;

/* False where the answer says nothing about limits. */
bool headers_rate_limit (const char *block, size_t block_size,
                         rate_limit *found);

/* Retry-After, in seconds from now, whether it came as seconds or as a
** date; -1 where it is absent or makes no sense. */
long headers_retry_after (const char *block, size_t block_size);

#endif
