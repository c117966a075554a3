/*
** http/response.c - the response of a transfer.
*/
#include "http/response.h"

#include <pthread.h>
#include <string.h>

#include "http/headers.h"
#include "http/libcurl.h"

#define MAX_SPARE_BYTES ((size_t)1024 * 1024)
#define MAX_HEAD_BYTES ((size_t)256 * 1024)
#define USUAL_HEAD_BYTES 1024


void response_open (response *r, size_t max_bytes) {
  memset(r, 0, sizeof(*r));
  r->max_bytes = max_bytes;
}


/*
** One spare buffer is kept for the next body: growing a new one touches fresh
** memory, which is a tenth of the cost of a page of 100 KB under LuaJIT.
** trylock is used because a forked child may find the lock held forever.
*/
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static buffer spare = {NULL, 0, 0};


static void swap_with_spare (buffer *b, bool leaving) {
  if (pthread_mutex_trylock(&spare_lock) != 0)
    return;
  if (!leaving || b->room > spare.room) {
    buffer before = spare;
    spare = *b;
    *b = before;
    spare.size = b->size = 0;
  }
  pthread_mutex_unlock(&spare_lock);
}


void response_free_body (buffer *b) {
  if (b->room <= MAX_SPARE_BYTES)
    swap_with_spare(b, true);
  buffer_free(b);
}


void response_close (response *r) {
  buffer_free(&r->head);
  response_free_body(&r->body);
}


/* Returning less than 'size' makes libcurl end the transfer. */
static size_t keep (response *r, buffer *b, const char *bytes, size_t size) {
  if (buffer_add(b, bytes, size))
    return size;
  r->no_memory = true;
  return 0;
}


/* Returns the connection, or NULL if it was closed meanwhile. */
static connection *connection_of (const response *r) {
  connection *c = r->connection;
  return c != NULL && c->id == r->connection_id ? c : NULL;
}


/* Reads the status line ("HTTP/1.1 200 OK") of a new header block. */
static void take_status (response *r, const char *line, size_t size) {
  connection *c = connection_of(r);
  const char *blank = memchr(line, ' ', size);
  bool has_code = blank != NULL && blank + 1 < line + size;
  r->is_final = r->started && !(has_code && blank[1] == '1');
  if (c != NULL)
    c->is_serial = size > 5 && line[5] == '1';
}


/* A status line is recognized by its position, because a trailer field may look
** like one. Blocks before the final one are 1xx responses, or a proxy's. */
static size_t take_head (char *bytes, size_t one, size_t size, void *self) {
  response *r = self;
  (void)one;
  if (size == 0)
    return 0;
  if (r->head_done && r->is_final)
    return size;
  if (r->head_done || r->head.size == 0) {
    r->head.size = 0;
    take_status(r, bytes, size);
  }
  r->head_done = bytes[0] == '\r' || bytes[0] == '\n';
  if (r->head.size + size > MAX_HEAD_BYTES) {
    r->too_large = true;
    return 0;
  }
  if (r->head.data == NULL && !buffer_reserve(&r->head, USUAL_HEAD_BYTES)) {
    r->no_memory = true;
    return 0;
  }
  return keep(r, &r->head, bytes, size);
}


static size_t take_body (char *bytes, size_t one, size_t size, void *self) {
  response *r = self;
  (void)one;
  if (size > r->max_bytes - r->body.size) {
    r->too_large = true;
    return 0;
  }
  if (r->body.data == NULL)
    swap_with_spare(&r->body, false);
  return keep(r, &r->body, bytes, size);
}


static long bytes_sent (const response *r) {
  long size = 0;
  curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &size);
  return size;
}


bool response_was_sent (const response *r) {
  return r->started && bytes_sent(r) > r->sent_before;
}


/*
** libcurl calls this before it sends a request. If a reused connection proves
** dead, libcurl sends the request again on its own, even a POST. If a part of
** it was sent, this callback rejects the second start within an attempt, so
** that only retry.c decides on retries. Rejecting it closes an HTTP/1
** connection.
*/
static int before_start (void *self, char *remote, char *local, int remote_port,
                         int local_port) {
  response *r = self;
  if (response_was_sent(r)) {
    r->refused_resend = true;
    return CURL_PREREQFUNC_ABORT;
  }
  r->connection =
      connections_find(r->connections, local, local_port, remote, remote_port);
  if (r->connection != NULL) {
    r->connection_id = r->connection->id;
    r->unclean = !connection_is_clean(r->connection);
  }
  r->started = !r->unclean;
  r->sent_before = bytes_sent(r);
  return r->unclean ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}


#define SET(option, value)                                                     \
  (code = code != CURLE_OK ? code : curl_easy_setopt(easy, option, value))

CURLcode response_apply (response *r, CURL *easy, connections *c) {
  CURLcode code = CURLE_OK;
  r->easy = easy;
  r->connections = c;
  SET(CURLOPT_HEADERFUNCTION, take_head);
  SET(CURLOPT_HEADERDATA, r);
  SET(CURLOPT_WRITEFUNCTION, take_body);
  SET(CURLOPT_WRITEDATA, r);
  SET(CURLOPT_PREREQFUNCTION, before_start);
  SET(CURLOPT_PREREQDATA, r);
  return code;
}


attempt_result response_finish (response *r, CURL *easy, CURLcode code,
                                const char *message) {
  attempt_result a = {CURLE_OK, 0, -1, false, false, false, false};
  curl_off_t elapsed = 0;
  curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &elapsed);
  r->elapsed = (double)elapsed / 1e6;
  a.code = code;
  a.sent = response_was_sent(r);
  a.unclean = r->unclean;
  a.refused_resend = r->refused_resend;
  a.too_large = r->too_large;
  if (code == CURLE_OK) {
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &r->status);
    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &r->http_version);
    a.status = r->status;
    if (a.status >= 400)
      a.retry_after = headers_retry_after(r->head.data, r->head.size);
    return a;
  }
  r->failure =
      code == CURLE_OPERATION_TIMEDOUT ? FAILURE_TIMEOUT : FAILURE_TRANSPORT;
  if (r->too_large)
    r->reason = r->head_done ? "the response is larger than max_response_bytes"
                             : "the response header is too large";
  else if (r->no_memory)
    r->reason = "not enough memory for the response";
  else if (r->unclean)
    r->reason = "the connection was not clean";
  else if (r->refused_resend)
    r->reason = "the connection was closed before a response came";
  else if (a.sent && code == CURLE_UNSUPPORTED_PROTOCOL)
    r->reason = "the server does not speak HTTP";
  else if (code == CURLE_UNSUPPORTED_PROTOCOL && !libcurl_has_tls())
    r->reason = "this libcurl was built without TLS, which https needs";
  else
    r->reason = message[0] != '\0' ? message : curl_easy_strerror(code);
  return a;
}
