/*
** engine.c - the transfers of this process.
**
** The process that waits also pumps. A child that was forked must not touch
** its parent's connections: it forgets the engine, leaking it on purpose,
** and starts one of its own.
*/
#include "engine.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SPARE_HANDLES 64
#define KEPT_CONNECTIONS 256L

typedef struct engine {
  CURLM *multi;
  long pid;
  CURL *spare[SPARE_HANDLES];  /* used handles, reset: cheaper than new */
  int spares;
} engine;

static engine *the_engine = NULL;
static CURLcode global_code = CURLE_FAILED_INIT;


/* Once per process and never undone: others may use libcurl too. */
static void global_init (void) {
  global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}


static engine *engine_new (void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  engine *e;
  pthread_once(&once, global_init);
  if (global_code != CURLE_OK)
    return NULL;
  e = calloc(1, sizeof(*e));
  if (e == NULL)
    return NULL;
  e->multi = curl_multi_init();
  if (e->multi == NULL) {
    free(e);
    return NULL;
  }
  e->pid = (long)getpid();
  curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
  return e;
}


static engine *engine_get (void) {
  if (the_engine == NULL || the_engine->pid != (long)getpid())
    the_engine = engine_new();
  return the_engine;
}


/* {======================================================
** Transfers
** ======================================================= */

transfer *transfer_new (settings *s, const char *method, const char *url,
                        const char *body, size_t body_size) {
  transfer *t = calloc(1, sizeof(*t));
  if (t == NULL)
    return NULL;
  t->references = 1;
  response_open(&t->response, s->max_response_bytes);
  if (!request_open(&t->request, s, method, url, body, body_size)) {
    transfer_release(t);
    return NULL;
  }
  return t;
}


void transfer_release (transfer *t) {
  if (t == NULL || --t->references > 0)
    return;
  request_close(&t->request);
  response_close(&t->response);
  free(t);
}


static void fail (transfer *t, failure kind, const char *reason) {
  t->response.failure = kind;
  t->response.reason = reason;
  t->done = true;
}

/* }====================================================== */


static CURL *take_handle (engine *e) {
  return e->spares > 0 ? e->spare[--e->spares] : curl_easy_init();
}


static void keep_handle (engine *e, CURL *easy) {
  if (e->spares == SPARE_HANDLES) {
    curl_easy_cleanup(easy);
    return;
  }
  curl_easy_reset(easy);  /* connections belong to the multi handle */
  e->spare[e->spares++] = easy;
}


/* The engine lets go of a transfer, which may be the end of it. */
static void drop (engine *e, transfer *t) {
  curl_multi_remove_handle(e->multi, t->easy);
  request_detach(&t->request);
  keep_handle(e, t->easy);
  t->easy = NULL;
  transfer_release(t);
}


static bool start (engine *e, transfer *t) {
  CURLcode code = request_apply(&t->request, t->easy);
  if (code == CURLE_OK)
    code = response_apply(&t->response, t->easy);
  if (code == CURLE_OK)
    code = curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
  if (code != CURLE_OK) {
    fail(t, FAILURE_TRANSPORT, curl_easy_strerror(code));
    return false;
  }
  if (curl_multi_add_handle(e->multi, t->easy) != CURLM_OK) {
    fail(t, FAILURE_TRANSPORT, "libcurl takes no more transfers");
    return false;
  }
  return true;
}


void engine_submit (transfer *t) {
  int running;
  engine *e = engine_get();
  t->easy = e != NULL ? take_handle(e) : NULL;
  if (t->easy == NULL) {
    fail(t, FAILURE_TRANSPORT, "libcurl cannot be started");
    return;
  }
  t->pid = e->pid;
  t->references++;
  if (start(e, t))
    curl_multi_perform(e->multi, &running);  /* out while the host works */
  else
    drop(e, t);
}


/*
** A kept-alive connection may die just as it is used again. What may be
** sent twice goes out once more, over a connection of its own.
*/
static bool resend (engine *e, transfer *t) {
  response *r = &t->response;
  size_t max_bytes = r->max_bytes;
  if (!r->refused_resend || t->resent ||
      !request_is_idempotent(&t->request))
    return false;
  t->resent = true;
  curl_multi_remove_handle(e->multi, t->easy);
  request_detach(&t->request);
  response_close(r);
  response_open(r, max_bytes);
  curl_easy_reset(t->easy);
  if (curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
      start(e, t))
    return true;
  drop(e, t);
  return true;
}


static void collect (engine *e) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(e->multi, &left)) != NULL) {
    transfer *t = NULL;
    CURLcode code = message->data.result;  /* gone once it is removed */
    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
    if (code != CURLE_OK && resend(e, t))
      continue;
    response_finish(&t->response, t->easy, code, t->request.message);
    t->done = true;
    drop(e, t);
  }
}


static long now_ms (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}


bool engine_wait (transfer *t, long ms) {
  long until = now_ms() + ms;
  engine *e = engine_get();
  if (!t->done && (e == NULL || e->pid != t->pid)) {
    fail(t, FAILURE_CLOSED, "submitted before the process forked");
    t->easy = NULL;
  }
  while (!t->done) {
    int running;
    long left;
    if (curl_multi_perform(e->multi, &running) != CURLM_OK)
      break;
    collect(e);
    left = until - now_ms();
    if (t->done || left <= 0)
      break;
    curl_multi_poll(e->multi, NULL, 0, (int)left, NULL);
  }
  return t->done;
}


void engine_cancel (transfer *t) {
  engine *e = the_engine;
  if (t->done)
    return;
  fail(t, FAILURE_CANCELLED, "cancelled");
  if (t->easy != NULL && e != NULL && e->pid == t->pid &&
      e->pid == (long)getpid())
    drop(e, t);
}
