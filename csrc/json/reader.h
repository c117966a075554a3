/*
** json/reader.h - reads a JSON text (RFC 8259) value by value. It allocates
** nothing: names and strings are given as they stand in the text.
*/
#ifndef KLAVIYO_JSON_READER_H
#define KLAVIYO_JSON_READER_H

#include "base/buffer.h"

#define JSON_MAX_DEPTH 1000
#define JSON_ERROR_SIZE 128

typedef enum json_kind {
  JSON_ERROR,  /* see json_error */
  JSON_END,    /* of the text */
  JSON_CLOSE,  /* the end of the innermost object or list */
  JSON_OBJECT, /* its members follow, up to its JSON_CLOSE */
  JSON_LIST,   /* its elements follow, up to its JSON_CLOSE */
  JSON_STRING,
  JSON_INTEGER,  /* in number.integer */
  JSON_UNSIGNED, /* in number.natural: 2^63 to 2^64 - 1 */
  JSON_DOUBLE,   /* in number.real */
  JSON_TRUE,
  JSON_FALSE,
  JSON_NULL
} json_kind;

/* What stands between two quotes; its escapes are known to be right. */
typedef struct json_text {
  const char *bytes;
  size_t size;
  bool has_escapes; /* json_unescape gives the string itself */
} json_text;

typedef union json_number {
  int64_t integer;
  uint64_t natural;
  double real;
} json_number;

typedef struct json_reader {
  json_text name;   /* of the member whose value was read last */
  json_text string; /* of JSON_STRING */
  json_number number;
  const char *error;
  const unsigned char *start, *at, *end;
  int depth;     /* objects and lists that are open */
  bool is_first; /* nothing was read of the innermost one */
  bool is_done;  /* the outermost value was begun */
  char closers[JSON_MAX_DEPTH];
} json_reader;

/* The text must stay until the last use of the reader and of what it gave. */
void json_reader_init (json_reader *r, const char *text, size_t size);

/* Within an object each value comes with its name. Not to be called again
** after JSON_ERROR or JSON_END. */
json_kind json_next (json_reader *r);

/* Writes what is wrong and at which byte, as a zero-terminated text of at most
** JSON_ERROR_SIZE bytes. */
void json_error (const json_reader *r, char *out);

/* Adds the string that a text with escapes stands for. A surrogate without
** its other half becomes U+FFFD. False: memory is out. */
bool json_unescape (buffer *out, const json_text *text);

/*
** Reads the number at '*at', and moves on to what follows it: an integer where
** its value is one that 64 bits hold (of those with a fraction or an exponent,
** up to 2^53), else the nearest double. Minus zero is a double. JSON_ERROR:
** '*at' is the byte that does not belong there.
*/
json_kind json_read_number (const unsigned char **at, const unsigned char *end,
                            json_number *number);

#endif
