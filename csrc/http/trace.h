/*
** http/trace.h - the trace context of a request (W3C Trace Context): the header
** fields traceparent and tracestate, and the ids of its attempts.
**
** A request owns its trace. The submitting thread makes it; from engine_submit
** on, only the thread that runs the event loop uses it.
*/
#ifndef KLAVIYO_TRACE_H
#define KLAVIYO_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#define TRACE_SEED_SIZE 8

/* Two digits of version, 32 of the trace's id, 16 of the parent's, two of
** flags. */
#define TRACEPARENT_SIZE 55

#define TRACE_SPAN_ID_SIZE 16

typedef struct trace {
  bool is_recorded;  /* each attempt has an id of its own and is reported */
  uint64_t seed;     /* of the ids of the attempts */
  uint64_t attempts; /* ids made so far */
  uint64_t span_id;  /* of the current attempt; 0: none */
  char *parent;      /* "traceparent: ..."; NULL: it is not sent */
  char *state;       /* "tracestate: ..."; NULL: it is not sent */
  struct curl_slist fields[2]; /* these two, before the other fields */
} trace;

/* Returns a trace; NULL: out of memory. 'parent' is NULL or a valid value of
** traceparent, 'state' NULL or a valid value of tracestate. 'seed' is NULL, or
** TRACE_SEED_SIZE random bytes: each attempt then gets an id of its own, which
** replaces that of the parent in the header field. */
trace *trace_new (const char *parent, const char *state, const char *seed);
void trace_free (trace *t);

/* Makes the id of the next attempt. */
void trace_start_attempt (trace *t);

/* Returns the header fields of the current attempt, followed by 'others'. They
** are valid until the trace is freed or this function is called again. */
struct curl_slist *trace_fields (trace *t, struct curl_slist *others);

/* Writes an id as TRACE_SPAN_ID_SIZE hexadecimal digits, without a NUL. */
void trace_write_id (char *out, uint64_t id);

#endif
