/*
** fuzz.h - what the targets share. A target reads an input (in one of the
** ways below), lets the core work on it and checks what must hold for every
** input; tools/fuzz.sh runs them.
*/
#ifndef KLAVIYO_FUZZ_H
#define KLAVIYO_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define CHECK(condition) \
  ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

static inline void fuzz_fail (const char *file, int line,
                              const char *condition) {
  fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
  abort();
}


/* {======================================================
** The input, piece by piece; nothing but zeros behind its end
** ======================================================= */

typedef struct feed {
  const uint8_t *at, *end;
} feed;


static inline feed feed_of (const uint8_t *data, size_t size) {
  feed f;
  f.at = data;
  f.end = data + size;
  return f;
}


static inline bool feed_over (const feed *f) {
  return f->at == f->end;
}


static inline unsigned feed_byte (feed *f) {
  return feed_over(f) ? 0 : *f->at++;
}


/* 0 to 'most' - 1 */
static inline unsigned feed_below (feed *f, unsigned most) {
  return feed_byte(f) % most;
}


/* A copy of its own, to be freed, of what comes before the next 'stop' (which
** is jumped over): a step beyond it is seen. */
static inline char *feed_until (feed *f, char stop, size_t *size) {
  size_t left = (size_t)(f->end - f->at);
  const uint8_t *end = left > 0 ? memchr(f->at, stop, left) : NULL;
  char *copy;
  *size = end != NULL ? (size_t)(end - f->at) : left;
  copy = malloc(*size + 1);
  CHECK(copy != NULL);
  if (*size > 0)
    memcpy(copy, f->at, *size);
  copy[*size] = '\0';
  f->at += *size + (end != NULL);
  return copy;
}

/* }====================================================== */


static inline bool same (const char *one, size_t one_size, const char *other,
                         size_t other_size) {
  return one_size == other_size &&
         (one_size == 0 || memcmp(one, other, one_size) == 0);
}


/* A terminated copy of a buffer, to be freed. */
static inline char *text_of (const buffer *b) {
  char *text = text_copy(b->data, b->size);
  CHECK(text != NULL && strlen(text) == b->size);
  return text;
}

#endif
