/*
** base/hex.h - reads hexadecimal digits, in upper or lower case.
*/
#ifndef KLAVIYO_HEX_H
#define KLAVIYO_HEX_H

/* Returns the value of a digit; -1: it is none. */
static inline int hex_digit (char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}


/* Returns the value of 'n' digits, seven at most; -1: one of them is none. */
static inline int hex_value (const char *digits, int n) {
  int value = 0;
  for (; n > 0; n--, digits++) {
    int digit = hex_digit(*digits);
    if (digit < 0)
      return -1;
    value = value << 4 | digit;
  }
  return value;
}

#endif
