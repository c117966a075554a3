/*
** pages.c - an iteration over pages: lines, each a page as it is or a link
** that a page is made of. It stays below its base, visits no page twice and
** ends where a page says so.
*/
#include "fuzz.h"

#include "api/links.h"
#include "api/pages.h"
#include "api/url.h"

#define BASE "https://gw.example/prefix"
#define MAX_PAGES 200  /* more than the set of visited pages has room for */

/* What identifies a page in an iteration. */
typedef struct mark {
  bool is_cursor;
  buffer text;
} mark;


static mark mark_of (const buffer *url) {
  mark m = {false, {NULL, 0, 0}};
  bool ok;
  m.is_cursor = url_cursor(&m.text, url->data, url->size, &ok);
  CHECK(ok);
  if (!m.is_cursor)
    CHECK(buffer_add(&m.text, url->data, url->size));
  return m;
}


static bool is_among (const mark *all, int n, const mark *one) {
  while (n-- > 0)
    if (same(all[n].text.data, all[n].text.size, one->text.data,
             one->text.size))
      return true;
  return false;
}


static void add_string (buffer *out, const char *text, size_t size) {
  size_t i;
  for (i = 0; i < size; i++) {
    char code[8];
    unsigned char c = (unsigned char)text[i];
    if (c >= 128)
      c -= 128;  /* more would have to be UTF-8 */
    snprintf(code, sizeof(code), c < 32 || c == '"' || c == '\\' ? "\\u%04x"
                                                                 : "%c", c);
    CHECK(buffer_add_text(out, code));
  }
}


static char *page_of (feed *f, size_t *size) {
  static const char *const shapes[][2] = {
    {"{\"data\":[],\"links\":{\"next\":\"", "\"}}"},
    {"{\"links\":{\"next\":{\"href\":\"", "\"}},\"data\":[{}]}"},
    {"{\"links\":{\"next\":\"/api/x?page%5Bcursor%5D=", "\"}}"},
    {"{\"links\":{\"next\":\"https://a.klaviyo.com/api/y?page[cursor]=",
     "&sort=z\"}}"},
    {"{\"links\":{\"next\":\"" BASE "/api/z?a=b&page_cursor=", "\"}}"}
  };
  unsigned shape = feed_below(f, 6);
  buffer page = {NULL, 0, 0};
  char *text = feed_until(f, '\n', size);
  if (shape == 5)
    return text;
  CHECK(buffer_add_text(&page, shapes[shape][0]));
  add_string(&page, text, *size);
  CHECK(buffer_add_text(&page, shapes[shape][1]));
  free(text);
  text = malloc(page.size);  /* no byte more */
  CHECK(text != NULL);
  memcpy(text, page.data, page.size);
  *size = page.size;
  buffer_free(&page);
  return text;
}


/* What a step says, and what it must. */
static pages_status step (pages *p, const mark *visited, int n, mark *new,
                          const char *page, size_t size) {
  pages_status status = pages_follow(p, page, size);
  buffer link = {NULL, 0, 0}, url = {NULL, 0, 0};
  link_status linked = links_next(&link, page, size);
  pages_status wanted = linked == LINK_NONE ? PAGES_END : PAGES_BROKEN;
  memset(new, 0, sizeof(*new));
  if (linked == LINK_FOUND) {
    CHECK(same(p->link.data, p->link.size, link.data, link.size));
    switch (url_rebase(&url, BASE, link.data, link.size)) {
      case URL_OK:
        *new = mark_of(&url);
        wanted = is_among(visited, n, new) ? PAGES_REPEATED : PAGES_NEXT;
        CHECK(same(p->url.data, p->url.size, url.data, url.size));
        CHECK(memcmp(url.data, BASE "/", strlen(BASE "/")) == 0);
        break;
      case URL_FOREIGN: wanted = PAGES_FOREIGN; break;
      case URL_BAD: case URL_NO_MEMORY: break;
    }
  }
  CHECK(status == wanted);
  buffer_free(&link);
  buffer_free(&url);
  return status;
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  feed f = feed_of(data, size);
  mark visited[MAX_PAGES + 1];
  int n = 0;
  pages p;
  CHECK(pages_open(&p, BASE, BASE "/api/profiles?page[size]=100"));
  visited[n++] = mark_of(&p.url);
  while (!feed_over(&f) && n < MAX_PAGES) {
    size_t page_size;
    char *page = page_of(&f, &page_size);
    mark new;
    /* another page may follow one that ends it: an iteration may be resumed */
    if (step(&p, visited, n, &new, page, page_size) == PAGES_NEXT)
      visited[n++] = new;
    else
      buffer_free(&new.text);
    free(page);
  }
  pages_close(&p);
  pages_close(&p);
  while (n-- > 0)
    buffer_free(&visited[n].text);
  return 0;
}
