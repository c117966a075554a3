/*
** api/url.c - paths, queries, and the links of the service below the base URL
** of the client.
*/
#include "api/url.h"

#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/hex.h"

#define SERVICE_SCHEME "https"
#define SERVICE_HOST "a.klaviyo.com"
#define SERVICE_PORT "443"

static const char HEX[] = "0123456789ABCDEF";


static bool is_unreserved (unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}


static void escape_byte (buffer *out, unsigned char c) {
  out->data[out->size++] = '%';
  out->data[out->size++] = HEX[c >> 4];
  out->data[out->size++] = HEX[c & 15];
}


bool url_escape (buffer *out, const char *text, size_t size) {
  size_t i;
  if (size > ((size_t)-1) / 4 || !buffer_reserve(out, size * 3))
    return false;
  for (i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (is_unreserved(c))
      out->data[out->size++] = (char)c;
    else
      escape_byte(out, c);
  }
  return true;
}


/*
** Adds the text of a link as it is, but escapes the characters that a URL may
** not contain (brackets, quotes, blanks).
*/
static bool add_link_text (buffer *out, const char *text) {
  static const char allowed[] = "-._~!$&'()*+,;=:@/?%";
  size_t i, size = strlen(text);
  if (!buffer_reserve(out, size * 3))
    return false;
  for (i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (is_unreserved(c) || strchr(allowed, c) != NULL)
      out->data[out->size++] = (char)c;
    else
      escape_byte(out, c);
  }
  return true;
}


static bool is_dots (const char *text, size_t size) {
  return (size == 1 && text[0] == '.') ||
         (size == 2 && text[0] == '.' && text[1] == '.');
}


url_status url_add_segment (buffer *out, const char *text, size_t size) {
  if (size == 0 || is_dots(text, size))
    return URL_BAD;
  return url_escape(out, text, size) ? URL_OK : URL_NO_MEMORY;
}


/* {======================================================
** Links
** ======================================================= */

typedef struct parts {
  char *scheme, *host, *port, *path;
  char *query; /* NULL: missing */
} parts;


static void parts_free (parts *p) {
  curl_free(p->scheme);
  curl_free(p->host);
  curl_free(p->port);
  curl_free(p->path);
  curl_free(p->query);
}


/* Reads one part of a URL; 'absent' is libcurl's code if it is missing. */
static url_status part_get (CURLU *u, CURLUPart which, unsigned flags,
                            CURLUcode absent, char **text) {
  CURLUcode code = curl_url_get(u, which, text, flags);
  if (code == CURLUE_OK || (code == absent && absent != CURLUE_OK))
    return URL_OK;
  return code == CURLUE_OUT_OF_MEMORY ? URL_NO_MEMORY : URL_BAD;
}


/* A libcurl without TLS knows neither https nor its port, but the links of a
** service on http, such as a sandbox, name it. */
static url_status port_get (parts *p, CURLU *u) {
  char *port = NULL;
  if (strcasecmp(p->scheme, SERVICE_SCHEME) == 0 &&
      curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
          CURLUE_NO_PORT &&
      curl_url_set(u, CURLUPART_PORT, SERVICE_PORT, 0) != CURLUE_OK)
    return URL_NO_MEMORY;
  curl_free(port);
  return part_get(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, CURLUE_OK, &p->port);
}


static url_status parts_of (parts *p, CURLU *u) {
  char *user = NULL;
  url_status status = part_get(u, CURLUPART_USER, 0, CURLUE_NO_USER, &user);
  if (status == URL_OK && user != NULL)
    status = URL_BAD;
  curl_free(user);
  if (status == URL_OK)
    status = part_get(u, CURLUPART_SCHEME, 0, CURLUE_OK, &p->scheme);
  if (status == URL_OK)
    status = part_get(u, CURLUPART_HOST, 0, CURLUE_OK, &p->host);
  if (status == URL_OK)
    status = port_get(p, u);
  if (status == URL_OK)
    status = part_get(u, CURLUPART_PATH, 0, CURLUE_OK, &p->path);
  if (status == URL_OK)
    status = part_get(u, CURLUPART_QUERY, 0, CURLUE_NO_QUERY, &p->query);
  return status;
}


static url_status parts_get (parts *p, const char *text) {
  url_status status;
  CURLUcode code;
  CURLU *u = curl_url();
  memset(p, 0, sizeof(*p));
  if (u == NULL)
    return URL_NO_MEMORY;
  code = curl_url_set(u, CURLUPART_URL, text,
                      CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME);
  if (code == CURLUE_OK)
    status = parts_of(p, u);
  else
    status = code == CURLUE_OUT_OF_MEMORY ? URL_NO_MEMORY : URL_BAD;
  if (status != URL_OK) {
    parts_free(p);
    memset(p, 0, sizeof(*p));
  }
  curl_url_cleanup(u);
  return status;
}


static bool same_origin (const parts *p, const char *scheme, const char *host,
                         const char *port) {
  return strcasecmp(p->scheme, scheme) == 0 && strcasecmp(p->host, host) == 0 &&
         strcmp(p->port, port) == 0;
}


/* Returns the next character of a path as a server may read it: it takes \ for
** /, and decodes both, and dots, before it splits the path. */
static char plain_char (const char **path) {
  static const struct {
    const char *text;
    char plain;
  } codes[] = {{"%2e", '.'}, {"%2f", '/'}, {"%5c", '/'}};
  size_t i;
  for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
    if (strncasecmp(*path, codes[i].text, 3) == 0) {
      *path += 3;
      return codes[i].plain;
    }
  return *(*path)++;
}


/* A path with a "." or ".." segment, in any notation, may leave the prefix. */
static bool has_dot_segment (const char *path) {
  char plain[3];
  size_t n = sizeof(plain); /* only dots so far */
  for (;;) {
    char c = *path != '\0' ? plain_char(&path) : '\0';
    if (c == '/' || c == '\\' || c == '\0') {
      if (n < sizeof(plain) && is_dots(plain, n))
        return true;
      n = 0;
      if (c == '\0')
        return false;
    }
    else {
      if (n < sizeof(plain))
        plain[n] = c;
      if (n <= sizeof(plain))
        n++;
    }
  }
}


bool url_is_base (const char *base, bool *ok) {
  parts p;
  size_t size = strlen(base);
  url_status status = URL_BAD;
  bool good = false;
  if (size > 0 && base[size - 1] != '/' && strpbrk(base, "?#") == NULL)
    status = parts_get(&p, base);
  if (status == URL_OK) {
    good = (strcasecmp(p.scheme, "http") == 0 ||
            strcasecmp(p.scheme, "https") == 0) &&
           !has_dot_segment(p.path);
    parts_free(&p);
  }
  *ok = status != URL_NO_MEMORY;
  return good;
}


static bool is_api_path (const char *path) {
  return strncmp(path, "/api/", 5) == 0 || strncmp(path, "/client/", 8) == 0;
}


/*
** Returns the part of a link's path that belongs to the service. A gateway's
** links may start with the gateway's prefix, which base contains already.
*/
static const char *api_path (const char *path, const char *prefix) {
  size_t n = strlen(prefix);
  if (n > 1 && strncmp(path, prefix, n) == 0 && is_api_path(path + n))
    return path + n;
  while (path != NULL && !is_api_path(path))
    path = strchr(path + 1, '/');
  return path;
}


static url_status add_rebased (buffer *out, const char *base,
                               const char *prefix, const char *path,
                               const char *query) {
  const char *known = has_dot_segment(path) ? NULL : api_path(path, prefix);
  if (known == NULL)
    return URL_BAD;
  if (!buffer_add_text(out, base) || !add_link_text(out, known))
    return URL_NO_MEMORY;
  if (query != NULL &&
      !(buffer_add_byte(out, '?') && add_link_text(out, query)))
    return URL_NO_MEMORY;
  return URL_OK;
}


static url_status rebase_text (buffer *out, const char *base, char *link) {
  parts own, other;
  url_status status = parts_get(&own, base);
  if (status != URL_OK)
    return status;
  if (link[0] == '/' && link[1] != '/' && link[1] != '\\') {
    /* a relative link: the service's own path */
    char *query = strchr(link, '?');
    if (query != NULL)
      *query++ = '\0';
    status = add_rebased(out, base, own.path, link, query);
    parts_free(&own);
    return status;
  }
  status = parts_get(&other, link);
  if (status == URL_OK) {
    if (same_origin(&other, own.scheme, own.host, own.port) ||
        same_origin(&other, SERVICE_SCHEME, SERVICE_HOST, SERVICE_PORT))
      status = add_rebased(out, base, own.path, other.path, other.query);
    else
      status = URL_FOREIGN;
  }
  parts_free(&other);
  parts_free(&own);
  return status;
}


/* Returns the size of scheme and host. */
static size_t origin_size (const char *link, size_t size) {
  size_t at = 0;
  while (at + 2 < size && memcmp(link + at, "://", 3) != 0 && link[at] != '/' &&
         link[at] != '?')
    at++;
  if (at + 2 >= size || link[at] != ':')
    return 0;
  for (at += 3; at < size && strchr("/?#", link[at]) == NULL;)
    at++;
  return at;
}


/* Adds a link for libcurl, which accepts no blanks: trims blanks around it and
** escapes those within. Control characters, and blanks in the host, are
** rejected. */
static url_status add_cleaned (buffer *out, const char *link, size_t size) {
  size_t i, origin;
  while (size > 0 && *link == ' ') {
    link++;
    size--;
  }
  while (size > 0 && link[size - 1] == ' ')
    size--;
  origin = origin_size(link, size);
  for (i = 0; i < size; i++) {
    unsigned char c = (unsigned char)link[i];
    if (c < ' ' || c == 127 || (c == ' ' && i < origin))
      return URL_BAD;
    if (!(c == ' ' ? buffer_add_text(out, "%20")
                   : buffer_add_byte(out, (char)c)))
      return URL_NO_MEMORY;
  }
  return buffer_add_byte(out, '\0') ? URL_OK : URL_NO_MEMORY;
}


url_status url_rebase (buffer *out, const char *base, const char *link,
                       size_t link_size) {
  buffer text = {NULL, 0, 0};
  size_t before = out->size;
  url_status status = add_cleaned(&text, link, link_size);
  if (status == URL_OK) {
    text.data[strcspn(text.data, "#")] = '\0';
    status = rebase_text(out, base, text.data);
  }
  buffer_free(&text);
  if (status != URL_OK)
    out->size = before;
  return status;
}

/* }====================================================== */


/* Adds decoded text. An invalid escape is kept as it is. */
static bool add_decoded (buffer *out, const char *text, size_t size) {
  size_t i;
  if (!buffer_reserve(out, size + 1))
    return false;
  for (i = 0; i < size; i++) {
    char c = text[i];
    int code = c == '%' && size - i > 2 ? hex_value(text + i + 1, 2) : -1;
    if (code >= 0) {
      c = (char)code;
      i += 2;
    }
    out->data[out->size++] = c;
  }
  return true;
}


static bool is_cursor_name (const char *name, size_t size) {
  static const char *const names[] = {"page[cursor]", "page_cursor"};
  size_t i;
  for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (strlen(names[i]) == size && memcmp(names[i], name, size) == 0)
      return true;
  return false;
}


bool url_cursor (buffer *out, const char *url, size_t size, bool *ok) {
  const char *end = url + size;
  const char *at = memchr(url, '?', size);
  *ok = true;
  while (at != NULL && ++at < end) {
    const char *stop = memchr(at, '&', (size_t)(end - at));
    const char *last = stop != NULL ? stop : end;
    const char *equals = memchr(at, '=', (size_t)(last - at));
    size_t before = out->size;
    if (equals != NULL) {
      bool found;
      *ok = add_decoded(out, at, (size_t)(equals - at));
      if (!*ok)
        return false;
      found = is_cursor_name(out->data + before, out->size - before);
      out->size = before;
      if (found) {
        *ok = add_decoded(out, equals + 1, (size_t)(last - equals - 1));
        return *ok;
      }
    }
    at = stop;
  }
  return false;
}
