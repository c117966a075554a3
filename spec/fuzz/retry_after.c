/*
** retry_after.c - when a server lets us come again: the input as it is, and
** as a number and as a date made from it.
*/
#include "fuzz.h"

#include <time.h>

#include "http/headers.h"

#define LARGEST 1000000000L


static long read_value (const char *value, size_t size) {
  buffer block = {NULL, 0, 0};
  long seconds;
  char *whole;
  CHECK(buffer_add_text(&block, "Retry-After: ") &&
        buffer_add(&block, value, size));
  whole = malloc(block.size);  /* no byte more, so that a step is seen */
  CHECK(whole != NULL);
  memcpy(whole, block.data, block.size);
  seconds = headers_retry_after(whole, block.size);
  free(whole);
  buffer_free(&block);
  CHECK(seconds >= -1 && seconds <= LARGEST);
  return seconds;
}


static void check_number (unsigned long n) {
  char text[32];
  long seconds;
  snprintf(text, sizeof(text), "%lu", n);
  seconds = read_value(text, strlen(text));
  CHECK(seconds == (n < LARGEST ? (long)n : LARGEST));
}


static void check_date (long delay) {
  char text[64];
  time_t now = time(NULL), then = now + delay;
  struct tm parts;
  long seconds, late;
  CHECK(gmtime_r(&then, &parts) != NULL);
  strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  seconds = read_value(text, strlen(text));
  late = (long)(time(NULL) - now);  /* a second may end meanwhile */
  if (delay - late <= 0)
    CHECK(seconds >= 0 && seconds <= (delay > 0 ? delay : 0));
  else
    CHECK(seconds >= delay - late && seconds <= delay);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  feed f = feed_of(data, size);
  unsigned long n = 0;
  int i;
  headers_retry_after((const char *)data, size);
  read_value((const char *)data, size);
  for (i = 0; i < 8; i++)
    n = n << 8 | feed_byte(&f);
  check_number(n);
  /* from 1.6 years ago to 1.6 years in the future */
  check_date((long)(n % 100000000) - 50000000);
  return 0;
}
