/*
** links.c - the next link of a page, against a slow decoder: where that takes
** the page for JSON, the link is what it says; and no part of such a page
** passes for a whole one.
*/
#include "fuzz.h"

#include "api/links.h"

#define DEEPEST 100

typedef enum kind { NONE, STRING, OBJECT, OTHER } kind;

/* What the decoder knows of a value: its text, or where its members are. */
typedef struct value {
  kind kind;
  buffer text;
  const char *members;  /* behind the brace */
} value;

typedef struct parser {
  const char *at, *end;
  int depth;
} parser;

static bool read_value (parser *r, value *v);


static void blanks (parser *r) {
  while (r->at < r->end && memchr(" \t\r\n", *r->at, 4) != NULL)
    r->at++;
}


static bool next_is (parser *r, char c) {
  blanks(r);
  if (r->at == r->end || *r->at != c)
    return false;
  r->at++;
  return true;
}


static bool digits (parser *r) {
  const char *start = r->at;
  while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
    r->at++;
  return r->at > start;
}


static bool read_number (parser *r) {
  if (r->at < r->end && *r->at == '-')
    r->at++;
  if (r->at < r->end && *r->at == '0')
    r->at++;
  else if (!digits(r))
    return false;
  if (r->at < r->end && *r->at == '.') {
    r->at++;
    if (!digits(r))
      return false;
  }
  if (r->at < r->end && (*r->at | 32) == 'e') {
    r->at++;
    if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
      r->at++;
    return digits(r);
  }
  return true;
}


static bool read_word (parser *r) {
  static const char *const words[] = {"true", "false", "null"};
  size_t i;
  for (i = 0; i < 3; i++) {
    size_t n = strlen(words[i]);
    if ((size_t)(r->end - r->at) >= n && memcmp(r->at, words[i], n) == 0) {
      r->at += n;
      return true;
    }
  }
  return false;
}


/* The code of \uXXXX, the backslash being next; -1: there is none. */
static long read_code (parser *r) {
  static const char digit[] = "0123456789abcdef";
  long code = 0;
  int i;
  if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
    return -1;
  for (i = 2; i < 6; i++) {
    char c = r->at[i];
    const char *found = memchr(digit, c >= 'A' && c <= 'F' ? c + 32 : c, 16);
    if (found == NULL)
      return -1;
    code = code * 16 + (found - digit);
  }
  r->at += 6;
  return code;
}


static void add_code (buffer *out, long code) {
  int bits = code < 0x80 ? 0 : code < 0x800 ? 6 : code < 0x10000 ? 12 : 18;
  static const int marks[] = {0, 0xC0, 0xE0, 0xF0};
  CHECK(buffer_add_byte(out, (char)(marks[bits / 6] | (int)(code >> bits))));
  for (bits -= 6; bits >= 0; bits -= 6)
    CHECK(buffer_add_byte(out, (char)(0x80 | (int)(code >> bits & 63))));
}


static bool read_escape (parser *r, buffer *text) {
  static const char names[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
  if (r->end - r->at < 2)
    return false;
  if (r->at[1] == 'u') {
    long code = read_code(r);
    parser next = *r;
    long low = code >= 0xD800 && code < 0xDC00 ? read_code(&next) : -1;
    if (low >= 0xDC00 && low < 0xE000) {
      code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
      *r = next;
    }
    if (code >= 0)
      add_code(text, code);
    return code >= 0;
  }
  else {
    const char *found = memchr(names, r->at[1], sizeof(names) - 1);
    r->at += 2;
    return found != NULL && buffer_add_byte(text, plain[found - names]);
  }
}


static bool read_string (parser *r, buffer *text) {
  text->size = 0;
  if (!next_is(r, '"'))
    return false;
  while (r->at < r->end && *r->at != '"') {
    if ((unsigned char)*r->at < 32)
      return false;
    if (*r->at == '\\') {
      if (!read_escape(r, text))
        return false;
    }
    else
      CHECK(buffer_add_byte(text, *r->at++));
  }
  return next_is(r, '"');
}


/* Whether it is an object; '*wanted', where there is a member of that name,
** becomes the last one's value. */
static bool read_members (parser *r, const char *name, value *wanted) {
  buffer key = {NULL, 0, 0};
  bool good = true;
  value v;
  memset(&v, 0, sizeof(v));
  if (next_is(r, '}'))
    return true;
  do {
    good = read_string(r, &key) && next_is(r, ':') && read_value(r, &v);
    if (good && name != NULL && same(key.data, key.size, name, strlen(name))) {
      value old = *wanted;
      *wanted = v;
      v = old;
    }
  } while (good && next_is(r, ','));
  buffer_free(&key);
  buffer_free(&v.text);
  return good && next_is(r, '}');
}


static bool read_array (parser *r) {
  value v;
  bool good = true;
  memset(&v, 0, sizeof(v));
  if (next_is(r, ']'))
    return true;
  do
    good = read_value(r, &v);
  while (good && next_is(r, ','));
  buffer_free(&v.text);
  return good && next_is(r, ']');
}


static bool read_value (parser *r, value *v) {
  bool good;
  v->kind = OTHER;
  blanks(r);
  if (r->at == r->end || r->depth == DEEPEST)
    return false;
  r->depth++;
  if (*r->at == '"') {
    v->kind = STRING;
    good = read_string(r, &v->text);
  }
  else if (*r->at == '{') {
    v->kind = OBJECT;
    v->members = ++r->at;
    good = read_members(r, NULL, NULL);
  }
  else if (*r->at == '[') {
    v->kind = NONE;
    r->at++;
    good = read_array(r);
  }
  else {
    if (*r->at == 'n')
      v->kind = NONE;
    good = read_word(r) || read_number(r);
  }
  r->depth--;
  return good;
}


/* The value becomes that of its member, NONE where it has none. */
static void go_into (value *v, const char *end, const char *name) {
  value member;
  parser r;
  memset(&member, 0, sizeof(member));
  member.kind = NONE;
  if (v->kind == OBJECT) {
    r.at = v->members;
    r.end = end;
    r.depth = 0;
    CHECK(read_members(&r, name, &member));
  }
  buffer_free(&v->text);
  *v = member;
}


/* Reads what a JSON decoder would find to '*v'. Returns false if the text is
** not a JSON object, or nested too deep. */
static bool decode (const char *page, size_t size, value *v) {
  parser r;
  r.at = page;
  r.end = page + size;
  r.depth = 0;
  memset(v, 0, sizeof(*v));
  if (!read_value(&r, v) || v->kind != OBJECT)
    return false;
  blanks(&r);
  if (r.at != r.end)
    return false;
  go_into(v, r.end, "links");
  go_into(v, r.end, "next");
  if (v->kind == OBJECT)
    go_into(v, r.end, "href");
  return true;
}


/* No page that is cut short looks like one that is not. */
static void check_cut (const char *page, size_t size, size_t from) {
  buffer out = {NULL, 0, 0};
  char *part;
  while (size > 0 && page[size - 1] != '}')
    size--;
  CHECK(size > 0);
  size = from % size;
  part = malloc(size + 1);
  CHECK(part != NULL);
  memcpy(part, page, size);
  part = realloc(part, size > 0 ? size : 1);
  CHECK(part != NULL);
  CHECK(links_next(&out, part, size) == LINK_BROKEN && out.size == 0);
  free(part);
  buffer_free(&out);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  const char *page = (const char *)data;
  buffer out = {NULL, 0, 0};
  link_status status;
  value v;
  CHECK(buffer_add_text(&out, "before"));
  status = links_next(&out, page, size);
  CHECK(status != LINK_NO_MEMORY);
  CHECK((status == LINK_FOUND) == (out.size > 6));
  CHECK(out.size >= 6 && memcmp(out.data, "before", 6) == 0);
  if (decode(page, size, &v)) {
    if (v.kind == STRING && v.text.size > 0)
      CHECK(status == LINK_FOUND &&
            same(out.data + 6, out.size - 6, v.text.data, v.text.size));
    else if (v.kind == OTHER || v.kind == OBJECT)
      CHECK(status == LINK_BROKEN);
    else
      CHECK(status == LINK_NONE);
    check_cut(page, size, (size_t)bytes_hash(page, size));
  }
  buffer_free(&v.text);
  buffer_free(&out);
  return 0;
}
