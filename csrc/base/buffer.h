/*
** base/buffer.h - a byte buffer that grows.
**
** The struct that contains a buffer owns its memory, and frees it by
** buffer_free; a buffer of zeros is empty. One thread at a time may use it.
*/
#ifndef KLAVIYO_BUFFER_H
#define KLAVIYO_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct buffer {
  char *data;  /* not zero-terminated; NULL while empty */
  size_t size; /* bytes in use */
  size_t room; /* bytes allocated */
} buffer;

/* These functions return false if there is not enough memory; the buffer is
** then unchanged. */
bool buffer_reserve (buffer *b, size_t more);
bool buffer_add (buffer *b, const void *bytes, size_t size);
bool buffer_add_text (buffer *b, const char *text);
bool buffer_add_utf8 (buffer *b, unsigned long code); /* one character */

static inline bool buffer_add_byte (buffer *b, char byte) {
  if (b->size == b->room && !buffer_reserve(b, 1))
    return false;
  b->data[b->size++] = byte;
  return true;
}

void buffer_free (buffer *b);

/* Returns a hash that is the same in all processes; never 0. */
uint64_t bytes_hash (const char *bytes, size_t size);

/* Returns a zero-terminated copy, which the caller frees; NULL: out of
** memory. */
char *text_copy (const char *bytes, size_t size);

#endif
