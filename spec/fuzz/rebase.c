/*
** rebase.c - where a link of the service's leads, seen from a base: two lines,
** the base and the link. What comes out is behind the base in every reading:
** with the key in the request, nothing else may be asked.
*/
#include "fuzz.h"

#include <strings.h>

#include <curl/curl.h>

#include "api/url.h"


static char *part (CURLU *u, CURLUPart which, unsigned flags) {
  char *text = NULL;
  curl_url_get(u, which, &text, flags);
  return text;
}


static void check_same (CURLU *one, CURLU *other, CURLUPart which) {
  char *a = part(one, which, CURLU_DEFAULT_PORT);
  char *b = part(other, which, CURLU_DEFAULT_PORT);
  CHECK((a == NULL) == (b == NULL));
  CHECK(a == NULL || strcasecmp(a, b) == 0);
  curl_free(a);
  curl_free(b);
}


static CURLU *parse (const char *url, unsigned flags) {
  CURLU *u = curl_url();
  CHECK(u != NULL && curl_url_set(u, CURLUPART_URL, url, flags) == CURLUE_OK);
  return u;
}


static bool is_api (const char *path) {
  return strncmp(path, "/api/", 5) == 0 || strncmp(path, "/client/", 8) == 0;
}


/* As libcurl reads it, and with its "." and ".." taken out. */
static void check_origin (const char *url, const char *base) {
  CURLU *own = parse(base, CURLU_PATH_AS_IS);
  CURLU *raw = parse(url, CURLU_PATH_AS_IS), *plain = parse(url, 0);
  CURLU *plain_own = parse(base, 0);
  char *prefix = part(plain_own, CURLUPART_PATH, 0);
  char *path = part(plain, CURLUPART_PATH, 0);
  size_t n = strlen(prefix);
  check_same(own, raw, CURLUPART_SCHEME);
  check_same(own, raw, CURLUPART_HOST);
  check_same(own, raw, CURLUPART_PORT);
  check_same(own, raw, CURLUPART_USER);
  check_same(own, raw, CURLUPART_PASSWORD);
  if (n > 0 && prefix[n - 1] == '/')
    n--;
  CHECK(strncmp(prefix, path, n) == 0 && is_api(path + n));
  curl_free(prefix);
  curl_free(path);
  curl_url_cleanup(own);
  curl_url_cleanup(raw);
  curl_url_cleanup(plain);
  curl_url_cleanup(plain_own);
}


/* Nothing that a server may read as another path, decoded once. */
static void check_path (const char *sweep_idle) {
  size_t size = strcspn(sweep_idle, "?"), i;
  int decoded_size = 0;
  char *path = curl_easy_unescape(NULL, sweep_idle, (int)size, &decoded_size);
  size_t start = 0;
  CHECK(is_api(sweep_idle) && path != NULL);
  for (i = 0; i <= (size_t)decoded_size; i++)
    if (i == (size_t)decoded_size || path[i] == '/' || path[i] == '\\') {
      size_t n = i - start;
      CHECK(!(n == 1 && path[start] == '.') &&
            !(n == 2 && path[start] == '.' && path[start + 1] == '.'));
      start = i + 1;
    }
  curl_free(path);
  for (; *sweep_idle != '\0'; sweep_idle++)
    CHECK(*sweep_idle > ' ' && *sweep_idle < 127 &&
          strchr("\"#<>[\\]^`{|}", *sweep_idle) == NULL);
}


static void check_found (const char *url, const char *base) {
  buffer again = {NULL, 0, 0};
  size_t n = strlen(base);
  CHECK(strncmp(url, base, n) == 0);
  check_path(url + n);
  check_origin(url, base);
  /* it leads where it is */
  CHECK(url_rebase(&again, base, url, strlen(url)) == URL_OK);
  CHECK(same(again.data, again.size, url, strlen(url)));
  buffer_free(&again);
}


static void check_link (const char *base, const char *link, size_t size) {
  buffer out = {NULL, 0, 0};
  url_status status = url_rebase(&out, base, link, size);
  CHECK(status != URL_NO_MEMORY);
  CHECK((status == URL_OK) == (out.size > 0));
  if (status == URL_OK) {
    char *url = text_of(&out);
    check_found(url, base);
    free(url);
  }
  buffer_free(&out);
}


/* What is plainly the service's own is taken as it is. */
static void check_own (const char *base, const char *text, size_t size) {
  static const char *const origins[] = {"", "https://a.klaviyo.com",
                                        "HTTPS://A.klaviyo.com:443"};
  static const char plain[] = "abcdefghijklmnopqrstuvwxyz-_/=&%5B%5D~";
  size_t i, k;
  for (i = 0; i <= 3; i++) {
    buffer link = {NULL, 0, 0}, out = {NULL, 0, 0};
    const char *origin = i < 3 ? origins[i] : base;
    CHECK(buffer_add_text(&link, origin) && buffer_add_text(&link, "/api/x?"));
    for (k = 0; k < size; k++)
      CHECK(buffer_add_byte(&link, plain[(unsigned char)text[k] %
                                         (sizeof(plain) - 1)]));
    CHECK(url_rebase(&out, base, link.data, link.size) == URL_OK);
    CHECK(out.size == strlen(base) + link.size - strlen(origin));
    CHECK(memcmp(out.data + strlen(base), link.data + strlen(origin),
                 link.size - strlen(origin)) == 0);
    buffer_free(&link);
    buffer_free(&out);
  }
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  feed f = feed_of(data, size);
  size_t base_size, link_size;
  char *base = feed_until(&f, '\n', &base_size);
  char *link = feed_until(&f, '\n', &link_size);
  bool ok;
  if (url_is_base(base, &ok)) {
    check_link(base, link, link_size);
    check_own(base, link, link_size);
  }
  check_link("https://a.klaviyo.com", link, link_size);
  check_link("https://gw.example:8443/klaviyo", link, link_size);
  free(base);
  free(link);
  return 0;
}
