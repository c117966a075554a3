/*
** http/request.h - what is to be sent, and how.
**
** The part that many requests share (header fields, limits, trust) is a
** settings object, made once and counted; the rest is copied, so that a
** request may outlive whoever asked for it and may be sent again.
*/
#ifndef KLAVIYO_REQUEST_H
#define KLAVIYO_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "http/headers.h"

typedef struct settings {
  int references;
  unsigned long id;                /* no others had, nor will have it */
  struct curl_slist *headers;      /* of a request without a body */
  struct curl_slist *body_headers; /* of one with a body */
  struct curl_slist *form_headers; /* of one with a form: libcurl adds */
  long timeout_ms;                 /* of one attempt, from start to end */
  long connect_timeout_ms;
  long deadline_ms; /* of all, from submit; 0: none */
  int retries;
  size_t max_response_bytes; /* of a decoded answer */
  char *proxy;               /* NULL: as the environment says */
  char *ca_file;             /* NULL: libcurl's own */
} settings;

settings *settings_new (void); /* NULL when memory is out */
void settings_release (settings *s);

/* Adds a header field to every request. */
header_status settings_add (settings *s, const char *name, const char *value,
                            size_t value_size);

/* Names the media type of bodies; to be called once, before use. */
header_status settings_finish (settings *s, const char *content_type);

/* One field of a multipart/form-data body. */
typedef struct part {
  char *name;
  char *data;
  size_t size;
  char *filename; /* NULL: no file */
  char *type;     /* its media type; NULL: libcurl's guess */
  struct part *next;
} part;

typedef struct request {
  settings *settings;
  char *method;
  char *url;
  char *body; /* NULL where there is none */
  size_t body_size;
  part *form;      /* in place of a body */
  curl_mime *mime; /* the form as libcurl has it, while it is sent */
  char message[CURL_ERROR_SIZE]; /* libcurl's own words on a failure */
} request;

/* False when memory is out; the request may then only be closed. */
bool request_open (request *r, settings *s, const char *method, const char *url,
                   const char *body, size_t body_size);
void request_close (request *r);

/* Adds a part to the form. False when memory is out. */
bool request_add_part (request *r, const char *name, const char *data,
                       size_t size, const char *filename, const char *type);

/* Those of one cut and of the same settings differ in their address alone. */
typedef enum request_kind {
  KIND_GET,  /* without a body */
  KIND_POST, /* with one that is no form */
  KIND_OTHER /* whatever it is: no two are alike */
} request_kind;

request_kind request_kind_of (const request *r);

/* Puts on a fresh handle what its settings and its cut ask for ... */
CURLcode request_setup (const request *r, CURL *easy);

/* ... and on a handle that has it where it goes, what with, and for how long
** at most. */
CURLcode request_set_target (request *r, CURL *easy, long timeout_ms);

/* Takes off it what libcurl could still write to: the rest it does not look at
** before it is dressed, or addressed, anew. */
void request_clear (CURL *easy);

/* Takes back what the transfer was lent; before its handle is reused. */
void request_free_mime (request *r);

#endif
