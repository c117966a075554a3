/*
** base/buffer.c - a byte buffer that grows.
*/
#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256


bool buffer_reserve (buffer *b, size_t more) {
  size_t room = b->room ? b->room : FIRST_ROOM;
  char *data;
  if (more > SIZE_MAX / 2 - b->size)
    return false;
  if (b->size + more <= b->room)
    return true;
  while (room < b->size + more)
    room *= 2; /* doubling keeps the total cost of copies linear */
  data = realloc(b->data, room);
  if (data == NULL)
    return false;
  b->data = data;
  b->room = room;
  return true;
}


bool buffer_add (buffer *b, const void *bytes, size_t size) {
  if (size == 0)
    return true; /* 'bytes' may be NULL then, which memcpy does not allow */
  if (!buffer_reserve(b, size))
    return false;
  memcpy(b->data + b->size, bytes, size);
  b->size += size;
  return true;
}


bool buffer_add_text (buffer *b, const char *text) {
  return buffer_add(b, text, strlen(text));
}


bool buffer_add_utf8 (buffer *b, unsigned long code) {
  char bytes[4];
  size_t size;
  if (code < 0x80)
    return buffer_add_byte(b, (char)code);
  if (code < 0x800) {
    bytes[0] = (char)(0xC0 | code >> 6);
    size = 2;
  }
  else if (code < 0x10000) {
    bytes[0] = (char)(0xE0 | code >> 12);
    bytes[1] = (char)(0x80 | (code >> 6 & 0x3F));
    size = 3;
  }
  else {
    bytes[0] = (char)(0xF0 | code >> 18);
    bytes[1] = (char)(0x80 | (code >> 12 & 0x3F));
    bytes[2] = (char)(0x80 | (code >> 6 & 0x3F));
    size = 4;
  }
  bytes[size - 1] = (char)(0x80 | (code & 0x3F));
  return buffer_add(b, bytes, size);
}


void buffer_free (buffer *b) {
  free(b->data);
  b->data = NULL;
  b->size = b->room = 0;
}


char *text_copy (const char *bytes, size_t size) {
  char *copy = malloc(size + 1);
  if (copy == NULL)
    return NULL;
  if (size > 0)
    memcpy(copy, bytes, size);
  copy[size] = '\0';
  return copy;
}


uint64_t bytes_hash (const char *bytes, size_t size) {
  uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
  size_t i;
  for (i = 0; i < size; i++)
    h = (h ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211);
  h ^= h >> 32;
  return h != 0 ? h : 1;
}
