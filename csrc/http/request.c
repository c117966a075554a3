/*
** http/request.c - a request and its settings.
*/
#include "http/request.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/refcount.h"
#include "http/libcurl.h"

#define RECEIVE_BUFFER (64L * 1024)
#define LOW_SPEED_SECONDS 30L /* without a byte received, at any timeout */


settings *settings_new (void) {
  static unsigned long last = 0;
  settings *s = calloc(1, sizeof(*s));
  if (s == NULL)
    return NULL;
  s->references = 1;
  s->id = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
  return s;
}


static settings *settings_share (settings *s) {
  refcount_up(&s->references);
  return s;
}


void settings_release (settings *s) {
  if (s == NULL || !refcount_down(&s->references))
    return;
  curl_slist_free_all(s->headers);
  curl_slist_free_all(s->body_headers);
  curl_slist_free_all(s->form_headers);
  free(s->proxy);
  free(s->ca_file);
  free(s);
}


header_status settings_add (settings *s, const char *name, const char *value,
                            size_t value_size) {
  header_status status = headers_add(&s->headers, name, value, value_size);
  if (status == HEADER_OK)
    status = headers_add(&s->body_headers, name, value, value_size);
  if (status == HEADER_OK)
    status = headers_add(&s->form_headers, name, value, value_size);
  return status;
}


static bool without (struct curl_slist **list, const char *line) {
  struct curl_slist *longer = curl_slist_append(*list, line);
  if (longer != NULL)
    *list = longer;
  return longer != NULL;
}


header_status settings_finish (settings *s, const char *content_type) {
  /* libcurl would add these on its own: a form's media type for a POST without
     a body, and a round trip before a large body */
  if (!without(&s->headers, "Content-Type:") ||
      !without(&s->body_headers, "Expect:") ||
      !without(&s->form_headers, "Expect:"))
    return HEADER_NO_MEMORY;
  return headers_add(&s->body_headers, "Content-Type", content_type,
                     strlen(content_type));
}


bool request_open (request *r, settings *s, const char *method, const char *url,
                   const char *body, size_t body_size) {
  memset(r, 0, sizeof(*r));
  r->settings = settings_share(s);
  r->method = text_copy(method, strlen(method));
  r->url = text_copy(url, strlen(url));
  if (body != NULL)
    r->body = text_copy(body, body_size);
  r->body_size = body_size;
  return r->method != NULL && r->url != NULL &&
         (body == NULL || r->body != NULL);
}


static void part_free (part *p) {
  free(p->name);
  free(p->data);
  free(p->filename);
  free(p->type);
  free(p);
}


bool request_add_part (request *r, const char *name, const char *data,
                       size_t size, const char *filename, const char *type) {
  part **end = &r->form;
  part *p = calloc(1, sizeof(*p));
  if (p == NULL)
    return false;
  while (*end != NULL)
    end = &(*end)->next;
  p->name = text_copy(name, strlen(name));
  p->data = text_copy(data, size);
  p->size = size;
  if (filename != NULL)
    p->filename = text_copy(filename, strlen(filename));
  if (type != NULL)
    p->type = text_copy(type, strlen(type));
  if (p->name == NULL || p->data == NULL ||
      (filename != NULL && p->filename == NULL) ||
      (type != NULL && p->type == NULL)) {
    part_free(p);
    return false;
  }
  *end = p;
  return true;
}


void request_free_mime (request *r) {
  curl_mime_free(r->mime);
  r->mime = NULL;
}


void request_close (request *r) {
  request_free_mime(r);
  while (r->form != NULL) {
    part *next = r->form->next;
    part_free(r->form);
    r->form = next;
  }
  settings_release(r->settings);
  trace_free(r->trace);
  free(r->method);
  free(r->url);
  free(r->body);
  memset(r, 0, sizeof(*r));
}


/* Keeps the first error of libcurl and skips the options that follow. */
#define SET(option, value)                                                     \
  (code = code != CURLE_OK ? code : curl_easy_setopt(easy, option, value))

static CURLcode add_part (curl_mime *mime, const part *p) {
  CURLcode code;
  curl_mimepart *made = curl_mime_addpart(mime);
  if (made == NULL)
    return CURLE_OUT_OF_MEMORY;
  code = curl_mime_name(made, p->name);
  if (code == CURLE_OK)
    code = curl_mime_data(made, p->data, p->size);
  if (code == CURLE_OK && p->filename != NULL)
    code = curl_mime_filename(made, p->filename);
  if (code == CURLE_OK && p->type != NULL)
    code = curl_mime_type(made, p->type);
  return code;
}


static CURLcode apply_form (request *r, CURL *easy) {
  CURLcode code = CURLE_OK;
  const part *p;
  request_free_mime(r);
  r->mime = curl_mime_init(easy);
  if (r->mime == NULL)
    return CURLE_OUT_OF_MEMORY;
  for (p = r->form; p != NULL && code == CURLE_OK; p = p->next)
    code = add_part(r->mime, p);
  SET(CURLOPT_MIMEPOST, r->mime);
  return code;
}


static bool is (const request *r, const char *method) {
  return strcmp(r->method, method) == 0;
}


request_kind request_kind_of (const request *r) {
  if (r->form != NULL)
    return KIND_OTHER;
  if (r->body == NULL)
    return is(r, "GET") ? KIND_GET : KIND_OTHER;
  return is(r, "POST") ? KIND_POST : KIND_OTHER;
}


/* GET and HEAD have no body unless the caller passes one. */
static bool has_body (const request *r) {
  return r->body != NULL || !(is(r, "GET") || is(r, "HEAD"));
}


static CURLcode apply_verb (const request *r, CURL *easy) {
  CURLcode code = CURLE_OK;
  if (is(r, "HEAD"))
    SET(CURLOPT_NOBODY, 1L);
  if (r->form != NULL || has_body(r))
    SET(CURLOPT_CUSTOMREQUEST, r->method);
  return code;
}


static CURLcode apply_body (const request *r, CURL *easy) {
  CURLcode code = CURLE_OK;
  SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_size);
  SET(CURLOPT_POSTFIELDS, r->body != NULL ? r->body : "");
  return code;
}


static CURLcode apply_tls (const settings *s, CURL *easy) {
  CURLcode code = CURLE_OK;
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  if (s->ca_file != NULL)
    SET(CURLOPT_CAINFO, s->ca_file);
  return code;
}


/* A libcurl without TLS refuses its options, but may request http URLs. */
static CURLcode apply_trust (const settings *s, CURL *easy) {
  CURLcode code = CURLE_OK;
  if (libcurl_has_tls())
    code = apply_tls(s, easy);
  else
    SET(CURLOPT_PROTOCOLS_STR, "http");
  SET(CURLOPT_FOLLOWLOCATION, 0L); /* a redirect must not receive the key */
  if (s->proxy != NULL)
    SET(CURLOPT_PROXY, s->proxy);
  return code;
}


static struct curl_slist *shared_fields (const request *r) {
  const settings *s = r->settings;
  if (r->form != NULL)
    return s->form_headers;
  return r->body != NULL ? s->body_headers : s->headers;
}


CURLcode request_setup (const request *r, CURL *easy) {
  const settings *s = r->settings;
  CURLcode code = CURLE_OK;
  /* libcurl may reject this on a used handle, which keeps the size it has */
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
  /* a libcurl without HTTP/2 rejects this, and speaks HTTP/1.1 */
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  SET(CURLOPT_PATH_AS_IS, 1L);
  SET(CURLOPT_HTTPHEADER, shared_fields(r));
  SET(CURLOPT_ACCEPT_ENCODING, ""); /* all encodings that libcurl decodes */
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_CONNECTTIMEOUT_MS, s->connect_timeout_ms);
  SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
  SET(CURLOPT_LOW_SPEED_TIME, LOW_SPEED_SECONDS);
  SET(CURLOPT_QUICK_EXIT, 1L); /* do not wait for a resolver thread */
  if (code == CURLE_OK)
    code = apply_trust(s, easy);
  if (code == CURLE_OK)
    code = apply_verb(r, easy);
  return code;
}


CURLcode request_set_target (request *r, CURL *easy, long timeout_ms) {
  CURLcode code = CURLE_OK;
  r->message[0] = '\0';
  SET(CURLOPT_ERRORBUFFER, r->message);
  SET(CURLOPT_URL, r->url);
  SET(CURLOPT_TIMEOUT_MS, timeout_ms);
  if (r->trace != NULL) {
    trace_start_attempt(r->trace);
    SET(CURLOPT_HTTPHEADER, trace_fields(r->trace, shared_fields(r)));
  }
  if (code == CURLE_OK && r->form != NULL)
    code = apply_form(r, easy);
  else if (code == CURLE_OK && has_body(r))
    code = apply_body(r, easy);
  return code;
}


void request_clear (const request *r, CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
  if (r->trace != NULL)
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, shared_fields(r));
}
