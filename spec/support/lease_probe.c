/*
** lease_probe.c - the lease of a host, as a module of Lua, for specs and for
** the simulation.
**
**   host = new(per_second, per_minute, per_day)
**   host:wait(now) -> ms           host:take(now): counts a request
**   host:move(then, now)           host:due(now) -> ms from now | nil
**   host:ask(now) -> arguments     host:answer(asked, now, reply, late)
**   host:fail(asked, now)          host:block(now, ms)
**   host:learn(now, limit, seconds, remaining, reset)
**   host:state(now) -> {tokens =, away =, hosts =, used = {…}, events =}
**   host:spoil(offset, byte): another program writes to the record
*/
#include <string.h>

#include <lua.h>
#include <lauxlib.h>

#include "redis/lease.h"

#define CLASS "spec.lease"

typedef struct host {
  lease lease;
  usage usage;
  bucket bucket;
} host;


static host *check (lua_State *L, int at, int64_t *now) {
  host *h = luaL_checkudata(L, 1, CLASS);
  *now = (int64_t)luaL_checknumber(L, at);
  usage_check(&h->usage, *now);
  lease_check(&h->lease, *now);
  return h;
}


static int l_new (lua_State *L) {
  host *h;
  int i;
  lua_settop(L, BUDGET_WINDOWS);
  h = lua_newuserdata(L, sizeof(*h));
  memset(h, 0, sizeof(*h));
  h->bucket.key = 1;
  for (i = 0; i < BUDGET_WINDOWS; i++)
    h->bucket.limit[i] = (uint32_t)luaL_optnumber(L, i + 1, 0);
  luaL_getmetatable(L, CLASS);
  lua_setmetatable(L, -2);
  return 1;
}


static int l_wait (lua_State *L) {
  int64_t now;
  host *h = check(L, 2, &now);
  lua_pushnumber(
      L, (lua_Number)lease_wait(&h->lease, &h->usage, &h->bucket, now));
  return 1;
}


static int l_take (lua_State *L) {
  int64_t now;
  host *h = check(L, 2, &now);
  lease_take(&h->lease, &h->usage, &h->bucket, now);
  usage_add(&h->usage, &h->bucket, now);
  return 0;
}


static int l_move (lua_State *L) {
  int64_t now, then = (int64_t)luaL_checknumber(L, 2);
  host *h = check(L, 3, &now);
  usage_move(&h->usage, &h->bucket, then, now);
  lease_move(&h->lease, then, now);
  return 0;
}


static int l_due (lua_State *L) {
  int64_t now, due;
  host *h = check(L, 2, &now);
  due = lease_due(&h->lease, now);
  if (due == LEASE_NEVER)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)(due > now ? due - now : 0));
  return 1;
}


static int l_ask (lua_State *L) {
  int64_t now;
  host *h = check(L, 2, &now);
  buffer text = {NULL, 0, 0};
  if (!lease_ask(&h->lease, &h->usage, &h->bucket, now, &text))
    return luaL_error(L, "not enough memory");
  lua_pushlstring(L, text.data, text.size);
  buffer_free(&text);
  return 1;
}


static int l_answer (lua_State *L) {
  int64_t now, reply[LEASE_REPLY], asked = (int64_t)luaL_checknumber(L, 2);
  host *h = check(L, 3, &now);
  int i;
  luaL_checktype(L, 4, LUA_TTABLE);
  for (i = 0; i < LEASE_REPLY; i++) {
    lua_rawgeti(L, 4, i + 1);
    reply[i] = lease_bound(i, (int64_t)luaL_checknumber(L, -1));
    lua_pop(L, 1);
  }
  lease_answer(&h->lease, &h->usage, &h->bucket, reply, asked, now,
               lua_toboolean(L, 5));
  return 0;
}


static int l_fail (lua_State *L) {
  int64_t now, asked = (int64_t)luaL_checknumber(L, 2);
  host *h = check(L, 3, &now);
  lease_fail(&h->lease, &h->usage, &h->bucket, asked, now);
  return 0;
}


static int l_block (lua_State *L) {
  int64_t now;
  host *h = check(L, 2, &now);
  int64_t ms = (int64_t)luaL_checknumber(L, 3);
  usage_block(&h->usage, now, ms);
  lease_block(&h->lease, now, ms);
  return 0;
}


static int l_learn (lua_State *L) {
  int64_t now;
  host *h = check(L, 2, &now);
  rate_limit limit, limits;
  memset(&limit, 0, sizeof(limit));
  limit.windows = 1;
  limit.limit = limit.window[0].limit = (long)luaL_checknumber(L, 3);
  limit.window[0].seconds = (long)luaL_checknumber(L, 4);
  limit.remaining = (long)luaL_checknumber(L, 5);
  limit.reset = (long)luaL_checknumber(L, 6);
  limits = lease_limits(&limit);
  usage_learn(&h->usage, &limits, now);
  lease_learn(&h->lease, &limit, now);
  return 0;
}


static int l_state (lua_State *L) {
  int64_t now;
  host *h = check(L, 2, &now);
  usage_state s;
  int i;
  usage_describe(&h->usage, &h->bucket, now, &s);
  lua_newtable(L);
  lua_pushnumber(L, (lua_Number)h->lease.tokens);
  lua_setfield(L, -2, "tokens");
  lua_pushboolean(L, h->lease.away != 0);
  lua_setfield(L, -2, "away");
  lua_pushnumber(L, (lua_Number)h->lease.hosts);
  lua_setfield(L, -2, "hosts");
  lua_pushnumber(L, (lua_Number)(h->lease.events.count + h->lease.sent.count));
  lua_setfield(L, -2, "events");
  lua_newtable(L);
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    lua_pushnumber(L, (lua_Number)s.windows[i].used);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "used");
  return 1;
}


static int l_spoil (lua_State *L) {
  host *h = luaL_checkudata(L, 1, CLASS);
  size_t at = (size_t)luaL_checknumber(L, 2) % sizeof(h->lease);
  ((unsigned char *)&h->lease)[at] = (unsigned char)luaL_checknumber(L, 3);
  return 0;
}


__attribute__((visibility("default"))) int luaopen_spec_lease (lua_State *L);

int luaopen_spec_lease (lua_State *L) {
  static const struct {
    const char *name;
    lua_CFunction call;
  } methods[] = {{"wait", l_wait},   {"take", l_take},     {"move", l_move},
                 {"due", l_due},     {"ask", l_ask},       {"answer", l_answer},
                 {"fail", l_fail},   {"block", l_block},   {"learn", l_learn},
                 {"state", l_state}, {"spoil", l_spoil}};
  size_t i;
  luaL_newmetatable(L, CLASS);
  for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
    lua_pushcfunction(L, methods[i].call);
    lua_setfield(L, -2, methods[i].name);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushcfunction(L, l_new);
  lua_setfield(L, -2, "new");
  return 1;
}
