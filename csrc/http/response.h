/*
** http/response.h - what came back.
**
** libcurl's callbacks copy bytes here and do nothing else.
*/
#ifndef KLAVIYO_RESPONSE_H
#define KLAVIYO_RESPONSE_H

#include <curl/curl.h>

#include "base/buffer.h"
#include "http/connections.h"
#include "http/retry.h"

typedef enum failure {
  FAILURE_NONE, /* an answer came, whatever its status */
  FAILURE_TIMEOUT,
  FAILURE_RATE_LIMITED, /* its turn would come after its deadline */
  FAILURE_TRANSPORT,
  FAILURE_CANCELLED,
  FAILURE_CLOSED /* the engine is gone: the process forked */
} failure;

typedef struct response {
  long status;
  long http_version;  /* one of libcurl's CURL_HTTP_VERSION_* */
  double elapsed;     /* seconds, from submit to the end of it all */
  double retry_after; /* seconds, where the failure is of waiting */
  buffer head;        /* the header fields of the last answer, raw */
  buffer body;        /* decoded */
  size_t max_bytes;
  bool is_final;  /* no other header block comes after it */
  bool head_done; /* its empty line has come */
  bool too_large;
  bool no_memory;
  CURL *easy; /* of the attempt */
  connections *connections;
  connection *connection;      /* the request is sent on; NULL: not known */
  unsigned long connection_id; /* another one once it is closed */
  bool started;                /* libcurl began to send the request */
  long sent_before;    /* bytes that were not the request's: a proxy's */
  bool unclean;        /* nothing was sent: see connection_is_clean */
  bool refused_resend; /* libcurl wanted to send it a second time */
  failure failure;
  const char *reason; /* static text, or the request's message */
} response;

void response_open (response *r, size_t max_bytes);
void response_close (response *r);

/* Has libcurl put into 'r' what comes on these connections. */
CURLcode response_apply (response *r, CURL *easy, connections *c);

/* Whether a part of the request was sent, while its handle is at work. */
bool response_was_sent (const response *r);

/* Draws the sum once a transfer ended. 'message' is libcurl's own. */
attempt_result response_finish (response *r, CURL *easy, CURLcode code,
                                const char *message);

#endif
