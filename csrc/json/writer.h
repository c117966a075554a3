/*
** json/writer.h - writes strings and numbers for JSON and for filters: exactly,
** in any locale.
**
** The caller owns what these functions write to. Any thread may call them.
*/
#ifndef KLAVIYO_JSON_H
#define KLAVIYO_JSON_H

#include "base/buffer.h"

#define JSON_NUMBER_SIZE 40

/* These functions write to 'out', which has JSON_NUMBER_SIZE bytes, without a
** terminating zero, and return the size. */
size_t json_integer (char *out, int64_t value);

/* Writes integers up to 2^53 without an exponent, other numbers in the fewest
** digits that read back as the same double. Returns 0 if it is not finite. */
size_t json_double (char *out, double x);

typedef enum json_status { JSON_OK, JSON_NOT_UTF8, JSON_NO_MEMORY } json_status;

/* Adds a string in quotes. If it is not UTF-8, '*bad' is the position of the
** first invalid byte, counted from 1, and a part of the string has been
** added. */
json_status json_string (buffer *out, const char *text, size_t size,
                         size_t *bad);

#endif
