/*
** http/easy_pool.h - libcurl's handles that did their work, kept for the next:
** to use one again is cheaper than to make one, and to leave on it what the
** next request would set anyway is cheaper still.
*/
#ifndef KLAVIYO_EASY_POOL_H
#define KLAVIYO_EASY_POOL_H

#include "http/request.h"

#define MAX_SPARE 128

typedef struct spare {
  CURL *easy;
  unsigned long settings_id; /* of the settings whose options it has; 0: none */
  request_kind kind;         /* and of what kind of request */
} spare;

typedef struct easy_pool {
  spare list[MAX_SPARE];
  int count;
} easy_pool;

/* A handle for a request; NULL when memory is out. '*dressed': it has all
** that 'request_setup' would set. */
CURL *easy_pool_take (easy_pool *pool, const request *r, bool *configured);

/* Takes back one that was given for that request. */
void easy_pool_put (easy_pool *pool, CURL *easy, const request *r, bool failed);

/* Frees those that were taken back. */
void easy_pool_free (easy_pool *pool);

#endif
