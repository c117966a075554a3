/*
** json/writer.c - writes JSON strings and numbers.
*/
#include "json/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_WHOLE 9007199254740992.0 /* 2^53 */
#define MAX_DECIMALS 8


/* {======================================================
** Numbers
** ======================================================= */

static size_t add_digits (char *out, uint64_t value) {
  char digits[20];
  size_t i = sizeof(digits);
  do {
    digits[--i] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  memcpy(out, digits + i, sizeof(digits) - i);
  return sizeof(digits) - i;
}


size_t json_integer (char *out, int64_t value) {
  if (value >= 0)
    return add_digits(out, (uint64_t)value);
  out[0] = '-';
  return 1 + add_digits(out + 1, 0 - (uint64_t)value);
}


/*
** Most fractions have few decimals. If two integers are exact as doubles, their
** quotient is the double nearest to the true quotient (IEEE 754), which is what
** a reader of the digits gets; and different texts of fifteen digits are
** different doubles. 'x' is positive and not an integer.
*/
static size_t short_fraction (char *out, double x) {
  double power = 1;
  int decimals;
  if (x < 1e-4)
    return 0; /* an exponent is shorter */
  for (decimals = 1; decimals <= MAX_DECIMALS; decimals++) {
    double digits;
    uint64_t whole;
    size_t size;
    power *= 10;
    digits = x * power + 0.5;
    if (digits >= 1e15)
      return 0;
    whole = (uint64_t)digits;
    if ((double)whole / power != x)
      continue;
    size = add_digits(out, whole / (uint64_t)power);
    /* a leading 1 keeps the zeros; the point replaces it */
    add_digits(out + size, (uint64_t)power + whole % (uint64_t)power);
    out[size] = '.';
    return size + 1 + (size_t)decimals;
  }
  return 0;
}


static bool is_of_number (char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'e';
}


/* printf and strtod use the decimal point of the locale, which may have several
** bytes. */
static size_t any_fraction (char *out, double x) {
  char text[JSON_NUMBER_SIZE];
  int digits;
  size_t i, size = 0;
  for (digits = 15; digits <= 17; digits++) {
    (void)snprintf(text, sizeof(text), "%.*g", digits, x);
    if (strtod(text, NULL) == x)
      break;
  }
  for (i = 0; text[i] != '\0'; i++) {
    if (is_of_number(text[i]))
      out[size++] = text[i];
    else if (size > 0 && out[size - 1] != '.')
      out[size++] = '.';
  }
  return size;
}


size_t json_double (char *out, double x) {
  size_t sign = 0, size;
  if (x - x != 0)
    return 0;
  if (x < 0 || (x == 0 && 1 / x < 0)) {
    out[0] = '-';
    sign = 1;
    x = -x;
  }
  if (x <= LARGEST_WHOLE && (double)(uint64_t)x == x)
    return sign + add_digits(out + sign, (uint64_t)x);
  size = short_fraction(out + sign, x);
  if (size == 0)
    size = any_fraction(out + sign, x);
  return sign + size;
}

/* }====================================================== */


/* {======================================================
** Strings
** ======================================================= */

#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))


/* Returns whether eight bytes are ASCII that needs no escape. A byte that needs
** one sets a high bit; only such a byte can cause a borrow or carry. */
static bool eight_plain (const unsigned char *s) {
  uint64_t w, marks;
  memcpy(&w, s, sizeof(w));
  marks = w;                /* not ASCII */
  marks |= w - EIGHT(0x20); /* control characters */
  marks |= w + EIGHT(1);    /* DEL */
  marks |= (w ^ EIGHT('"')) - EIGHT(1);
  marks |= (w ^ EIGHT('\\')) - EIGHT(1);
  return (marks & EIGHT(0x80)) == 0;
}


static bool is_plain (unsigned char c) {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}


static const unsigned char *after_plain (const unsigned char *s,
                                         const unsigned char *end) {
  while (end - s >= 8 && eight_plain(s))
    s += 8;
  while (s < end && is_plain(*s))
    s++;
  return s;
}


static bool is_tail (unsigned char c) {
  return (c & 0xC0) == 0x80;
}


/* Returns the size of a non-ASCII character; 0: not well-formed (RFC 3629). */
static size_t utf8_size (const unsigned char *s, const unsigned char *end) {
  size_t left = (size_t)(end - s);
  unsigned char a = s[0], b = left > 1 ? s[1] : 0;
  if (!is_tail(b))
    return 0;
  if (a >= 0xC2 && a <= 0xDF)
    return 2;
  if (left < 3 || !is_tail(s[2]))
    return 0;
  if (a == 0xE0)
    return b >= 0xA0 ? 3 : 0;
  if (a == 0xED)
    return b <= 0x9F ? 3 : 0; /* no surrogates */
  if (a >= 0xE1 && a <= 0xEF)
    return 3;
  if (left < 4 || !is_tail(s[3]))
    return 0;
  if (a == 0xF0)
    return b >= 0x90 ? 4 : 0;
  if (a == 0xF4)
    return b <= 0x8F ? 4 : 0;
  return a >= 0xF1 && a <= 0xF3 ? 4 : 0;
}


static bool add_escape (buffer *out, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  char text[6] = {'\\', 'u', '0', '0', '0', '0'};
  switch (c) {
    case '"':
    case '\\': text[1] = (char)c; break;
    case '\b': text[1] = 'b'; break;
    case '\f': text[1] = 'f'; break;
    case '\n': text[1] = 'n'; break;
    case '\r': text[1] = 'r'; break;
    case '\t': text[1] = 't'; break;
    default:
      text[4] = hex[c >> 4];
      text[5] = hex[c & 15];
      return buffer_add(out, text, 6);
  }
  return buffer_add(out, text, 2);
}


json_status json_string (buffer *out, const char *text, size_t size,
                         size_t *bad) {
  const unsigned char *start = (const unsigned char *)text;
  const unsigned char *end = start + size, *from = start, *s = start;
  if (!buffer_reserve(out, size + 2)) /* enough if nothing is escaped */
    return JSON_NO_MEMORY;
  out->data[out->size++] = '"';
  while ((s = after_plain(s, end)) < end) {
    if (*s >= 0x80) {
      size_t of_character = utf8_size(s, end);
      if (of_character == 0) {
        *bad = (size_t)(s - start) + 1;
        return JSON_NOT_UTF8;
      }
      s += of_character;
    }
    else {
      if (!buffer_add(out, from, (size_t)(s - from)) || !add_escape(out, *s))
        return JSON_NO_MEMORY;
      from = ++s;
    }
  }
  if (!buffer_add(out, from, (size_t)(end - from)) ||
      !buffer_add_byte(out, '"'))
    return JSON_NO_MEMORY;
  return JSON_OK;
}

/* }====================================================== */
