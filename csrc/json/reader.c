/*
** json/reader.c - the grammar of JSON, and its strings.
*/
#include "json/reader.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"

/* How bytes are tested together; with KLAVIYO_PORTABLE, by arithmetic. */
#if defined(__SSE2__) && !defined(KLAVIYO_PORTABLE)
#define USE_SSE2
#include <emmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(KLAVIYO_PORTABLE)
#define USE_NEON
#include <arm_neon.h>
#endif

#define REPLACEMENT 0xFFFD


/* {======================================================
** The first byte of a string that is not taken as it is
** ======================================================= */

static bool is_plain (unsigned char c) {
  return c >= 0x20 && c != '"' && c != '\\';
}

/*
** Marks have BITS bits for each byte, the lowest ones for the first byte: 0 if
** it is plain. CHUNK bytes are tested for one string, BLOCK bytes for all
** strings in them.
*/
#if defined(USE_SSE2)

#define CHUNK 16
#define BLOCK 64
#define BITS 1

static inline uint64_t chunk_marks (const unsigned char *s) {
  __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)s);
  __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  __m128i slashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  __m128i controls =
      _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
  return (unsigned)_mm_movemask_epi8(
      _mm_or_si128(_mm_or_si128(quotes, slashes), controls));
}


static inline uint64_t block_marks (const unsigned char *s) {
  return chunk_marks(s) | chunk_marks(s + 16) << 16 |
         chunk_marks(s + 32) << 32 | chunk_marks(s + 48) << 48;
}

#elif defined(USE_NEON)

#define CHUNK 16
#define BLOCK 16
#define BITS 4

static inline uint64_t chunk_marks (const unsigned char *s) {
  uint8x16_t bytes = vld1q_u8(s);
  uint8x16_t marks = vorrq_u8(vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')),
                                       vceqq_u8(bytes, vdupq_n_u8('\\'))),
                              vcltq_u8(bytes, vdupq_n_u8(0x20)));
  return vget_lane_u64(
      vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(marks), 4)), 0);
}

#else

#define CHUNK 8
#define BLOCK 8
#define BITS 8
#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Returns the bytes of 'w' that are zero, as 0x80. */
static inline uint64_t zeros (uint64_t w) {
  return ~(((w & EIGHT(0x7F)) + EIGHT(0x7F)) | w | EIGHT(0x7F));
}


static inline uint64_t chunk_marks (const unsigned char *s) {
  uint64_t w, marks;
  memcpy(&w, s, sizeof(w));
  marks = zeros(w ^ EIGHT('"')) | zeros(w ^ EIGHT('\\')) |
          zeros(w & EIGHT(0xE0)); /* below 0x20 */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  marks = __builtin_bswap64(marks);
#endif
  return marks;
}

#endif

#if CHUNK == BLOCK
#define block_marks chunk_marks
#endif


/* These functions return the next byte that is not plain, or the end. */

static inline const unsigned char *after_plain (const unsigned char *s,
                                                const unsigned char *end) {
  for (; end - s >= CHUNK; s += CHUNK) {
    uint64_t marks = chunk_marks(s);
    if (marks != 0)
      return s + __builtin_ctzll(marks) / BITS;
  }
  while (s < end && is_plain(*s))
    s++;
  return s;
}


/* The block whose marks were found last. */
typedef struct block {
  const unsigned char *end;
  uint64_t marks;
} block;


/* For strings that follow one another closely, as where nothing is built: then
** no string waits for the end of the one before, and a page is checked in 0.6
** of the time. */
static inline const unsigned char *
after_plain_in (block *b, const unsigned char *s, const unsigned char *end) {
  for (;;) {
    ptrdiff_t left = b->end - s;
    if (left > 0 && left <= BLOCK) {
      uint64_t marks = b->marks >> (BLOCK - left) * BITS;
      if (marks != 0)
        return s + __builtin_ctzll(marks) / BITS;
      s = b->end;
    }
    if (end - s < BLOCK)
      return after_plain(s, end);
    b->marks = block_marks(s);
    b->end = s + BLOCK;
  }
}

/* }====================================================== */


/* {======================================================
** Strings
** ======================================================= */

/* These functions return the position after what they read, or NULL with an
** error. */

static const unsigned char *refuse (json_reader *r, const unsigned char *at,
                                    const char *error) {
  r->error = error;
  r->at = at;
  return NULL;
}


static const unsigned char *read_escape (json_reader *r,
                                         const unsigned char *s) {
  int i;
  s++;
  if (s == r->end || *s == '\0' || strchr("\"\\/bfnrtu", *s) == NULL)
    return refuse(r, s, "invalid escape in a string");
  if (*s++ != 'u')
    return s;
  for (i = 0; i < 4; i++, s++)
    if (s == r->end || hex_digit((char)*s) < 0)
      return refuse(r, s, "invalid \\u escape in a string");
  return s;
}


/* Reads a string; 's' is after its opening quote. */
static const unsigned char *read_string (json_reader *r, json_text *text,
                                         const unsigned char *s) {
  text->bytes = (const char *)s;
  text->has_escapes = false;
  while ((s = after_plain(s, r->end)) < r->end) {
    if (*s == '"') {
      text->size = (size_t)(s - (const unsigned char *)text->bytes);
      return s + 1;
    }
    if (*s != '\\')
      return refuse(r, s, "control character in a string");
    text->has_escapes = true;
    s = read_escape(r, s);
    if (s == NULL)
      return NULL;
  }
  return refuse(r, s, "unterminated string");
}


/* The same; inlined for strings without escapes, it saves 2 % of a page. */
static inline const unsigned char *read_plain (json_reader *r, json_text *text,
                                               const unsigned char *s) {
  const unsigned char *end = after_plain(s, r->end);
  if (end == r->end || *end != '"')
    return read_string(r, text, s);
  text->bytes = (const char *)s;
  text->size = (size_t)(end - s);
  text->has_escapes = false;
  return end + 1;
}


/* Returns the character of an escape, or of two that form a surrogate pair.
** '*s' is after the first 'u'. */
static unsigned long read_code (const unsigned char **s,
                                const unsigned char *end) {
  unsigned long code = (unsigned long)hex_value((const char *)*s, 4), low;
  *s += 4;
  if (code < 0xD800 || code > 0xDFFF)
    return code;
  if (code > 0xDBFF || end - *s < 6 || (*s)[0] != '\\' || (*s)[1] != 'u')
    return REPLACEMENT;
  low = (unsigned long)hex_value((const char *)*s + 2, 4);
  if (low < 0xDC00 || low > 0xDFFF)
    return REPLACEMENT;
  *s += 6;
  return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}


static unsigned long escaped (unsigned char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;
  }
}


bool json_unescape (buffer *out, const json_text *text) {
  const unsigned char *s = (const unsigned char *)text->bytes;
  const unsigned char *end = s + text->size, *from = s;
  while ((s = memchr(s, '\\', (size_t)(end - s))) != NULL) {
    unsigned long code;
    if (!buffer_add(out, from, (size_t)(s - from)))
      return false;
    s += 2;
    code = s[-1] == 'u' ? read_code(&s, end) : escaped(s[-1]);
    if (!buffer_add_utf8(out, code))
      return false;
    from = s;
  }
  return buffer_add(out, from, (size_t)(end - from));
}

/* }====================================================== */


/* {======================================================
** Values
** ======================================================= */

void json_reader_init (json_reader *r, const char *text, size_t size) {
  r->start = r->at = (const unsigned char *)text;
  r->end = r->start + size;
  r->depth = 0;
  r->is_first = r->is_done = r->is_expected = false;
  r->expected = NULL;
  r->error = NULL;
}


static inline const unsigned char *after_space (const unsigned char *s,
                                                const unsigned char *end) {
  while (s < end && *s <= ' ' &&
         (*s == ' ' || *s == '\n' || *s == '\r' || *s == '\t'))
    s++;
  return s;
}


static json_kind fail (json_reader *r, const unsigned char *at,
                       const char *error) {
  (void)refuse(r, at, error);
  return JSON_ERROR;
}


static json_kind open_value (json_reader *r, const unsigned char *s,
                             json_kind kind, char closer) {
  if (r->depth == JSON_MAX_DEPTH)
    return fail(r, s, "nested too deep");
  r->closers[r->depth++] = closer;
  r->is_first = true;
  r->at = s + 1;
  return kind;
}


static json_kind read_literal (json_reader *r, const unsigned char *s,
                               const char *literal, json_kind kind) {
  size_t size = strlen(literal);
  if ((size_t)(r->end - s) < size || memcmp(s, literal, size) != 0)
    return fail(r, s, "expected a value");
  r->at = s + size;
  return kind;
}


static inline json_kind read_value (json_reader *r, const unsigned char *s) {
  json_kind kind;
  if (s == r->end)
    return fail(r, s, "expected a value");
  switch (*s) {
    case '"':
      s = read_plain(r, &r->string, s + 1);
      if (s == NULL)
        return JSON_ERROR;
      r->at = s;
      return JSON_STRING;
    case '{': return open_value(r, s, JSON_OBJECT, '}');
    case '[': return open_value(r, s, JSON_LIST, ']');
    case 't': return read_literal(r, s, "true", JSON_TRUE);
    case 'f': return read_literal(r, s, "false", JSON_FALSE);
    case 'n': return read_literal(r, s, "null", JSON_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
      r->at = s;
      kind = json_read_number(&r->at, r->end, &r->number);
      if (kind == JSON_ERROR)
        r->error = "invalid number";
      return kind;
    default: return fail(r, s, "expected a value");
  }
}


/* Returns whether a text starts with a name. The last names of a text may be
** missed. */
static inline bool starts_with (const unsigned char *s,
                                const unsigned char *end,
                                const json_expected *name) {
  if (end - s < JSON_MAX_EXPECTED)
    return false;
#if defined(USE_SSE2)
  {
    const __m128i *text = (const __m128i *)(const void *)s;
    const __m128i *bytes = (const __m128i *)(const void *)name->bytes;
    unsigned equal = (unsigned)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_loadu_si128(text), _mm_loadu_si128(bytes)));
    equal |= (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(
                 _mm_loadu_si128(text + 1), _mm_loadu_si128(bytes + 1)))
             << 16;
    return ~equal << (JSON_MAX_EXPECTED - name->size) == 0;
  }
#else
  return memcmp(s, name->bytes, name->size) == 0;
#endif
}


/* Reads a name and its colon. Returns the position after it, or NULL with an
** error. */
static const unsigned char *read_name (json_reader *r, const unsigned char *s) {
  r->is_expected = false;
  if (s == r->end || *s != '"')
    return refuse(r, s, "expected a name in quotes");
  s = read_string(r, &r->name, s + 1);
  if (s == NULL)
    return NULL;
  s = after_space(s, r->end);
  if (s == r->end || *s != ':')
    return refuse(r, s, "expected \":\"");
  return after_space(s + 1, r->end);
}


/* Returns the position of the next member or item; 's' is after the value
** before it, or after the opening bracket. */
static inline const unsigned char *
after_comma (json_reader *r, const unsigned char *s, char closer) {
  if (s < r->end && *s == ',')
    return after_space(s + 1, r->end);
  return refuse(r, s,
                closer == '}' ? "expected \",\" or \"}\""
                              : "expected \",\" or \"]\"");
}


json_kind json_next (json_reader *r) {
  const unsigned char *s = after_space(r->at, r->end);
  char closer;
  if (r->depth == 0) {
    if (!r->is_done) {
      r->is_done = true;
      return read_value(r, s);
    }
    return s == r->end ? JSON_END : fail(r, s, "expected the end of the text");
  }
  closer = r->closers[r->depth - 1];
  if (s < r->end && *s == (unsigned char)closer) {
    r->depth--;
    r->is_first = false;
    r->at = s + 1;
    return JSON_CLOSE;
  }
  if (!r->is_first)
    s = after_comma(r, s, closer);
  r->is_first = false;
  if (s == NULL)
    return JSON_ERROR;
  if (closer == '}') {
    if (r->expected != NULL && s < r->end && *s == '"' &&
        starts_with(s + 1, r->end, r->expected)) {
      r->is_expected = true;
      r->name.bytes = (const char *)s + 1;
      r->name.size = r->expected->size - 2;
      r->name.has_escapes = false;
      s = after_space(s + 1 + r->expected->size, r->end);
    }
    else if ((s = read_name(r, s)) == NULL)
      return JSON_ERROR;
  }
  return read_value(r, s);
}


/* Checks a string; 's' is after its opening quote. Most strings are plain. */
static inline const unsigned char *skip_string (json_reader *r, block *b,
                                                const unsigned char *s) {
  const unsigned char *end = after_plain_in(b, s, r->end);
  if (end < r->end && *end == '"')
    return end + 1;
  return read_string(r, &r->string, s);
}


/* Checks a name and its colon. */
static inline const unsigned char *skip_name (json_reader *r, block *b,
                                              const unsigned char *s) {
  if (s < r->end && *s == '"') {
    const unsigned char *end = after_plain_in(b, s + 1, r->end);
    if (r->end - end > 2 && end[0] == '"' && end[1] == ':' && end[2] > ' ')
      return end + 2;
  }
  return read_name(r, s);
}


/* Checks a string or a number, and opens an object or list. Returns the
** position after it, or NULL with an error. */
static inline const unsigned char *skip_value (json_reader *r, block *b,
                                               const unsigned char *s) {
  if (s < r->end && *s == '"')
    return skip_string(r, b, s + 1);
  if (s < r->end && (*s == '-' || (unsigned)(*s - '0') < 10))
    return json_skip_number(&s, r->end) ? s : refuse(r, s, "invalid number");
  return read_value(r, s) == JSON_ERROR ? NULL : r->at;
}


/* Not a loop of json_next: with that, a page of raw resources took 7 %
** longer. */
bool json_skip (json_reader *r) {
  const unsigned char *s = r->at;
  int depth = r->depth;
  block b = {NULL, 0};
  b.end = s;
  while (r->depth >= depth) {
    char closer = r->closers[r->depth - 1];
    s = after_space(s, r->end);
    if (s < r->end && *s == (unsigned char)closer) {
      r->depth--;
      r->is_first = false;
      s++;
      continue;
    }
    if (!r->is_first && (s = after_comma(r, s, closer)) == NULL)
      return false;
    r->is_first = false;
    if (closer == '}' && (s = skip_name(r, &b, s)) == NULL)
      return false;
    if ((s = skip_value(r, &b, s)) == NULL)
      return false;
  }
  r->at = s;
  return true;
}


void json_error (const json_reader *r, char *out) {
  char found[16];
  size_t at = (size_t)(r->at - r->start);
  if (r->at == r->end)
    (void)snprintf(found, sizeof(found), "the end");
  else if (*r->at > ' ' && *r->at < 0x7F)
    (void)snprintf(found, sizeof(found), "'%c'", *r->at);
  else
    (void)snprintf(found, sizeof(found), "0x%02X", (unsigned)*r->at);
  (void)snprintf(out, JSON_ERROR_SIZE, "%s at byte %lu (found %s)", r->error,
                 (unsigned long)at + 1, found);
}

/* }====================================================== */
