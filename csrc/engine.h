/*
** engine.h - the transfers of this process: one set of connections, shared
** by all clients of all Lua states.
*/
#ifndef KLAVIYO_ENGINE_H
#define KLAVIYO_ENGINE_H

#include "request.h"
#include "response.h"

/* One request under way. Two may hold it: who asked, and the engine. */
typedef struct transfer {
  request request;
  response response;
  bool done;
  bool resent;           /* it went out a second time already */
  int references;
  CURL *easy;            /* NULL unless the engine runs it */
  long pid;              /* of the process that submitted it */
} transfer;

/* A transfer with one reference, the caller's; NULL when memory is out. */
transfer *transfer_new (settings *s, const char *method, const char *url,
                        const char *body, size_t body_size);
void transfer_release (transfer *t);

/* Starts a transfer. It comes to an end in any case: 'done' tells when, and
** 'response' what became of it. */
void engine_submit (transfer *t);

/* Gives up on a transfer; one that is done stays as it is. */
void engine_cancel (transfer *t);

/* Works on all transfers until this one is done or 'ms' have passed. */
bool engine_wait (transfer *t, long ms);

#endif
