/*
** handles.h - libcurl's handles that did their work, kept for the next: to
** use one again is cheaper than to make one, and to leave on it what the next
** request would set anyway is cheaper still.
*/
#ifndef KLAVIYO_HANDLES_H
#define KLAVIYO_HANDLES_H

#include "request.h"

#define SPARE_HANDLES 128

typedef struct spare {
  CURL *easy;
  unsigned long number;  /* of the settings whose options it has; 0: none */
  request_cut cut;       /* and of what kind of request */
} spare;

typedef struct handles {
  spare list[SPARE_HANDLES];
  int count;
} handles;

/* A handle for a request; NULL when memory is out. '*dressed': it has all
** that 'request_dress' would set. */
CURL *handles_take (handles *h, const request *r, bool *dressed);

/* Takes back one that was given for that request. */
void handles_keep (handles *h, CURL *easy, const request *r, bool failed);

/* Frees those that were taken back. */
void handles_free (handles *h);

#endif
