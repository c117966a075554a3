/*
** http/sigpipe.c - blocks SIGPIPE while libcurl works.
*/
#include "http/sigpipe.h"

#include <pthread.h>

#include <curl/curl.h>

#define SAFE_VERSION 0x075700u /* 7.87.0 */


/* Checks the libcurl in use at run time, not the one at build time. */
static bool needs_help (void) {
  static int known = 0; /* 1: no, 2: yes */
  int now = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (now == 0) {
    unsigned version = curl_version_info(CURLVERSION_NOW)->version_num;
    now = version < SAFE_VERSION ? 2 : 1;
    __atomic_store_n(&known, now, __ATOMIC_RELAXED);
  }
  return now == 2;
}


static bool is_pending (void) {
  sigset_t set;
  return sigpending(&set) == 0 && sigismember(&set, SIGPIPE) == 1;
}


/* A signal that is already pending belongs to code that blocked it: it
** stays. */
void sigpipe_block (sigpipe_state *state) {
  sigset_t set;
  state->blocked = false;
  if (!needs_help() || is_pending())
    return;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  state->blocked = pthread_sigmask(SIG_BLOCK, &set, &state->mask) == 0;
}


void sigpipe_restore (const sigpipe_state *state) {
  sigset_t set;
  int number;
  if (!state->blocked)
    return;
  if (is_pending()) {
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigwait(&set, &number);
  }
  pthread_sigmask(SIG_SETMASK, &state->mask, NULL);
}
