/*
** json/reader.h - reads a JSON text (RFC 8259) value by value.
**
** It allocates nothing: names and strings point into the text, which the caller
** owns. One thread at a time may use a reader.
*/
#ifndef KLAVIYO_JSON_READER_H
#define KLAVIYO_JSON_READER_H

#include "base/buffer.h"

#define JSON_MAX_DEPTH 1000
#define JSON_ERROR_SIZE 128

typedef enum json_kind {
  JSON_ERROR,  /* see json_error */
  JSON_END,    /* the end of the text */
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

/* The text between two quotes; its escapes have been validated. */
typedef struct json_text {
  const char *bytes;
  size_t size;
  bool has_escapes; /* decode it with json_unescape */
} json_text;

#define JSON_MAX_EXPECTED 32

/* A name that may come next, as a text has it: its bytes, which have no
** escapes, the closing quote and the colon. */
typedef struct json_expected {
  char bytes[JSON_MAX_EXPECTED];
  unsigned size; /* not 0 */
} json_expected;

typedef union json_number {
  int64_t integer;
  uint64_t natural;
  double real;
} json_number;

typedef struct json_reader {
  json_text name;   /* the name of the member that was read last */
  json_text string; /* for JSON_STRING */
  json_number number;
  const json_expected *expected; /* the next name, probably; or NULL */
  bool is_expected;              /* it was */
  const char *error;
  const unsigned char *start, *at, *end;
  int depth;     /* number of open objects and lists */
  bool is_first; /* nothing was read in the innermost one */
  bool is_done;  /* the outermost value was started */
  char closers[JSON_MAX_DEPTH];
} json_reader;

/* The text must stay valid as long as the reader and its results are used. */
void json_reader_init (json_reader *r, const char *text, size_t size);

/* Reads the next value; in an object, with its name. Must not be called after
** JSON_ERROR or JSON_END. */
json_kind json_next (json_reader *r);

/* Reads and checks the rest of the object or list that json_next opened last,
** with its JSON_CLOSE. Returns false after an error, which is the one that
** json_next would have. */
bool json_skip (json_reader *r);

/* Writes what is wrong and at which byte, as a zero-terminated text of at most
** JSON_ERROR_SIZE bytes. */
void json_error (const json_reader *r, char *out);

/* Adds the decoded string of a text with escapes. A lone surrogate becomes
** U+FFFD. Returns false if there is not enough memory. */
bool json_unescape (buffer *out, const json_text *text);

/*
** Reads the number at '*at' and moves '*at' behind it. The result is an integer
** if it fits into 64 bits (with a fraction or an exponent: up to 2^53), else
** the nearest double. Minus zero is a double. On JSON_ERROR '*at' is the
** unexpected byte.
*/
json_kind json_read_number (const unsigned char **at, const unsigned char *end,
                            json_number *number);

/* Moves '*at' behind the number there, or to the unexpected byte if it returns
** false. */
bool json_skip_number (const unsigned char **at, const unsigned char *end);

#endif
