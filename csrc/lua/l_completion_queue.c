/*
** lua/l_completion_queue.c - core.completion_queue: the completed transfers of
** this Lua state, if a background thread runs the event loop; and the counters
** of background requests.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include "http/engine.h"
#include "http/background_stats.h"


static completion_queue *check_completion_queue (lua_State *L, int index) {
  completion_queue **self = luaL_checkudata(L, index, COMPLETION_QUEUE);
  if (*self == NULL)
    luaL_error(L, "the completion queue is closed");
  return *self;
}


completion_queue *opt_completion_queue (lua_State *L, int index) {
  return lua_isnoneornil(L, index) ? NULL : check_completion_queue(L, index);
}


/* core.completion_queue() -> queue. From the first call on, a background thread
** runs the event loop of this process, and of the children that it forks. */
static int l_completion_queue (lua_State *L) {
  completion_queue **self = binding_new(L, COMPLETION_QUEUE, sizeof(*self));
  *self = completion_queue_new();
  if (*self == NULL)
    return binding_no_memory(L);
  engine_use_thread();
  return 1;
}


static int l_completion_queue_gc (lua_State *L) {
  completion_queue **self = luaL_checkudata(L, 1, COMPLETION_QUEUE);
  if (*self != NULL)
    completion_queue_close(*self);
  *self = NULL;
  return 0;
}


/* queue:listen() -> address to connect to | nil, message */
static int l_completion_queue_listen (lua_State *L) {
  const char *why;
  char address[LISTENER_ADDRESS_SIZE];
  if (!completion_queue_listen(check_completion_queue(L, 1), address, &why))
    return binding_refuse(L, why);
  lua_pushstring(L, address);
  return 1;
}


/* queue:accept() -> true | nil, message. Accepts the connection of the
** listener. */
static int l_completion_queue_accept (lua_State *L) {
  const char *why = completion_queue_accept(check_completion_queue(L, 1));
  if (why != NULL)
    return binding_refuse(L, why);
  lua_pushboolean(L, 1);
  return 1;
}


/* queue:disconnect(). Closes the connection to the listener. */
static int l_completion_queue_disconnect (lua_State *L) {
  completion_queue_disconnect(check_completion_queue(L, 1));
  return 0;
}


/* queue:request_stop(). Sends the byte "l" to the listener: it should stop. */
static int l_completion_queue_request_stop (lua_State *L) {
  completion_queue_request_stop(check_completion_queue(L, 1));
  return 0;
}


/* queue:set_idle_timeout(seconds). An "l" is sent after the queue was idle for
** that time. */
static int l_completion_queue_set_idle_timeout (lua_State *L) {
  completion_queue_set_idle_timeout(check_completion_queue(L, 1),
                                    binding_ms(luaL_checknumber(L, 2)));
  return 0;
}


/* queue:size() -> number of transfers in progress or completed but not
** taken */
static int l_completion_queue_size (lua_State *L) {
  lua_pushinteger(
      L, (lua_Integer)completion_queue_size(check_completion_queue(L, 1)));
  return 1;
}


/* queue:take() -> serial, boolean | nil, false. Returns the serial of the
** transfer that completed first, once, and whether there are others. If so, the
** listener has a byte to read. */
static int l_completion_queue_take (lua_State *L) {
  long serial;
  bool more;
  if (completion_queue_take(check_completion_queue(L, 1), &serial, &more))
    lua_pushinteger(L, (lua_Integer)serial);
  else
    lua_pushnil(L);
  lua_pushboolean(L, more);
  return 2;
}


/* queue:acknowledge(). The listener has read its bytes. */
static int l_completion_queue_acknowledge (lua_State *L) {
  completion_queue_acknowledge(check_completion_queue(L, 1));
  return 0;
}


/* core.completion_queues() -> number of open queues in this process */
static int l_completion_queues (lua_State *L) {
  lua_pushinteger(L, completion_queues_open());
  return 1;
}


/* core.background_stats() -> {queued =, running = (now), sent =, failed =,
** refused = (since the process started)}, for this process */
static int l_background_stats (lua_State *L) {
  background_stats now = background_stats_get();
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


/* core.failures() -> {{status =, detail =} | {reason =}, ...}, count. Returns
** the newest failed background requests since the last call, and how many
** failed. */
static int l_failures (lua_State *L) {
  background_failure f;
  int i;
  lua_newtable(L);
  for (i = 1; background_take_failure(&f); i++) {
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
  lua_pushinteger(L, (lua_Integer)background_take_failed());
  return 2;
}


void register_completion_queue (lua_State *L) {
  static const function class[] = {
      {"listen", l_completion_queue_listen},
      {"accept", l_completion_queue_accept},
      {"disconnect", l_completion_queue_disconnect},
      {"request_stop", l_completion_queue_request_stop},
      {"set_idle_timeout", l_completion_queue_set_idle_timeout},
      {"size", l_completion_queue_size},
      {"take", l_completion_queue_take},
      {"acknowledge", l_completion_queue_acknowledge},
      {"__gc", l_completion_queue_gc},
      {NULL, NULL}};
  static const function functions[] = {
      {"completion_queue", l_completion_queue},
      {"completion_queues", l_completion_queues},
      {"background_stats", l_background_stats},
      {"failures", l_failures},
      {NULL, NULL}};
  binding_class(L, COMPLETION_QUEUE, class);
  binding_functions(L, functions);
}
