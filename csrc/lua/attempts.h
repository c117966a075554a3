/*
** lua/attempts.h - the attempts of a transfer, and the trace that it is given,
** as Lua values.
*/
#ifndef KLAVIYO_ATTEMPTS_H
#define KLAVIYO_ATTEMPTS_H

#include "lua/binding.h"

#include "http/transfer.h"

/*
** Reads the trace of a request from a table {traceparent =, tracestate =, seed
** =}, all optional; there is none if the value is not a table. With 'seed',
** eight random bytes, the trace is recorded (see trace_new). The caller must
** have validated the values. Returns false if there is not enough memory.
*/
bool attempts_opt_trace (lua_State *L, int index, request *r);

/*
** Sets 'attempts' in the table on the top of the stack: a list of {status = |
** error =, elapsed =, waited =}. If the trace is recorded, each also has kind =
** (with error), started = (core.clock time), span_id =, http_version = and head
** = (with status). Exactly one attempt is left out if the trace is not
** recorded.
*/
void attempts_set (lua_State *L, const transfer *t);

const char *attempts_kind_name (failure kind);
const char *attempts_version_name (long version);

#endif
