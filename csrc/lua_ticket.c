/*
** lua_ticket.c - core.submit, and the ticket that it gives.
*/
#include "binding.h"

#include "engine.h"

#define TICKET "klaviyo.ticket"


static transfer **ticket (lua_State *L) {
  return luaL_checkudata(L, 1, TICKET);
}


static transfer *open_ticket_at (lua_State *L) {
  transfer *t = *ticket(L);
  if (t == NULL)
    luaL_error(L, "the ticket is closed");
  return t;
}


/* A flat list: name, data, filename or false, media type or false. */
static void add_form (lua_State *L, request *r, int index) {
  int i;
  for (i = 1;; i += 4) {
    size_t size;
    const char *name, *data;
    bool ok;
    lua_rawgeti(L, index, i);
    if (lua_isnil(L, -1))
      break;
    lua_rawgeti(L, index, i + 1);
    lua_rawgeti(L, index, i + 2);
    lua_rawgeti(L, index, i + 3);
    name = luaL_checkstring(L, -4);
    data = luaL_checklstring(L, -3, &size);
    ok = request_add_part(r, name, data, size, lua_tostring(L, -2),
                          lua_tostring(L, -1));
    lua_pop(L, 4);
    if (!ok)
      binding_no_memory(L);
  }
  lua_pop(L, 1);
}


/* core.submit(settings, method, url, body | form) -> ticket */
static int submit (lua_State *L) {
  settings *s = check_settings(L, 1);
  const char *method = luaL_checkstring(L, 2);
  const char *url = luaL_checkstring(L, 3);
  size_t size = 0;
  bool is_form = lua_istable(L, 4);
  const char *body = is_form ? NULL : luaL_optlstring(L, 4, NULL, &size);
  transfer **self = binding_new(L, TICKET, sizeof(*self));
  *self = transfer_new(s, method, url, body, size);
  if (*self == NULL)
    return binding_no_memory(L);
  if (is_form)
    add_form(L, &(*self)->request, 4);
  engine_submit(*self);
  return 1;
}


/*
** ticket:wait(seconds) -> done. It gives way to Lua when the time is over,
** so that a signal's hook may run: ask for short waits.
*/
static int ticket_wait (lua_State *L) {
  transfer *t = open_ticket_at(L);
  lua_Number seconds = luaL_checknumber(L, 2);
  lua_pushboolean(L, engine_wait(t, (long)(seconds * 1000)));
  return 1;
}


static const char *kind_name (failure kind) {
  switch (kind) {
    case FAILURE_TIMEOUT: return "timeout";
    case FAILURE_CANCELLED: return "cancelled";
    case FAILURE_CLOSED: return "closed";
    case FAILURE_TRANSPORT: case FAILURE_NONE: break;
  }
  return "transport";
}


static const char *version_name (long version) {
  switch (version) {
    case CURL_HTTP_VERSION_1_0: return "1.0";
    case CURL_HTTP_VERSION_2_0: return "2";
    case CURL_HTTP_VERSION_3: return "3";
    default: return "1.1";
  }
}


static void push_answer (lua_State *L, const response *r) {
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, (lua_Integer)r->status);
  lua_setfield(L, -2, "status");
  binding_push(L, &r->head);
  lua_setfield(L, -2, "head");
  binding_push(L, &r->body);
  lua_setfield(L, -2, "body");
  lua_pushnumber(L, r->elapsed);
  lua_setfield(L, -2, "elapsed");
  lua_pushstring(L, version_name(r->http_version));
  lua_setfield(L, -2, "http_version");
}


static int ticket_close (lua_State *L) {
  transfer **self = ticket(L);
  transfer *t = *self;
  *self = NULL;
  if (t != NULL) {
    engine_cancel(t);
    transfer_release(t);
  }
  return 0;
}


/*
** ticket:take() -> {status =, head =, body =, elapsed =, http_version =}
** | nil, {kind =, reason =, maybe_sent =, elapsed =}. Once: it closes the
** ticket.
*/
static int ticket_take (lua_State *L) {
  const transfer *t = open_ticket_at(L);
  const response *r = &t->response;
  if (!t->done)
    return luaL_error(L, "the ticket is not done");
  if (r->failure == FAILURE_NONE)
    push_answer(L, r);
  else {
    lua_pushnil(L);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, kind_name(r->failure));
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, r->reason);
    lua_setfield(L, -2, "reason");
    lua_pushboolean(L, r->started);
    lua_setfield(L, -2, "maybe_sent");
    lua_pushnumber(L, r->elapsed);
    lua_setfield(L, -2, "elapsed");
  }
  ticket_close(L);
  return lua_gettop(L) - 1;
}


/* ticket:cancel(): done at once, with kind "cancelled". */
static int ticket_cancel (lua_State *L) {
  engine_cancel(open_ticket_at(L));
  return 0;
}


static int ticket_text (lua_State *L) {
  const transfer *t = *ticket(L);
  lua_pushfstring(L, TICKET " (%s)", t == NULL ? "closed"
                                     : t->done ? "done" : "under way");
  return 1;
}


void open_ticket (lua_State *L) {
  static const function class[] = {
    {"wait", ticket_wait},
    {"take", ticket_take},
    {"cancel", ticket_cancel},
    {"close", ticket_close},
    {"__gc", ticket_close},
    {"__close", ticket_close},
    {"__tostring", ticket_text},
    {NULL, NULL}
  };
  static const function functions[] = {{"submit", submit}, {NULL, NULL}};
  binding_class(L, TICKET, class);
  binding_functions(L, functions);
}
