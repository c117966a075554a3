/*
** query.c - a path and a query made of any bytes: a line is a segment, a name
** or a value. What is written decodes to what was given, by libcurl's decoder,
** and a server sees as many segments and parameters as were meant.
*/
#include "fuzz.h"

#include <curl/curl.h>

#include "api/url.h"

#define BASE "https://gw.example/prefix"
#define MOST 16

static const char SAFE[] =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%";


static void check_decodes (const char *text, size_t text_size,
                           const char *wanted, size_t size) {
  int n = 0;
  char *plain = curl_easy_unescape(NULL, text, (int)text_size, &n);
  CHECK(plain != NULL && same(plain, (size_t)n, wanted, size));
  curl_free(plain);
}


static void check_escaped (buffer *out, size_t before, const char *text,
                           size_t size) {
  size_t i;
  for (i = before; i < out->size; i++)
    CHECK(strchr(SAFE, out->data[i]) != NULL && out->data[i] != '\0');
  if (size > 0)
    check_decodes(out->data + before, out->size - before, text, size);
  else
    CHECK(out->size == before);
}


static bool is_dots (const char *text, size_t size) {
  return same(text, size, ".", 1) || same(text, size, "..", 2);
}


static void write_path (feed *f, buffer *out) {
  unsigned segments = 1 + feed_below(f, 4);
  while (segments-- > 0) {
    size_t size, before;
    char *text = feed_until(f, '\n', &size);
    CHECK(buffer_add_byte(out, '/'));
    before = out->size;
    if (size == 0 || is_dots(text, size)) {
      CHECK(url_add_segment(out, text, size) == URL_BAD);
      CHECK(out->size == before && buffer_add_byte(out, 'x'));
    }
    else {
      CHECK(url_add_segment(out, text, size) == URL_OK);
      check_escaped(out, before, text, size);
    }
    free(text);
  }
}


static void add_escaped (buffer *out, const char *text, size_t size) {
  size_t before = out->size;
  CHECK(url_escape(out, text, size));
  check_escaped(out, before, text, size);
}


/* Returns the first value of page[cursor], to be freed. */
static char *write_query (feed *f, buffer *out, size_t *cursor_size) {
  char *cursor = NULL;
  int n;
  for (n = 0; n < MOST && !feed_over(f); n++) {
    size_t name_size, size;
    bool fixed = feed_below(f, 3) == 0;
    char *name = feed_until(f, '\n', &name_size);
    char *value = feed_until(f, '\n', &size);
    if (fixed) {
      name = realloc(name, 13);
      CHECK(name != NULL);
      name_size = strlen(strcpy(name, "page[cursor]"));
    }
    CHECK(buffer_add_byte(out, n == 0 ? '?' : '&'));
    add_escaped(out, name, name_size);
    CHECK(buffer_add_byte(out, '='));
    add_escaped(out, value, size);
    if (cursor == NULL && (same(name, name_size, "page[cursor]", 12) ||
                           same(name, name_size, "page_cursor", 11))) {
      cursor = value;
      *cursor_size = size;
      value = NULL;
    }
    free(name);
    free(value);
  }
  return cursor;
}


static void check_url (const buffer *path, const buffer *all) {
  CURLU *u = curl_url();
  char *url = text_of(all), *found = NULL;
  size_t prefix = strlen(BASE) - strlen("/prefix");
  CHECK(u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK);
  CHECK(curl_url_get(u, CURLUPART_HOST, &found, 0) == CURLUE_OK &&
        strcmp(found, "gw.example") == 0);
  curl_free(found);
  CHECK(curl_url_get(u, CURLUPART_PATH, &found, 0) == CURLUE_OK &&
        same(found, strlen(found), path->data + prefix, path->size - prefix));
  curl_free(found);
  CHECK(curl_url_get(u, CURLUPART_FRAGMENT, &found, 0) == CURLUE_NO_FRAGMENT);
  if (all->size > path->size) {
    CHECK(curl_url_get(u, CURLUPART_QUERY, &found, 0) == CURLUE_OK &&
          strcmp(found, url + path->size + 1) == 0);
    curl_free(found);
  }
  curl_url_cleanup(u);
  free(url);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  feed f = feed_of(data, size);
  buffer path = {NULL, 0, 0}, all = {NULL, 0, 0}, found = {NULL, 0, 0};
  size_t cursor_size = 0;
  char *cursor;
  bool ok;
  CHECK(buffer_add_text(&path, BASE));
  write_path(&f, &path);
  CHECK(buffer_add(&all, path.data, path.size));
  cursor = write_query(&f, &all, &cursor_size);
  CHECK(url_cursor(&found, all.data, all.size, &ok) == (cursor != NULL) && ok);
  CHECK(same(found.data, found.size, cursor, cursor_size));
  check_url(&path, &all);
  found.size = 0;  /* and of anything else that it may be asked of */
  url_cursor(&found, (const char *)data, size, &ok);
  CHECK(ok && found.size <= size);
  buffer_free(&path);
  buffer_free(&all);
  buffer_free(&found);
  free(cursor);
  return 0;
}
