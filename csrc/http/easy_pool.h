/*
** http/easy_pool.h - a pool of idle easy handles. Reusing a handle is cheaper
** than creating one, and cheaper still if the options that the next request
** needs are set already.
**
** The pool owns the idle handles. Only the event loop's thread uses it.
*/
#ifndef KLAVIYO_EASY_POOL_H
#define KLAVIYO_EASY_POOL_H

#include "http/request.h"

#define MAX_SPARE 128

typedef struct spare {
  CURL *easy;
  unsigned long settings_id; /* whose options are set on it; 0: none */
  request_kind kind;         /* the kind of request they are set for */
} spare;

typedef struct easy_pool {
  spare list[MAX_SPARE];
  int count;
} easy_pool;

/* Takes a handle for a request out of the pool, or creates one; the caller owns
** it. Returns NULL if there is not enough memory. '*configured' is set to
** whether the handle already has what 'request_setup' would set. */
CURL *easy_pool_take (easy_pool *pool, const request *r, bool *configured);

/* Gives a handle back to the pool, or frees it. */
void easy_pool_put (easy_pool *pool, CURL *easy, const request *r, bool failed);

/* Frees the idle handles. */
void easy_pool_free (easy_pool *pool);

#endif
