/*
** rate_limit.c - what a server says of its limits: first the input as it is,
** then limits made from it, written in the many ways that there are.
*/
#include "fuzz.h"

#include "http/headers.h"

#define LARGEST 1000000000L


static void check_figures (const rate_limit *limit, bool found) {
  int i;
  CHECK(limit->limit >= -1 && limit->limit <= LARGEST);
  CHECK(limit->remaining >= -1 && limit->remaining <= LARGEST);
  CHECK(limit->reset >= -1 && limit->reset <= LARGEST);
  CHECK(limit->windows >= 0 && limit->windows <= RATE_WINDOWS);
  for (i = 0; i < limit->windows; i++) {
    CHECK(limit->window[i].limit >= 0 && limit->window[i].limit <= LARGEST);
    CHECK(limit->window[i].seconds > 0 &&
          limit->window[i].seconds <= LARGEST);
  }
  CHECK(found == (limit->limit >= 0 || limit->remaining >= 0 ||
                 limit->reset >= 0 || limit->windows > 0));
}


static void check_raw (const uint8_t *data, size_t size) {
  static const char *const names[] = {"RateLimit-Limit",
                                      "RateLimit-Remaining", "x"};
  buffer block = {NULL, 0, 0};
  rate_limit limit;
  size_t i;
  check_figures(&limit,
                headers_rate_limit((const char *)data, size, &limit));
  for (i = 0; i < 3; i++) {
    char *whole;
    CHECK(buffer_add_text(&block, names[i]) && buffer_add_text(&block, ": ") &&
          buffer_add(&block, data, size) && buffer_add_text(&block, "\r\n"));
    whole = malloc(block.size);  /* no byte more, so that a step is seen */
    CHECK(whole != NULL);
    memcpy(whole, block.data, block.size);
    check_figures(&limit, headers_rate_limit(whole, block.size, &limit));
    free(whole);
  }
  buffer_free(&block);
}


static long figure (feed *f) {
  unsigned size = feed_below(f, 4);
  long n = (long)feed_byte(f);
  while (size-- > 0)
    n = n * 256 + (long)feed_byte(f);
  return n;  /* below 2^40 */
}


static long clipped (long n) {
  return n < LARGEST ? n : LARGEST;
}


static void blanks (feed *f, buffer *out) {
  static const char *const all[] = {"", "", " ", "\t ", "  "};
  CHECK(buffer_add_text(out, all[feed_below(f, 5)]));
}


static void number (buffer *out, long n) {
  char text[32];
  snprintf(text, sizeof(text), "%ld", n);
  CHECK(buffer_add_text(out, text));
}


static void write_list (feed *f, buffer *out, rate_limit *wanted) {
  unsigned items = feed_below(f, 8);
  CHECK(buffer_add_text(out, feed_byte(f) & 1 ? "ratelimit-limit:"
                                              : "RateLimit-Limit: "));
  while (items-- > 0) {
    long limit = figure(f), seconds = figure(f);
    unsigned kind = feed_below(f, 4);
    blanks(f, out);
    number(out, limit);
    if (kind == 1)
      CHECK(buffer_add_text(out, ";comment=\"w\";"));
    if (kind > 1) {
      blanks(f, out);
      CHECK(buffer_add_text(out, kind == 2 ? ";" : ";policy=x;"));
      blanks(f, out);
      CHECK(buffer_add_text(out, "w="));
      number(out, seconds);
    }
    if (kind <= 1 || seconds == 0) {
      if (wanted->limit < 0)
        wanted->limit = clipped(limit);
    }
    else if (wanted->windows < RATE_WINDOWS) {
      wanted->window[wanted->windows].limit = clipped(limit);
      wanted->window[wanted->windows++].seconds = clipped(seconds);
    }
    blanks(f, out);
    if (items > 0)
      CHECK(buffer_add_text(out, ","));
  }
  CHECK(buffer_add_text(out, "\r\n"));
}


static void write_figure (feed *f, buffer *out, const char *name,
                          long *wanted) {
  long n = figure(f);
  if (feed_byte(f) % 3 == 0)
    return;
  CHECK(buffer_add_text(out, name));
  number(out, n);
  CHECK(buffer_add_text(out, "\r\n"));
  *wanted = clipped(n);
}


static void check_written (feed *f) {
  buffer out = {NULL, 0, 0};
  rate_limit wanted, found;
  memset(&wanted, 0, sizeof(wanted));
  wanted.limit = wanted.remaining = wanted.reset = -1;
  CHECK(buffer_add_text(&out, "HTTP/2 200\r\n"));
  write_figure(f, &out, "RateLimit-Remaining:", &wanted.remaining);
  write_list(f, &out, &wanted);
  write_figure(f, &out, "ratelimit-reset: ", &wanted.reset);
  headers_rate_limit(out.data, out.size, &found);
  CHECK(memcmp(&wanted, &found, sizeof(found)) == 0);
  buffer_free(&out);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  feed f = feed_of(data, size);
  check_raw(data, size);
  check_written(&f);
  return 0;
}
