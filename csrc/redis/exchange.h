/*
** redis/exchange.h - the exchanges of a client: calls of the script over its
** connection. One thread uses them.
*/
#ifndef KLAVIYO_REDIS_EXCHANGE_H
#define KLAVIYO_REDIS_EXCHANGE_H

#include "redis/connection.h"
#include "redis/lease.h"

struct budget;

typedef struct exchange {
  struct budget *budget; /* a reference */
  bucket bucket;
  buffer arguments; /* after the name of the host */
  int64_t asked;    /* by the budget's clock */
  int64_t began;    /* by clock_ms */
  bool sent;
  bool late; /* the lease does not wait for it any more */
  bool timed_out;
  bool with_script; /* it is sent again: Redis did not know the script */
} exchange;

typedef struct exchange_calls {
  /* Gives a reply to the lease; NULL: there is none. */
  void (*deliver)(void *client, exchange *x, const int64_t *reply);
  void (*finish)(void *client, exchange *x); /* the last use of it */
  void (*report)(void *client, const char *problem);
} exchange_calls;

typedef struct exchanges exchanges;

exchanges *exchanges_new (const redis_address *address, const char *script,
                          const char *host, const exchange_calls *calls,
                          void *client);

/* Those that are pending fail. */
void exchanges_free (exchanges *all);

bool exchanges_have_room (const exchanges *all);

/* Takes over a copy of the exchange. Returns false if there is no room. */
bool exchanges_begin (exchanges *all, const exchange *x);

/* Reads replies, and fails exchanges that got none in time. Never waits. */
void exchanges_run (exchanges *all, bool ready, int64_t now);

/* Sends what was begun, and connects if necessary. */
void exchanges_send (exchanges *all, int64_t now);

/* Returns when exchanges_run must be called, in clock_ms time. */
int64_t exchanges_due (exchanges *all, int64_t now);

int exchanges_socket (const exchanges *all, bool *output);

#endif
