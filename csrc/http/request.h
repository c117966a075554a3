/*
** http/request.h - a request: method, URL and body, and the settings that it
** shares with other requests.
**
** Settings (header fields, limits, TLS options) are created once and reference
** counted: each request holds one reference. They are constant once a request
** has them, so that any thread may read them. The rest is copied, so that a
** request may outlive its caller and may be sent again. A transfer owns its
** request; transfer.h says which thread may touch it.
*/
#ifndef KLAVIYO_REQUEST_H
#define KLAVIYO_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "http/headers.h"
#include "http/libcurl.h"
#include "http/trace.h"

typedef struct settings {
  int references;                  /* atomic */
  unsigned long id;                /* unique in this process */
  struct curl_slist *headers;      /* for requests without a body */
  struct curl_slist *body_headers; /* for requests with a body */
  struct curl_slist *form_headers; /* for forms: libcurl adds Content-Type */
  long timeout_ms;                 /* of one attempt */
  long connect_timeout_ms;
  long deadline_ms; /* of all attempts, from submit; 0: none */
  int retries;
  size_t max_response_bytes; /* after decoding */
  char *proxy;               /* NULL: from the environment */
  char *ca_file;             /* NULL: libcurl's default */
} settings;

/* Returns settings with one reference, the caller's; NULL: out of memory. */
settings *settings_new (void);
void settings_release (settings *s);

/* Adds a header field to every request with these settings. */
header_status settings_add (settings *s, const char *name, const char *value,
                            size_t value_size);

/* Sets the media type of bodies. To be called once, after settings_add. */
header_status settings_finish (settings *s, const char *content_type);

/* One field of a multipart/form-data body. */
typedef struct part {
  char *name;
  char *data;
  size_t size;
  char *filename; /* NULL: not a file */
  char *type;     /* NULL: libcurl's guess */
  struct part *next;
} part;

typedef struct request {
  settings *settings; /* one reference */
  char *method;
  char *url;
  char *body; /* NULL: no body */
  size_t body_size;
  part *form;                    /* used instead of a body */
  curl_mime *mime;               /* libcurl's form, while it is sent */
  trace *trace;                  /* owned; NULL: none */
  char message[CURL_ERROR_SIZE]; /* libcurl's error message */
} request;

/* Initializes a request with copies of the arguments. On failure returns false;
** the caller must close the request in either case. */
bool request_open (request *r, settings *s, const char *method, const char *url,
                   const char *body, size_t body_size);
void request_close (request *r);

/* Adds a part to the form. Returns false if there is not enough memory. */
bool request_add_part (request *r, const char *name, const char *data,
                       size_t size, const char *filename, const char *type);

/* The requests of one kind and one settings object differ only in URL and body,
** so that they can share a configured easy handle. */
typedef enum request_kind {
  KIND_GET,  /* a GET without a body */
  KIND_POST, /* a POST with a body that is not a form */
  KIND_OTHER /* anything else: a handle cannot be shared */
} request_kind;

request_kind request_kind_of (const request *r);

/* Sets the options that all requests of this kind and these settings share on a
** new handle. */
CURLcode request_setup (const request *r, CURL *easy);

/* Sets the URL, the body, the timeout and the trace context on a handle that
** was set up. */
CURLcode request_set_target (request *r, CURL *easy, long timeout_ms);

/* Clears the pointers that libcurl could still write to, and the header fields
** of this request alone. The other options are set again before the handle is
** used. */
void request_clear (const request *r, CURL *easy);

/* Frees libcurl's form. Must be called before the easy handle is reused. */
void request_free_mime (request *r);

#endif
