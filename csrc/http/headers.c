/*
** http/headers.c - the header fields of requests and responses.
*/
#include "http/headers.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "base/buffer.h"

#define MAX_DATE 64
#define LARGEST_NUMBER 1000000000L


static bool is_token_char (unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}


static bool is_token (const char *name) {
  const char *c;
  for (c = name; *c != '\0'; c++)
    if (!is_token_char((unsigned char)*c))
      return false;
  return c > name;
}


static bool is_value (const char *value, size_t size) {
  size_t i;
  for (i = 0; i < size; i++) {
    unsigned char c = (unsigned char)value[i];
    if (c < ' ' || c == 127)
      return false;
  }
  return true;
}


header_status headers_add (struct curl_slist **list, const char *name,
                           const char *value, size_t value_size) {
  buffer line = {NULL, 0, 0};
  struct curl_slist *longer = NULL;
  if (!is_token(name))
    return HEADER_BAD_NAME;
  if (!is_value(value, value_size))
    return HEADER_BAD_VALUE;
  /* to libcurl "Name:" means "do not send it" and "Name;" an empty value */
  if (buffer_add_text(&line, name) &&
      buffer_add_text(&line, value_size > 0 ? ": " : ";") &&
      buffer_add(&line, value, value_size) && buffer_add_byte(&line, '\0'))
    longer = curl_slist_append(*list, line.data);
  buffer_free(&line);
  if (longer == NULL)
    return HEADER_NO_MEMORY;
  *list = longer;
  return HEADER_OK;
}


static bool is_blank (char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


bool headers_next (const char *block, size_t block_size, size_t *at,
                   header_field *field) {
  while (*at < block_size) {
    const char *line = block + *at;
    const char *end = memchr(line, '\n', block_size - *at);
    const char *colon;
    size_t size = end != NULL ? (size_t)(end - line) : block_size - *at;
    *at += size + (end != NULL);
    colon = memchr(line, ':', size);
    if (colon == NULL || strncmp(line, "HTTP/", size < 5 ? size : 5) == 0)
      continue; /* the status line, the empty one at the end */
    field->name = line;
    field->name_size = (size_t)(colon - line);
    field->value = colon + 1;
    field->value_size = size - field->name_size - 1;
    while (field->value_size > 0 && is_blank(*field->value)) {
      field->value++;
      field->value_size--;
    }
    while (field->value_size > 0 &&
           is_blank(field->value[field->value_size - 1]))
      field->value_size--;
    return true;
  }
  return false;
}


/* Finds the first field of that name, in any case. */
static bool find_field (const char *block, size_t block_size, const char *name,
                        const char **value, size_t *value_size) {
  size_t at = 0, size = strlen(name);
  header_field field;
  while (headers_next(block, block_size, &at, &field)) {
    if (field.name_size == size && strncasecmp(field.name, name, size) == 0) {
      *value = field.value;
      *value_size = field.value_size;
      return true;
    }
  }
  return false;
}


/*
** Reads a whole number at the start of a text and moves '*text' behind it.
** Returns -1 if there is none, and LARGEST_NUMBER if the number is larger.
*/
static long take_number (const char **text, const char *end) {
  long number = 0;
  const char *at = *text;
  while (at < end && is_blank(*at))
    at++;
  if (at == end || *at < '0' || *at > '9')
    return -1;
  for (; at < end && *at >= '0' && *at <= '9'; at++)
    number = number < LARGEST_NUMBER / 10 ? number * 10 + (*at - '0')
                                          : LARGEST_NUMBER;
  *text = at;
  return number;
}


static long number_of (const char *block, size_t size, const char *name) {
  const char *value;
  size_t value_size;
  if (!find_field(block, size, name, &value, &value_size))
    return -1;
  return take_number(&value, value + value_size);
}


/* Returns the seconds of ";w=60" in one item of the list; 0 if it has none. */
static long window_of (const char *item, const char *end) {
  while (item < end && (item = memchr(item, ';', (size_t)(end - item)))) {
    item++;
    while (item < end && is_blank(*item))
      item++;
    if (end - item > 2 && (item[0] == 'w' || item[0] == 'W') &&
        item[1] == '=') {
      long seconds;
      item += 2;
      seconds = take_number(&item, end);
      return seconds > 0 ? seconds : 0;
    }
  }
  return 0;
}


bool headers_rate_limit (const char *block, size_t block_size,
                         rate_limit *found) {
  const char *value = NULL;
  size_t value_size = 0;
  memset(found, 0, sizeof(*found));
  found->limit = -1;
  found->remaining = number_of(block, block_size, "RateLimit-Remaining");
  found->reset = number_of(block, block_size, "RateLimit-Reset");
  if (find_field(block, block_size, "RateLimit-Limit", &value, &value_size)) {
    const char *end = value + value_size;
    while (value < end) {
      const char *comma = memchr(value, ',', (size_t)(end - value));
      const char *stop = comma != NULL ? comma : end;
      const char *item = value;
      long number = take_number(&item, stop);
      long seconds = window_of(item, stop);
      if (number >= 0 && seconds > 0 && found->windows < RATE_WINDOWS) {
        found->window[found->windows].limit = number;
        found->window[found->windows++].seconds = seconds;
      }
      else if (number >= 0 && seconds == 0 && found->limit < 0)
        found->limit = number;
      value = stop + 1;
    }
  }
  return found->limit >= 0 || found->remaining >= 0 || found->reset >= 0 ||
         found->windows > 0;
}


long headers_retry_after (const char *block, size_t block_size) {
  const char *value;
  char date[MAX_DATE];
  size_t size;
  long seconds;
  time_t when;
  if (!find_field(block, block_size, "Retry-After", &value, &size) ||
      size >= sizeof(date))
    return -1;
  memcpy(date, value, size);
  date[size] = '\0';
  seconds = take_number(&value, value + size);
  if (seconds >= 0)
    return seconds;
  when = curl_getdate(date, NULL);
  if (when == (time_t)-1)
    return -1;
  when -= time(NULL);
  if (when > LARGEST_NUMBER)
    return LARGEST_NUMBER;
  return when > 0 ? (long)when : 0;
}
