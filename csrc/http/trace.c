/*
** http/trace.c - the trace context of a request.
*/
#include "http/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

#define PARENT_NAME "traceparent: "
#define STATE_NAME "tracestate: "

/* The id of the parent, in the value of traceparent. */
#define PARENT_ID_AT (3 + 32 + 1)


/* Returns the line of a field, which the caller frees. */
static char *field (const char *name, const char *value) {
  buffer line = {NULL, 0, 0};
  if (buffer_add_text(&line, name) && buffer_add_text(&line, value) &&
      buffer_add_byte(&line, '\0'))
    return line.data;
  buffer_free(&line);
  return NULL;
}


trace *trace_new (const char *parent, const char *state, const char *seed) {
  trace *t = calloc(1, sizeof(*t));
  if (t == NULL)
    return NULL;
  t->is_recorded = seed != NULL;
  if (seed != NULL)
    memcpy(&t->seed, seed, sizeof(t->seed));
  if (parent != NULL)
    t->parent = field(PARENT_NAME, parent);
  if (state != NULL)
    t->state = field(STATE_NAME, state);
  if ((parent != NULL && t->parent == NULL) ||
      (state != NULL && t->state == NULL)) {
    trace_free(t);
    return NULL;
  }
  return t;
}


void trace_free (trace *t) {
  if (t == NULL)
    return;
  free(t->parent);
  free(t->state);
  free(t);
}


/* The ids of a call come from one random seed (SplitMix64), so that the loop
** needs no random numbers of the system. */
static uint64_t id_of (uint64_t seed, uint64_t number) {
  uint64_t id = seed + number * UINT64_C(0x9E3779B97F4A7C15);
  id = (id ^ (id >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  id = (id ^ (id >> 27)) * UINT64_C(0x94D049BB133111EB);
  return id ^ (id >> 31);
}


void trace_write_id (char *out, uint64_t id) {
  static const char hex[] = "0123456789abcdef";
  int i;
  for (i = TRACE_SPAN_ID_SIZE - 1; i >= 0; i--, id >>= 4)
    out[i] = hex[id & 15];
}


void trace_start_attempt (trace *t) {
  if (!t->is_recorded)
    return;
  do /* an id of zeros is invalid */
    t->span_id = id_of(t->seed, ++t->attempts);
  while (t->span_id == 0);
  if (t->parent != NULL)
    trace_write_id(t->parent + strlen(PARENT_NAME) + PARENT_ID_AT, t->span_id);
}


struct curl_slist *trace_fields (trace *t, struct curl_slist *others) {
  if (t->parent == NULL)
    return others;
  t->fields[1].data = t->state;
  t->fields[1].next = others;
  t->fields[0].data = t->parent;
  t->fields[0].next = t->state != NULL ? &t->fields[1] : others;
  return &t->fields[0];
}
