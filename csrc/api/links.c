/*
** api/links.c - finds the next link of a JSON:API page without decoding it.
**
** A page may contain megabytes of resources with their own members "links" and
** "next", in strings and in objects. So the text is scanned once, and for
** values below the two levels of interest only brackets are counted. A
** truncated page must not look like the last page.
*/
#include "api/links.h"

#include <string.h>

#include "base/hex.h"

#if defined(__SSE2__) && !defined(KLAVIYO_PORTABLE)
#define USE_SSE2
#include <emmintrin.h>
#endif

typedef struct scanner {
  const char *at, *end;
  bool is_other; /* the value that was looked for is not a link */
} scanner;


static void skip_blanks (scanner *s) {
  while (s->at < s->end &&
         (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
    s->at++;
}


static bool take (scanner *s, char c) {
  skip_blanks(s);
  if (s->at >= s->end || *s->at != c)
    return false;
  s->at++;
  return true;
}


/*
** Skips a string: 'at' is moved from after its opening quote to after its
** closing one. A quote closes the string unless an odd number of backslashes
** precedes it.
*/
static bool skip_string (scanner *s) {
  const char *start = s->at;
  const char *quote = start;
  while ((quote = memchr(quote, '"', (size_t)(s->end - quote))) != NULL) {
    const char *slash = quote;
    while (slash > start && slash[-1] == '\\')
      slash--;
    quote++;
    if ((quote - 1 - slash) % 2 == 0) {
      s->at = quote;
      return true;
    }
  }
  return false;
}


/* {======================================================
** An object or list as a whole
** ======================================================= */

/* How far into an object or list the scanner is. */
typedef struct nesting {
  size_t depth;
  bool in_string;
} nesting;


/* Reads the bytes before 'until', and the one after if a backslash is the last.
** Returns true behind the bracket that closes the outermost object or list. */
static bool skip_bytes (scanner *s, nesting *n, const char *until) {
  while (s->at < until) {
    char c = *s->at++;
    if (c == '"')
      n->in_string = !n->in_string;
    else if (n->in_string)
      s->at += c == '\\' && s->at < s->end;
    else if (c == '{' || c == '[')
      n->depth++;
    else if ((c == '}' || c == ']') && --n->depth == 0)
      return true;
  }
  return false;
}


#if defined(USE_SSE2)

#define BLOCK 64

/* One bit for each byte of a block, the lowest one for the first byte. */
typedef struct marks {
  uint64_t quotes, slashes, openers, closers;
} marks;


/* The sixteen bytes of each quarter of a block. */
typedef struct quarters {
  __m128i q[4];
} quarters;


static inline quarters load (const char *block) {
  const __m128i *at = (const __m128i *)(const void *)block;
  quarters b;
  b.q[0] = _mm_loadu_si128(at);
  b.q[1] = _mm_loadu_si128(at + 1);
  b.q[2] = _mm_loadu_si128(at + 2);
  b.q[3] = _mm_loadu_si128(at + 3);
  return b;
}


static inline uint64_t bits (__m128i bytes, __m128i wanted, int at) {
  return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted))
         << at;
}


static inline uint64_t find (quarters b, char c) {
  __m128i wanted = _mm_set1_epi8(c);
  return bits(b.q[0], wanted, 0) | bits(b.q[1], wanted, 16) |
         bits(b.q[2], wanted, 32) | bits(b.q[3], wanted, 48);
}


/* The two kinds of brackets differ in one bit, which this sets. */
static inline quarters as_braces (quarters b) {
  __m128i bit = _mm_set1_epi8('{' ^ '[');
  b.q[0] = _mm_or_si128(b.q[0], bit);
  b.q[1] = _mm_or_si128(b.q[1], bit);
  b.q[2] = _mm_or_si128(b.q[2], bit);
  b.q[3] = _mm_or_si128(b.q[3], bit);
  return b;
}


static inline marks find_marks (const char *block) {
  quarters b = load(block);
  marks m;
  m.quotes = find(b, '"');
  m.slashes = find(b, '\\');
  b = as_braces(b);
  m.openers = find(b, '{');
  m.closers = find(b, '}');
  return m;
}


/* Returns the bits from each opening quote to before its closing one. */
static inline uint64_t in_strings (uint64_t quotes, bool in_string) {
  quotes ^= quotes << 1;
  quotes ^= quotes << 2;
  quotes ^= quotes << 4;
  quotes ^= quotes << 8;
  quotes ^= quotes << 16;
  quotes ^= quotes << 32;
  return in_string ? ~quotes : quotes;
}


/* As skip_bytes for one block, which is a fifth of the cost. A block with a
** backslash is rare. */
static inline bool skip_block (scanner *s, nesting *n) {
  marks m = find_marks(s->at);
  uint64_t strings, brackets;
  if (m.slashes != 0)
    return skip_bytes(s, n, s->at + BLOCK);
  strings = in_strings(m.quotes, n->in_string);
  n->in_string = strings >> (BLOCK - 1) != 0;
  brackets = (m.openers | m.closers) & ~strings;
  for (; brackets != 0; brackets &= brackets - 1) {
    int at = __builtin_ctzll(brackets);
    if ((m.openers >> at & 1) != 0)
      n->depth++;
    else if (--n->depth == 0) {
      s->at += at + 1;
      return true;
    }
  }
  s->at += BLOCK;
  return false;
}

#endif


static bool skip_nested (scanner *s) {
  nesting n = {0, false};
#if defined(USE_SSE2)
  while (s->end - s->at >= BLOCK)
    if (skip_block(s, &n))
      return true;
#endif
  return skip_bytes(s, &n, s->end);
}

/* }====================================================== */


static bool skip_value (scanner *s) {
  const char *start;
  skip_blanks(s);
  if (s->at >= s->end)
    return false;
  if (*s->at == '"') {
    s->at++;
    return skip_string(s);
  }
  if (*s->at == '{' || *s->at == '[')
    return skip_nested(s);
  start = s->at;
  while (s->at < s->end && strchr(",]} \t\r\n", *s->at) == NULL)
    s->at++;
  return s->at > start;
}


/*
** Reads the four digits after \u, and the low half of a surrogate pair if it
** follows. A lone half is added as it is; the URL check rejects it.
*/
static link_status add_unicode (buffer *out, scanner *s) {
  int high, low;
  unsigned long code;
  if (s->end - s->at < 4 || (high = hex_value(s->at, 4)) < 0)
    return LINK_BROKEN;
  s->at += 4;
  code = (unsigned long)high;
  if (high >= 0xD800 && high < 0xDC00 && s->end - s->at >= 6 &&
      s->at[0] == '\\' && s->at[1] == 'u' &&
      (low = hex_value(s->at + 2, 4)) >= 0xDC00 && low < 0xE000) {
    s->at += 6;
    code = 0x10000UL + (((unsigned long)(high - 0xD800)) << 10) +
           (unsigned long)(low - 0xDC00);
  }
  return buffer_add_utf8(out, code) ? LINK_FOUND : LINK_NO_MEMORY;
}


/* Adds a string; 'at' is after its opening quote. Returns LINK_FOUND on
** success. */
static link_status add_string (buffer *out, scanner *s) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  while (s->at < s->end) {
    char c = *s->at++;
    if (c == '"')
      return LINK_FOUND;
    if (c == '\\') {
      const char *known;
      if (s->at >= s->end)
        return LINK_BROKEN;
      c = *s->at++;
      if (c == 'u') {
        link_status status = add_unicode(out, s);
        if (status != LINK_FOUND)
          return status;
        continue;
      }
      known = c != '\0' ? strchr(from, c) : NULL;
      if (known == NULL)
        return LINK_BROKEN;
      c = to[known - from];
    }
    if (!buffer_add_byte(out, c))
      return LINK_NO_MEMORY;
  }
  return LINK_BROKEN;
}


static link_status read_key (scanner *s, buffer *key, const char *wanted,
                             bool *is_wanted) {
  size_t before = key->size;
  link_status status;
  if (!take(s, '"'))
    return LINK_BROKEN;
  status = add_string(key, s);
  if (status == LINK_FOUND) {
    *is_wanted = key->size - before == strlen(wanted) &&
                 memcmp(key->data + before, wanted, strlen(wanted)) == 0;
    if (!take(s, ':'))
      status = LINK_BROKEN;
  }
  key->size = before;
  return status;
}


typedef link_status (*member_reader)(buffer *out, scanner *s);

/*
** Iterates over an object, whose opening brace was read, and calls 'read' for
** the value of the member 'wanted'. If a name occurs twice, the last member
** counts, as in any JSON decoder.
*/
static link_status find_member (buffer *out, scanner *s, const char *wanted,
                                member_reader read) {
  size_t before = out->size;
  link_status found = LINK_NONE;
  if (take(s, '}'))
    return LINK_NONE;
  do {
    bool is_wanted = false;
    link_status status;
    status = read_key(s, out, wanted, &is_wanted);
    if (status != LINK_FOUND)
      return status;
    if (is_wanted) {
      out->size = before;
      s->is_other = false;
      found = read(out, s);
      if (found == LINK_BROKEN || found == LINK_NO_MEMORY)
        return found;
    }
    else if (!skip_value(s))
      return LINK_BROKEN;
  } while (take(s, ','));
  return take(s, '}') ? found : LINK_BROKEN;
}


/* Skips a value. If it is neither null nor a list, which some servers write in
** place of {}, it could be a link that this does not understand: a loop must
** not end there as if it was the last page. */
static link_status skip_other (scanner *s) {
  const char *start;
  skip_blanks(s);
  start = s->at;
  if (!skip_value(s))
    return LINK_BROKEN;
  s->is_other = *start != '[' && !(s->at - start == 4 && *start == 'n' &&
                                   memcmp(start, "null", 4) == 0);
  return LINK_NONE;
}


static link_status read_text (buffer *out, scanner *s) {
  size_t before = out->size;
  link_status status;
  if (!take(s, '"'))
    return skip_other(s);
  status = add_string(out, s);
  if (status == LINK_FOUND && out->size == before)
    return LINK_NONE;
  return status;
}


static link_status read_link (buffer *out, scanner *s) {
  if (take(s, '{'))
    return find_member(out, s, "href", read_text);
  return read_text(out, s);
}


static link_status read_links (buffer *out, scanner *s) {
  if (take(s, '{'))
    return find_member(out, s, "next", read_link);
  return skip_value(s) ? LINK_NONE : LINK_BROKEN;
}


link_status links_next (buffer *out, const char *page, size_t size) {
  scanner s;
  link_status status;
  size_t before = out->size;
  s.at = page;
  s.end = page + size;
  s.is_other = false;
  if (!take(&s, '{'))
    return LINK_BROKEN;
  status = find_member(out, &s, "links", read_links);
  skip_blanks(&s);
  if ((status != LINK_NO_MEMORY && s.at != s.end) ||
      (status == LINK_NONE && s.is_other))
    status = LINK_BROKEN;
  if (status != LINK_FOUND)
    out->size = before;
  return status;
}
