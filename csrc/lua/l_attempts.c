/*
** lua/l_attempts.c - the attempts of a transfer, as Lua values.
*/
#include "lua/attempts.h"


const char *attempts_kind_name (failure kind) {
  switch (kind) {
    case FAILURE_TIMEOUT: return "timeout";
    case FAILURE_RATE_LIMITED: return "rate_limited";
    case FAILURE_CANCELLED: return "cancelled";
    case FAILURE_CLOSED: return "closed";
    case FAILURE_TRANSPORT:
    case FAILURE_NONE: break;
  }
  return "transport";
}


const char *attempts_version_name (long version) {
  switch (version) {
    case CURL_HTTP_VERSION_1_0: return "1.0";
    case CURL_HTTP_VERSION_2_0: return "2";
    case CURL_HTTP_VERSION_3: return "3";
    default: return "1.1";
  }
}


bool attempts_opt_trace (lua_State *L, int index, request *r) {
  const char *parent, *state, *seed;
  size_t parent_size = 0, seed_size = 0;
  if (!lua_istable(L, index))
    return true;
  lua_getfield(L, index, "traceparent");
  lua_getfield(L, index, "tracestate");
  lua_getfield(L, index, "seed");
  parent = lua_tolstring(L, -3, &parent_size);
  state = lua_tostring(L, -2);
  seed = lua_tolstring(L, -1, &seed_size);
  if (parent != NULL && parent_size != TRACEPARENT_SIZE)
    luaL_error(L, "a traceparent has %d characters", TRACEPARENT_SIZE);
  if (seed != NULL && seed_size != TRACE_SEED_SIZE)
    luaL_error(L, "a seed has %d bytes", TRACE_SEED_SIZE);
  r->trace = trace_new(parent, state, seed);
  lua_pop(L, 3);
  return r->trace != NULL;
}


static void set_outcome (lua_State *L, const attempt *one) {
  if (one->reason == NULL) {
    lua_pushinteger(L, (lua_Integer)one->status);
    lua_setfield(L, -2, "status");
  }
  else {
    lua_pushstring(L, one->reason);
    lua_setfield(L, -2, "error");
  }
  lua_pushnumber(L, one->elapsed);
  lua_setfield(L, -2, "elapsed");
  lua_pushnumber(L, one->waited);
  lua_setfield(L, -2, "waited");
}


static void set_trace (lua_State *L, const attempt *one) {
  char id[TRACE_SPAN_ID_SIZE];
  lua_pushnumber(L, one->started);
  lua_setfield(L, -2, "started");
  trace_write_id(id, one->span_id);
  lua_pushlstring(L, id, sizeof(id));
  lua_setfield(L, -2, "span_id");
  if (one->reason != NULL) {
    lua_pushstring(L, attempts_kind_name(one->failure));
    lua_setfield(L, -2, "kind");
    return;
  }
  lua_pushstring(L, attempts_version_name(one->http_version));
  lua_setfield(L, -2, "http_version");
  lua_pushlstring(L, one->head.data != NULL ? one->head.data : "",
                  one->head.size);
  lua_setfield(L, -2, "head");
}


void attempts_set (lua_State *L, const transfer *t) {
  bool is_recorded = t->request.trace != NULL && t->request.trace->is_recorded;
  int i;
  if (t->attempt_count == 1 && !is_recorded)
    return;
  lua_createtable(L, t->attempt_count, 0);
  for (i = 0; i < t->attempt_count; i++) {
    const attempt *one = &t->attempts[i];
    lua_createtable(L, 0, is_recorded ? 8 : 3);
    set_outcome(L, one);
    if (is_recorded)
      set_trace(L, one);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "attempts");
}
