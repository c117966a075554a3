/*
** json/writer.h - strings and numbers as JSON writes them, and as filters do:
** exact, whatever the locale.
*/
#ifndef KLAVIYO_JSON_H
#define KLAVIYO_JSON_H

#include "base/buffer.h"

#define JSON_NUMBER_SIZE 40

/* These write to 'out', which has JSON_NUMBER_SIZE bytes, without a zero at
** the end, and say how many. */
size_t json_integer (char *out, int64_t value);

/* Without an exponent up to 2^53 where it is whole, else in the fewest digits
** that read back as the same number. 0: it is not finite. */
size_t json_double (char *out, double x);

typedef enum json_status { JSON_OK, JSON_NOT_UTF8, JSON_NO_MEMORY } json_status;

/* Adds a string, quotes and all. Of one that is not UTF-8 'bad' is the first
** wrong byte, counted from 1, and the buffer is left with a part of it. */
json_status json_string (buffer *out, const char *text, size_t size,
                         size_t *bad);

#endif
