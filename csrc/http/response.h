/*
** http/response.h - the response of a transfer.
**
** libcurl's callbacks copy bytes here and do nothing else. A transfer owns its
** response, and the response its buffers; transfer.h says which thread may
** touch it.
*/
#ifndef KLAVIYO_RESPONSE_H
#define KLAVIYO_RESPONSE_H

#include "base/buffer.h"
#include "http/connections.h"
#include "http/libcurl.h"
#include "http/retry.h"

typedef enum failure {
  FAILURE_NONE, /* there is a response, with any status */
  FAILURE_TIMEOUT,
  FAILURE_RATE_LIMITED, /* the limits allow it only after its deadline */
  FAILURE_TRANSPORT,
  FAILURE_CANCELLED,
  FAILURE_CLOSED /* the process forked, or the thread ended */
} failure;

typedef struct response {
  long status;
  long http_version;  /* one of libcurl's CURL_HTTP_VERSION_* */
  double elapsed;     /* seconds, from submit to the end */
  double retry_after; /* seconds, with FAILURE_RATE_LIMITED */
  buffer head;        /* the raw header block of the last response */
  buffer body;        /* decoded */
  size_t max_bytes;
  bool is_final;  /* no other header block follows */
  bool head_done; /* the empty line was received */
  bool too_large;
  bool no_memory;
  CURL *easy;               /* of the current attempt; not owned */
  connections *connections; /* the loop's */
  connection *connection;   /* that the request is sent on; NULL: not known */
  unsigned long connection_id; /* differs once it is closed */
  bool started;                /* libcurl began to send the request */
  long sent_before;            /* bytes sent to a proxy before the request */
  bool unclean;                /* see connection_is_clean */
  bool refused_resend;         /* libcurl tried to send the request again */
  failure failure;
  const char *reason; /* a static string, or request.message */
} response;

void response_open (response *r, size_t max_bytes);
void response_close (response *r);

/* Frees the memory of a body, which the caller took from a response, or keeps
** it for the next one. Any thread may call it. */
void response_free_body (buffer *b);

/* Makes libcurl write the response to 'r'. */
CURLcode response_apply (response *r, CURL *easy, connections *c);

/* Returns whether a part of the request was sent. Valid while the attempt
** runs. */
bool response_was_sent (const response *r);

/* Completes the response after an attempt and returns the attempt's result.
** 'message' is libcurl's error message. */
attempt_result response_finish (response *r, CURL *easy, CURLcode code,
                                const char *message);

#endif
