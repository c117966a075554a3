/*
** json/number.c - reads the numbers of a JSON text exactly, in any locale.
*/
#include "json/reader.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_EXACT 9007199254740992 /* 2^53: doubles are exact up to here */
#define MAX_POWER 22               /* and for these powers of ten */
#define MAX_DIGITS                                                             \
  768 /* a double that lies half-way between two has fewer                     \
         (with one more for all that follow) */
#define MAX_EXPONENT 1000000000000 /* larger exponents give 0 or infinity */

/* A number in parts: 'digits' x 10^'exponent', and its text. */
typedef struct decimal {
  const unsigned char *start, *end; /* the text without its sign */
  uint64_t digits;                  /* the value of the first digits */
  int count; /* number of digits, without leading zeros */
  int64_t exponent;
  int64_t written; /* the exponent after an 'e' */
  bool is_negative;
  bool is_integer; /* neither fraction nor exponent */
} decimal;


static bool is_digit (const unsigned char *s, const unsigned char *end) {
  return s < end && (unsigned)(*s - '0') < 10;
}


static const unsigned char *read_digits (const unsigned char *s,
                                         const unsigned char *end, decimal *d) {
  const unsigned char *first = s;
  uint64_t digits = d->digits;
  ptrdiff_t count;
  for (; is_digit(s, end); s++)
    digits = digits * 10 +
             (uint64_t)(*s - '0'); /* wraps around if there are many digits */
  d->digits = digits;
  count = s - first + d->count;
  d->count = count < MAX_DIGITS ? (int)count : MAX_DIGITS;
  return s;
}


/* Reads the fraction after a point. Returns NULL, and sets 'd->end', if it has
** no digits. */
static const unsigned char *
read_fraction (const unsigned char *s, const unsigned char *end, decimal *d) {
  const unsigned char *first = s;
  if (!is_digit(s, end)) {
    d->end = s;
    return NULL;
  }
  if (d->count == 0)
    while (s < end && *s == '0')
      s++;
  s = read_digits(s, end, d);
  d->exponent -= s - first;
  d->is_integer = false;
  return s;
}


/* Reads the exponent after an 'e'. */
static const unsigned char *
read_exponent (const unsigned char *s, const unsigned char *end, decimal *d) {
  bool is_negative = false;
  int64_t value = 0;
  if (s < end && (*s == '-' || *s == '+'))
    is_negative = *s++ == '-';
  if (!is_digit(s, end)) {
    d->end = s;
    return NULL;
  }
  for (; is_digit(s, end); s++)
    if (value < MAX_EXPONENT)
      value = value * 10 + (*s - '0');
  d->written = is_negative ? -value : value;
  d->exponent += d->written;
  d->is_integer = false;
  return s;
}


/* Splits a number into its parts. Returns false if it is invalid; 'd->end' is
** the unexpected byte. */
static bool split (const unsigned char *s, const unsigned char *end,
                   decimal *d) {
  d->digits = 0;
  d->count = 0;
  d->exponent = d->written = 0;
  d->is_integer = true;
  d->is_negative = s < end && *s == '-';
  s += d->is_negative;
  d->start = s;
  if (is_digit(s, end) && *s == '0') {
    s++;
    if (is_digit(s, end)) {
      d->end = s;
      return false;
    }
  }
  else {
    d->end = s;
    s = read_digits(s, end, d);
    if (s == d->end)
      return false;
  }
  if (s < end && *s == '.' && (s = read_fraction(s + 1, end, d)) == NULL)
    return false;
  if (s < end && (*s | 0x20) == 'e' &&
      (s = read_exponent(s + 1, end, d)) == NULL)
    return false;
  d->end = s;
  return true;
}


/* Returns whether 'd->digits' has all digits. It may even if there are
** twenty. */
static bool has_all_digits (const decimal *d) {
  return d->count < 20 || (d->count == 20 && *d->start == '1' &&
                           d->digits >= UINT64_C(10000000000000000000));
}


/*
** Returns the nearest double by strtod. The decimal point of strtod depends on
** the locale, so it gets digits and an exponent instead. If there are very many
** digits, the last one passed tells whether the rest are zeros.
*/
static double nearest (const decimal *d) {
  char text[MAX_DIGITS + 16];
  int size = 0;
  int64_t exponent = d->written;
  bool is_after_point = false, is_more = false;
  const unsigned char *s;
  for (s = d->start; s < d->end && (*s | 0x20) != 'e'; s++) {
    if (*s == '.')
      is_after_point = true;
    else if (size == MAX_DIGITS) {
      is_more = is_more || *s != '0';
      exponent += !is_after_point;
    }
    else {
      if (size > 0 || *s != '0')
        text[size++] = (char)*s;
      exponent -= is_after_point;
    }
  }
  if (size == 0 || exponent + size < DBL_MIN_10_EXP - DBL_DIG - 5)
    return 0;
  if (exponent + size > DBL_MAX_10_EXP + 1)
    return HUGE_VAL;
  if (is_more) {
    text[size++] = '1';
    exponent--;
  }
  (void)snprintf(text + size, sizeof(text) - (size_t)size, "e%d",
                 (int)exponent);
  return strtod(text, NULL);
}


/* If two numbers are exact as doubles, their quotient or product is rounded
** only once (IEEE 754). This needs arithmetic in double precision. */
static double real (const decimal *d) {
  static const double powers[] = {
      1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
      1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#if FLT_EVAL_METHOD == 0
  if (d->count < 20 && d->digits <= MAX_EXACT && d->exponent >= -MAX_POWER &&
      d->exponent <= MAX_POWER) {
    double x = (double)d->digits;
    return d->exponent < 0 ? x / powers[-d->exponent] : x * powers[d->exponent];
  }
#else
  (void)powers;
#endif
  return nearest(d);
}


static json_kind integer (const decimal *d, json_number *number) {
  if (!d->is_negative && d->digits > INT64_MAX) {
    number->natural = d->digits;
    return JSON_UNSIGNED;
  }
  number->integer =
      d->is_negative ? (int64_t)(0 - d->digits) : (int64_t)d->digits;
  return JSON_INTEGER;
}


bool json_skip_number (const unsigned char **at, const unsigned char *end) {
  decimal d;
  bool is_right = split(*at, end, &d);
  *at = d.end;
  return is_right;
}


json_kind json_read_number (const unsigned char **at, const unsigned char *end,
                            json_number *number) {
  decimal d;
  double x;
  bool is_right = split(*at, end, &d);
  *at = d.end;
  if (!is_right)
    return JSON_ERROR;
  if (d.is_integer && has_all_digits(&d) &&
      !(d.is_negative && (d.digits == 0 || d.digits > (uint64_t)INT64_MAX + 1)))
    return integer(&d, number);
  x = real(&d);
  if (!d.is_integer && x <= MAX_EXACT && (double)(int64_t)x == x &&
      !(x == 0 && (d.is_negative || d.count > 0))) {
    number->integer = d.is_negative ? -(int64_t)x : (int64_t)x;
    return JSON_INTEGER;
  }
  number->real = d.is_negative ? -x : x;
  return JSON_DOUBLE;
}
