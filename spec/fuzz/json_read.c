/*
** json_read.c - the reader of JSON: any bytes as a text, and as one number. A
** text that is taken is written again, in the shortest way; that text must be
** taken, too, and be written as it is. Beside it stands a checker of the
** grammar that is as simple as can be: both take the same texts. Each text is
** also read while every name is expected again: nothing may change.
*/
#include "fuzz.h"

#include <math.h>

#include "json/writer.h"
#include "json/reader.h"


/* {======================================================
** The grammar (RFC 8259): each gives what follows, or NULL
** ======================================================= */

static const char *value (const char *s, int depth);


static const char *space (const char *s) {
  return s + strspn(s, " \t\r\n");
}


static const char *digits (const char *s) {
  size_t n = strspn(s, "0123456789");
  return n > 0 ? s + n : NULL;
}


static const char *number (const char *s) {
  s += *s == '-';
  s = *s == '0' ? s + 1 : digits(s);
  if (s != NULL && *s == '.')
    s = digits(s + 1);
  if (s != NULL && (*s == 'e' || *s == 'E'))
    s = digits(s + 1 + (s[1] == '-' || s[1] == '+'));
  return s;
}


static const char *string (const char *s) {
  if (*s++ != '"')
    return NULL;
  while (*s != '"') {
    if ((unsigned char)*s < 0x20)
      return NULL;
    if (*s++ != '\\')
      continue;
    if (*s == 'u') {
      if (strspn(s + 1, "0123456789abcdefABCDEF") < 4)
        return NULL;
      s += 5;
    }
    else if (*s != '\0' && strchr("\"\\/bfnrt", *s) != NULL)
      s++;
    else
      return NULL;
  }
  return s + 1;
}


static const char *members (const char *s, char closer, int depth) {
  if (depth > JSON_MAX_DEPTH)
    return NULL;
  s = space(s);
  if (*s == closer)
    return s + 1;
  for (;;) {
    if (closer == '}') {
      s = string(space(s));
      if (s == NULL || *(s = space(s)) != ':')
        return NULL;
      s++;
    }
    s = value(space(s), depth);
    if (s == NULL)
      return NULL;
    s = space(s);
    if (*s == closer)
      return s + 1;
    if (*s++ != ',')
      return NULL;
  }
}


static const char *value (const char *s, int depth) {
  switch (*s) {
    case '{': return members(s + 1, '}', depth + 1);
    case '[': return members(s + 1, ']', depth + 1);
    case '"': return string(s);
    case 't': return strncmp(s, "true", 4) == 0 ? s + 4 : NULL;
    case 'f': return strncmp(s, "false", 5) == 0 ? s + 5 : NULL;
    case 'n': return strncmp(s, "null", 4) == 0 ? s + 4 : NULL;
    default: return number(s);
  }
}


/* Of a text that has no zero in it. */
static bool is_json (const char *text) {
  const char *s = value(space(text), 0);
  return s != NULL && *space(s) == '\0';
}

/* }====================================================== */


/* {======================================================
** Writing what was read
** ======================================================= */

/* What is not UTF-8 the writer refuses: it is then written as its size. */
static void write_string (buffer *out, const json_text *text) {
  buffer plain = {NULL, 0, 0};
  char digits[JSON_NUMBER_SIZE];
  size_t bad = 0, before = out->size;
  CHECK(text->has_escapes ==
        (text->size > 0 && memchr(text->bytes, '\\', text->size) != NULL));
  if (text->has_escapes) {
    CHECK(json_unescape(&plain, text) && plain.size < text->size);
  }
  else
    CHECK(buffer_add(&plain, text->bytes, text->size));
  if (json_string(out, plain.size > 0 ? plain.data : "", plain.size, &bad) ==
      JSON_NOT_UTF8) {
    out->size = before;
    CHECK(buffer_add_byte(out, '"') &&
          buffer_add(out, digits, json_integer(digits, (int64_t)plain.size)) &&
          buffer_add_byte(out, '"'));
  }
  buffer_free(&plain);
}


static void write_number (buffer *out, const json_reader *r, json_kind kind) {
  char text[JSON_NUMBER_SIZE];
  size_t size;
  if (kind == JSON_INTEGER)
    size = json_integer(text, r->number.integer);
  else if (kind == JSON_UNSIGNED) {
    CHECK(r->number.natural > INT64_MAX);
    size = (size_t)snprintf(text, sizeof(text), "%llu",
                            (unsigned long long)r->number.natural);
  }
  else {
    size = json_double(text, r->number.real);
    if (size == 0) { /* infinite */
      memcpy(text, "1e999", 5);
      size = 5;
    }
  }
  CHECK(buffer_add(out, text, size));
}


static void write_scalar (buffer *out, const json_reader *r, json_kind kind) {
  switch (kind) {
    case JSON_STRING: write_string(out, &r->string); break;
    case JSON_INTEGER: case JSON_UNSIGNED: case JSON_DOUBLE:
      write_number(out, r, kind);
      break;
    case JSON_TRUE: CHECK(buffer_add_text(out, "true")); break;
    case JSON_FALSE: CHECK(buffer_add_text(out, "false")); break;
    case JSON_NULL: CHECK(buffer_add_text(out, "null")); break;
    case JSON_ERROR: case JSON_END: case JSON_CLOSE: case JSON_OBJECT:
    case JSON_LIST:
      CHECK(false);
  }
}


/* Expects the name that was read last again, if it can be. */
static void expect (json_reader *r, json_expected *name) {
  CHECK(!r->is_expected || same(r->name.bytes, r->name.size + 2, name->bytes,
                                name->size));
  if (r->name.has_escapes || r->name.size > JSON_MAX_EXPECTED - 2)
    return;
  memcpy(name->bytes, r->name.bytes, r->name.size);
  memcpy(name->bytes + r->name.size, "\":", 2);
  name->size = (unsigned)r->name.size + 2;
  r->expected = name;
}


/* False: there is an error, which is fit to be seen. */
static bool read_and_write (buffer *out, const char *text, size_t size,
                            bool expects) {
  json_reader r;
  json_expected name = {"", 0};
  char closers[JSON_MAX_DEPTH], error[JSON_ERROR_SIZE];
  int depth = 0;
  json_kind kind;
  json_reader_init(&r, text, size);
  while ((kind = json_next(&r)) != JSON_END && kind != JSON_ERROR) {
    if (kind == JSON_CLOSE) {
      CHECK(depth > 0 && buffer_add_byte(out, closers[--depth]));
      continue;
    }
    if (out->size > 0 && strchr("{[", out->data[out->size - 1]) == NULL)
      CHECK(buffer_add_byte(out, ','));
    if (depth > 0 && closers[depth - 1] == '}') {
      write_string(out, &r.name);
      if (expects)
        expect(&r, &name);
      CHECK(buffer_add_byte(out, ':'));
    }
    if (kind == JSON_OBJECT || kind == JSON_LIST) {
      CHECK(depth < JSON_MAX_DEPTH);
      CHECK(buffer_add_byte(out, kind == JSON_OBJECT ? '{' : '['));
      closers[depth++] = kind == JSON_OBJECT ? '}' : ']';
    }
    else
      write_scalar(out, &r, kind);
    CHECK(depth == r.depth);
  }
  CHECK(r.at >= r.start && r.at <= r.end);
  if (kind == JSON_END) {
    CHECK(depth == 0);
    return true;
  }
  json_error(&r, error);
  CHECK(strlen(error) < JSON_ERROR_SIZE && strstr(error, " at byte ") != NULL);
  return false;
}


/* Nothing is behind the end: a step beyond it is seen. */
static char *copy_of (const char *text, size_t size) {
  char *copy = malloc(size);
  CHECK(copy != NULL || size == 0);
  if (size > 0)
    memcpy(copy, text, size);
  return copy;
}


static bool check_reading (buffer *out, const char *text, size_t size) {
  char *copy = copy_of(text, size);
  buffer other = {NULL, 0, 0};
  bool ok = read_and_write(out, copy, size, false);
  CHECK(read_and_write(&other, copy, size, true) == ok);
  CHECK(same(out->data, out->size, other.data, other.size));
  buffer_free(&other);
  free(copy);
  return ok;
}


static void check_text (const char *text, size_t size) {
  buffer once = {NULL, 0, 0}, twice = {NULL, 0, 0};
  bool ok = check_reading(&once, text, size);
  if (strlen(text) == size)
    CHECK(ok == is_json(text));
  if (ok) {
    CHECK(check_reading(&twice, once.data, once.size));
    CHECK(same(once.data, once.size, twice.data, twice.size));
  }
  buffer_free(&once);
  buffer_free(&twice);
}

/* }====================================================== */


/* Of digits, points and signs, by strtod and strtoull. */
static void check_number (const char *text, size_t size) {
  char *copy = copy_of(text, size);
  const unsigned char *start = (const unsigned char *)copy, *at = start;
  json_number n;
  json_kind kind = json_read_number(&at, start + size, &n);
  bool is_integer = strpbrk(text, ".eE") == NULL;
  double wanted, x;
  size_t read;
  CHECK(at >= start && at <= start + size);
  read = (size_t)(at - start);
  free(copy);
  if (number(text) != text + size) {
    CHECK(kind == JSON_ERROR || read < size);
    return;
  }
  CHECK(kind != JSON_ERROR && read == size);
  wanted = strtod(text, NULL);
  x = kind == JSON_INTEGER    ? (double)n.integer
      : kind == JSON_UNSIGNED ? (double)n.natural
                              : n.real;
  CHECK(x == wanted);
  CHECK(kind != JSON_DOUBLE || !signbit(x) == !signbit(wanted));
  if (kind == JSON_INTEGER && is_integer) {
    char again[JSON_NUMBER_SIZE];
    CHECK(same(again, json_integer(again, n.integer), text, size));
  }
  if (kind == JSON_DOUBLE && fabs(x) <= 9007199254740992.0 && x != 0)
    CHECK(x != floor(x));
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  static const char characters[] = "0123456789.-+eE000";
  feed f = feed_of(data, size);
  char *text;
  size_t length, i;
  while (!feed_over(&f)) {
    text = feed_until(&f, '\n', &length);
    check_text(text, length);
    for (i = 0; i < length; i++)
      if (strchr("0123456789.-+eE", text[i]) == NULL)
        text[i] = characters[(unsigned char)text[i] %
                             (sizeof(characters) - 1)];
    check_number(text, length);
    free(text);
  }
  return 0;
}
