/*
** json.c - strings and numbers as JSON writes them: any bytes as text, and as
** the bits of numbers. What is written reads back as what was given.
*/
#include "fuzz.h"

#include "json/writer.h"
#include "api/links.h"


/* {======================================================
** Strings
** ======================================================= */

/* The size of the character there, by its code; 0: there is none. */
static size_t character (const unsigned char *s, size_t left) {
  static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t i, size = s[0] < 0x80   ? 1
                   : s[0] < 0xC0 ? 0
                   : s[0] < 0xE0 ? 2
                   : s[0] < 0xF0 ? 3
                   : s[0] < 0xF8 ? 4
                                 : 0;
  unsigned long code;
  if (size <= 1)
    return size;
  if (size > left)
    return 0;
  code = s[0] & (0x7Fu >> size);
  for (i = 1; i < size; i++) {
    if (s[i] >> 6 != 2)
      return 0;
    code = code << 6 | (s[i] & 63u);
  }
  return code < least[size] || code > 0x10FFFF ||
         (code >= 0xD800 && code < 0xE000) ? 0 : size;
}


/* Where the first wrong byte is, from 1; 0: all is well. */
static size_t first_wrong (const unsigned char *s, size_t size) {
  size_t at = 0;
  while (at < size) {
    size_t n = character(s + at, size - at);
    if (n == 0)
      return at + 1;
    at += n;
  }
  return 0;
}


static void check_plain (const char *text, size_t size) {
  size_t i;
  for (i = 0; i < size; i++)
    CHECK((unsigned char)text[i] >= 32 && text[i] != 127);
}


/* Read by the scanner of pages, as the one member that it looks for. */
static void check_reads_back (const buffer *written, const char *text,
                              size_t size) {
  buffer page = {NULL, 0, 0}, found = {NULL, 0, 0};
  CHECK(buffer_add_text(&page, "{\"links\":{\"next\":") &&
        buffer_add(&page, written->data + 1, written->size - 1) &&
        buffer_add_text(&page, "}}"));
  CHECK(links_next(&found, page.data, page.size) ==
        (size > 0 ? LINK_FOUND : LINK_NONE));
  CHECK(same(found.data, found.size, text, size));
  buffer_free(&page);
  buffer_free(&found);
}


static void check_string (const char *text, size_t size) {
  buffer out = {NULL, 0, 0};
  size_t bad = 0, wrong = first_wrong((const unsigned char *)text, size);
  json_status status;
  CHECK(buffer_add_byte(&out, '='));
  status = json_string(&out, text, size, &bad);
  CHECK(out.size > 1 && out.data[0] == '=' && out.data[1] == '"');
  check_plain(out.data, out.size);
  CHECK(status == (wrong > 0 ? JSON_NOT_UTF8 : JSON_OK) && bad == wrong);
  if (status == JSON_OK)
    check_reads_back(&out, text, size);
  buffer_free(&out);
}

/* }====================================================== */


/* {======================================================
** Numbers
** ======================================================= */

/* -?digits[.digits][e[+-]digits], the first digit no needless zero */
static void check_grammar (const char *text) {
  size_t n;
  text += *text == '-';
  n = strspn(text, "0123456789");
  CHECK(n > 0 && (n == 1 || *text != '0'));
  text += n;
  if (*text == '.') {
    n = strspn(text + 1, "0123456789");
    CHECK(n > 0);
    text += n + 1;
  }
  if (*text == 'e') {
    text += text[1] == '-' || text[1] == '+' ? 2 : 1;
    n = strspn(text, "0123456789");
    CHECK(n > 0);
    text += n;
  }
  CHECK(*text == '\0');
}


static int digits_of (const char *text) {
  int digits = 0, zeros = 0;
  for (; *text != '\0' && *text != 'e'; text++)
    if (*text == '0')
      zeros++;
    else if (*text > '0' && *text <= '9') {
      digits += digits > 0 ? zeros + 1 : 1;
      zeros = 0;
    }
  return digits;
}


/* The fewest digits that read back as the number. */
static int fewest (double x) {
  int n = 0;
  char text[64];
  do
    snprintf(text, sizeof(text), "%.*e", n, x);
  while (strtod(text, NULL) != x && ++n < 17);
  return digits_of(text);
}


static void check_double (double x) {
  char text[JSON_NUMBER_SIZE + 1], *end;
  size_t size;
  double again;
  memset(text, '#', sizeof(text));
  size = json_double(text, x);
  CHECK((size == 0) == (x - x != 0) && size < JSON_NUMBER_SIZE);
  CHECK(text[JSON_NUMBER_SIZE] == '#');
  if (size == 0)
    return;
  text[size] = '\0';
  check_grammar(text);
  again = strtod(text, &end);
  CHECK(*end == '\0' && memcmp(&again, &x, sizeof(x)) == 0);
  if (x - (double)(int64_t)(x < 9e15 && x > -9e15 ? x : 0) != 0)
    CHECK(digits_of(text) <= fewest(x) || digits_of(text) <= 15);
  else if (x <= 9007199254740992.0 && x >= -9007199254740992.0)
    CHECK(strpbrk(text, ".e") == NULL);
}


static void check_integer (int64_t value) {
  char text[JSON_NUMBER_SIZE], wanted[JSON_NUMBER_SIZE];
  size_t size = json_integer(text, value);
  snprintf(wanted, sizeof(wanted), "%lld", (long long)value);
  CHECK(same(text, size, wanted, strlen(wanted)));
}

/* }====================================================== */


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  static const double powers[] = {1, 10, 100, 1e3, 1e6, 1e8, 1e9, 1e17};
  feed f = feed_of(data, size);
  int64_t bits = 0;
  double x;
  check_string((const char *)data, size);
  while (!feed_over(&f)) {
    unsigned power = feed_below(&f, 8), i;
    for (i = 0; i < 8; i++)
      bits = (int64_t)((uint64_t)bits << 8 | feed_byte(&f));
    check_integer(bits);
    check_integer(bits >> 32);
    check_double((double)bits / powers[power]);
    check_double((double)(bits >> 40) / powers[power]);
    memcpy(&x, &bits, sizeof(x));
    check_double(x);
  }
  return 0;
}
