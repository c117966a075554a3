/*
** lua_port.c - core.port: where the ends of transfers arrive, when a thread
** works on them; and what became of those that nobody waits for.
*/
#include "binding.h"
#include "rooms.h"

#include "engine.h"
#include "tracked.h"

#define PORT "klaviyo.port"


static port *check_port (lua_State *L, int index) {
  port **self = luaL_checkudata(L, index, PORT);
  if (*self == NULL)
    luaL_error(L, "the port is closed");
  return *self;
}


port *opt_port (lua_State *L, int index) {
  return lua_isnoneornil(L, index) ? NULL : check_port(L, index);
}


/* core.port() -> port. From then on a thread works on all transfers of this
** process, and of the children that it forks. */
static int make (lua_State *L) {
  port **self = binding_new(L, PORT, sizeof(*self));
  *self = port_new();
  if (*self == NULL)
    return binding_no_memory(L);
  engine_want_thread();
  return 1;
}


static int port_free (lua_State *L) {
  port **self = luaL_checkudata(L, 1, PORT);
  if (*self != NULL)
    port_close(*self);
  *self = NULL;
  return 0;
}


/* port:listen() -> the address to connect to | nil, why */
static int port_address (lua_State *L) {
  const char *why;
  char address[PORT_ADDRESS];
  if (!port_listen(check_port(L, 1), address, &why))
    return binding_refuse(L, why);
  lua_pushstring(L, address);
  return 1;
}


/* port:accept() -> true | nil, why: lets in who connected. */
static int port_let_in (lua_State *L) {
  const char *why = port_accept(check_port(L, 1));
  if (why != NULL)
    return binding_refuse(L, why);
  lua_pushboolean(L, 1);
  return 1;
}


/* port:leave(): who reads the socket is gone. */
static int port_gone (lua_State *L) {
  port_leave(check_port(L, 1));
  return 0;
}


/* port:knock(): one byte to who reads the socket, an "l": it is to leave. */
static int port_call (lua_State *L) {
  port_knock(check_port(L, 1));
  return 0;
}


/* port:stay(seconds): an "l" comes when nothing was under way for so long. */
static int port_hold (lua_State *L) {
  port_stay(check_port(L, 1), binding_ms(luaL_checknumber(L, 2)));
  return 0;
}


/* port:load() -> how many ends are to be told, or to be drained */
static int port_due (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)port_load(check_port(L, 1)));
  return 1;
}


/* port:drain() -> the serials of transfers that ended, each once */
static int drain (lua_State *L) {
  size_t count;
  const long *serials = port_drain(check_port(L, 1), &count);
  binding_serials(L, serials, count);
  return 1;
}


/* port:wait(seconds) -> the same, for who has no loop and may stand still */
static int await (lua_State *L) {
  port_wait(check_port(L, 1), binding_ms(luaL_checknumber(L, 2)));
  return drain(L);
}


/* core.ports() -> how many are open in this process */
static int ports (lua_State *L) {
  lua_pushinteger(L, ports_open());
  return 1;
}


/* core.tracked() -> {queued =, running = (now), sent =, failed =, refused =
** (so far)}, of this process */
static int tracked (lua_State *L) {
  tracked_counts now = tracked_now();
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, (lua_Integer)now.queued);
  lua_setfield(L, -2, "queued");
  lua_pushinteger(L, (lua_Integer)now.running);
  lua_setfield(L, -2, "running");
  lua_pushinteger(L, (lua_Integer)now.sent);
  lua_setfield(L, -2, "sent");
  lua_pushinteger(L, (lua_Integer)now.failed);
  lua_setfield(L, -2, "failed");
  lua_pushinteger(L, (lua_Integer)now.refused);
  lua_setfield(L, -2, "refused");
  return 1;
}


/* core.failures() -> {{status = and detail = | reason =}, ...}, count: those of
** tracked requests since it was last called, the newest, and how many. */
static int failures (lua_State *L) {
  tracked_failure f;
  int i;
  lua_newtable(L);
  for (i = 1; tracked_take_failure(&f); i++) {
    lua_createtable(L, 0, 2);
    if (f.status != 0) {
      lua_pushinteger(L, (lua_Integer)f.status);
      lua_setfield(L, -2, "status");
      lua_pushlstring(L, f.detail, f.detail_size);
      lua_setfield(L, -2, "detail");
    }
    else {
      lua_pushstring(L, f.reason);
      lua_setfield(L, -2, "reason");
    }
    lua_rawseti(L, -2, i);
  }
  lua_pushinteger(L, (lua_Integer)tracked_take_failed());
  return 2;
}


void open_port (lua_State *L) {
  static const function class[] = {
    {"listen", port_address}, {"accept", port_let_in}, {"leave", port_gone},
    {"knock", port_call}, {"stay", port_hold}, {"load", port_due},
    {"drain", drain}, {"wait", await}, {"__gc", port_free}, {NULL, NULL}
  };
  static const function functions[] = {
    {"port", make}, {"ports", ports}, {"tracked", tracked},
    {"failures", failures}, {NULL, NULL}
  };
  binding_class(L, PORT, class);
  binding_functions(L, functions);
}
