/*
** redis/l_connection.c - a connection to Redis for Lua code:
** klaviyo.redis.hiredis.connection, and the ticket of commands that were sent.
*/
#include "redis/l_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

#include "base/client_kind.h"
#include "lua/bindings.h"
#include "lua/hook.h"
#include "redis/calls.h"

#define CONNECTION "klaviyo.redis.connection"
#define TICKET "klaviyo.redis.ticket"
#define ERROR_REPLY "klaviyo.redis.error_reply"

/* A part of a pipeline has at most this many commands and, unless it is one
** command, about this many bytes. */
#define PART_COMMANDS 1024
#define PART_BYTES ((size_t)256 * 1024)
#define MAX_COMMAND ((size_t)64 * 1024 * 1024)

typedef struct handle {
  caller *caller; /* one reference; NULL: collected */
} handle;

typedef struct ticket {
  call *call; /* one reference; NULL: closed */
} ticket;


static int no_memory (lua_State *L) {
  return luaL_error(L, "not enough memory");
}


static size_t length (lua_State *L, int index) {
#if LUA_VERSION_NUM >= 502
  return lua_rawlen(L, index);
#else
  return lua_objlen(L, index);
#endif
}


static long milliseconds (lua_Number seconds) {
  if (!(seconds > 0))
    return 0;
  return seconds < 1e6 ? (long)(seconds * 1000 + 0.999) : 1000000000L;
}


/* {======================================================
** Connections
** ======================================================= */

static lua_Number number_field (lua_State *L, const char *name) {
  lua_Number n;
  lua_getfield(L, 1, name);
  n = luaL_checknumber(L, -1);
  lua_pop(L, 1);
  return n;
}


/*
** hiredis.connection{servers = … (as hiredis.source), connect_timeout =,
** max_reply_bytes =, max_elements =} -> connection
*/
static int l_connection (lua_State *L) {
  connection_limits limits;
  redis_address address;
  handle *h;
  luaL_checktype(L, 1, LUA_TTABLE);
  limits.connect_ms = milliseconds(number_field(L, "connect_timeout"));
  limits.bytes = (size_t)number_field(L, "max_reply_bytes");
  limits.elements = (size_t)number_field(L, "max_elements");
  lua_settop(L, 1);
  h = lua_newuserdata(L, sizeof(*h));
  h->caller = NULL;
  luaL_getmetatable(L, CONNECTION);
  lua_setmetatable(L, -2);
  lua_insert(L, 1);
  address = read_address(L);
  h->caller = caller_new(&address, &limits);
  lua_pop(L, 1);
  return h->caller != NULL ? 1 : no_memory(L);
}


static caller *check_connection (lua_State *L) {
  handle *h = luaL_checkudata(L, 1, CONNECTION);
  if (h->caller == NULL)
    luaL_error(L, "the connection was collected");
  return h->caller;
}


/* connection:close(). Calls in progress fail, as all later ones. */
static int l_close (lua_State *L) {
  caller_close(check_connection(L));
  return 0;
}


static int l_connection_gc (lua_State *L) {
  handle *h = luaL_checkudata(L, 1, CONNECTION);
  if (h->caller != NULL) {
    caller_close(h->caller);
    caller_release(h->caller);
  }
  h->caller = NULL;
  return 0;
}

/* }====================================================== */


/* {======================================================
** Commands
** ======================================================= */

/* Writes a number as other programs read it; Redis counts in whole numbers. */
static size_t write_number (char *text, size_t room, lua_Number n) {
  const lua_Number limit = 9007199254740992.0; /* all below it are exact */
  bool is_whole = n > -limit && n < limit && n == (lua_Number)(int64_t)n;
  return (size_t)snprintf(text, room, is_whole ? "%.0f" : "%.17g", (double)n);
}


/* Adds the word on the top of the stack, and removes it. */
static void add_word (lua_State *L, buffer *b, int command) {
  char number[40], head[32];
  const char *text = number;
  size_t size = 0;
  if (lua_type(L, -1) == LUA_TSTRING)
    text = lua_tolstring(L, -1, &size);
  else if (lua_type(L, -1) == LUA_TNUMBER)
    size = write_number(number, sizeof(number), lua_tonumber(L, -1));
  else
    luaL_error(L,
               "command %d has a word that is a %s; words are strings and "
               "numbers",
               command, luaL_typename(L, -1));
  if (size > MAX_COMMAND || b->size > MAX_COMMAND + PART_BYTES)
    luaL_error(L, "command %d is longer than 64 MB", command);
  (void)snprintf(head, sizeof(head), "$%zu\r\n", size);
  if (!buffer_add_text(b, head) || !buffer_add(b, text, size) ||
      !buffer_add_text(b, "\r\n"))
    no_memory(L);
  lua_pop(L, 1);
}


/* Adds the command on the top of the stack. */
static void add_command (lua_State *L, buffer *b, int number) {
  char head[32];
  int count, i;
  if (!lua_istable(L, -1))
    luaL_error(L, "command %d is not a list of words", number);
  count = (int)length(L, -1);
  if (count == 0)
    luaL_error(L, "command %d has no words", number);
  (void)snprintf(head, sizeof(head), "*%d\r\n", count);
  if (!buffer_add_text(b, head))
    no_memory(L);
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    add_word(L, b, number);
  }
}


/* Sets the commands of a part: those of the list at 'index' from 'first' on.
** Returns the number of the next part's first command; 0: there is none. */
static int set_part (lua_State *L, call *c, int index, int first) {
  int total = (int)length(L, index), at = first;
  c->commands.size = 0;
  c->count = 0;
  if (c->offsets == NULL) {
    int room = total - first + 1;
    if (room > PART_COMMANDS)
      room = PART_COMMANDS;
    c->offsets = calloc((size_t)room, sizeof(*c->offsets));
    c->replies = calloc((size_t)room, sizeof(redisReply *));
    if (c->offsets == NULL || c->replies == NULL)
      no_memory(L);
  }
  while (at <= total && c->count < PART_COMMANDS &&
         c->commands.size < PART_BYTES) {
    lua_rawgeti(L, index, at);
    add_command(L, &c->commands, at++);
    lua_pop(L, 1);
    c->offsets[c->count++] = c->commands.size;
  }
  c->more = at <= total;
  return c->more ? at : 0;
}


static int submit (lua_State *L, call *c, int next) {
  call_submit(c);
  if (next != 0)
    lua_pushinteger(L, next);
  else
    lua_pushnil(L);
  return 1;
}


/*
** connection:submit(commands, seconds, completion_queue | nil) -> ticket, next
** | nil. Sends the first part of a list of commands; 'next' is the first
** command of the next part, for ticket:submit.
*/
static int l_submit (lua_State *L) {
  caller *k = check_connection(L);
  completion_queue **queue = NULL;
  ticket *self;
  int next;
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checknumber(L, 3);
  if (!lua_isnoneornil(L, 4))
    queue = luaL_checkudata(L, 4, COMPLETION_QUEUE);
  if (length(L, 2) == 0)
    return luaL_error(L, "there is no command");
  self = lua_newuserdata(L, sizeof(*self));
  self->call = NULL;
  luaL_getmetatable(L, TICKET);
  lua_setmetatable(L, -2);
  self->call = call_new(k, queue != NULL ? *queue : NULL);
  if (self->call == NULL)
    return no_memory(L);
  self->call->ms = milliseconds(lua_tonumber(L, 3));
  next = set_part(L, self->call, 2, 1);
  return 1 + submit(L, self->call, next);
}


static call *check_ticket (lua_State *L) {
  ticket *self = luaL_checkudata(L, 1, TICKET);
  if (self->call == NULL)
    luaL_error(L, "the ticket is closed");
  return self->call;
}


/* ticket:submit(commands, first) -> next | nil. Sends the next part, when the
** one before is done and its result was taken. */
static int l_ticket_submit (lua_State *L) {
  call *c = check_ticket(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  if (!call_is_done(c) || !c->more)
    return luaL_error(L, "there is no next part");
  return submit(L, c, set_part(L, c, 2, (int)luaL_checkinteger(L, 3)));
}

/* }====================================================== */


/* {======================================================
** Tickets: what the scheduler calls
** ======================================================= */

static int l_ticket_done (lua_State *L) {
  lua_pushboolean(L, call_is_done(check_ticket(L)));
  return 1;
}


static int l_ticket_announce (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)call_announce(check_ticket(L)));
  return 1;
}


static int l_ticket_wait (lua_State *L) {
  call *c = check_ticket(L);
  bool done = call_wait(c, milliseconds(luaL_checknumber(L, 2)));
  copy_hook(L);
  lua_pushboolean(L, done);
  return 1;
}


/* ticket:waits(). Commands wait for no time. The scheduler calls this from time
** to time. */
static int l_ticket_waits (lua_State *L) {
  call_check_fork(check_ticket(L));
  return 0;
}


static int l_ticket_close (lua_State *L) {
  ticket *self = luaL_checkudata(L, 1, TICKET);
  if (self->call != NULL) {
    call_cancel(self->call);
    call_release(self->call);
  }
  self->call = NULL;
  return 0;
}

/* }====================================================== */


/* {======================================================
** Replies
** ======================================================= */

/* hiredis bounds how deep a reply may be. NOLINTNEXTLINE(misc-no-recursion) */
static void push_reply (lua_State *L, const redisReply *r) {
  size_t i;
  luaL_checkstack(L, 4, "a reply has too many levels");
  switch (r->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS: lua_pushlstring(L, r->str, (size_t)r->len); break;
    case REDIS_REPLY_INTEGER:
      lua_pushinteger(L, (lua_Integer)r->integer);
      break;
    case REDIS_REPLY_ERROR:
      lua_createtable(L, 0, 1);
      lua_pushlstring(L, r->str, (size_t)r->len);
      lua_setfield(L, -2, "text");
      luaL_getmetatable(L, ERROR_REPLY);
      lua_setmetatable(L, -2);
      break;
    case REDIS_REPLY_ARRAY:
      lua_createtable(L, r->elements < 65536 ? (int)r->elements : 65536, 0);
      for (i = 0; i < (size_t)r->elements; i++) {
        push_reply(L, r->element[i]);
        lua_rawseti(L, -2, (int)i + 1);
      }
      break;
    default: lua_pushboolean(L, false); break;
  }
}


static void push_failure (lua_State *L, const call *c) {
  static const char *const names[] = {NULL,      "transport", "redis",
                                      "timeout", "cancelled", "closed"};
  lua_pushstring(L, names[c->failure]);
  lua_pushstring(L, c->problem);
  lua_pushinteger(L, c->maybe_run);
}


/*
** ticket:result(replies) -> true | false, kind, message, count. Appends the
** replies to the list. If it failed, 'count' commands of the part, with those
** that have replies, may have run.
*/
static int l_ticket_result (lua_State *L) {
  call *c = check_ticket(L);
  int i, before;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  if (!call_is_done(c))
    return luaL_error(L, "the ticket is not done");
  before = (int)length(L, 2);
  for (i = 0; i < c->reply_count; i++) {
    push_reply(L, c->replies[i]);
    lua_rawseti(L, 2, before + i + 1);
  }
  for (i = 0; i < c->reply_count; i++)
    freeReplyObject(c->replies[i]);
  c->reply_count = 0;
  lua_pushboolean(L, c->failure == CALL_SUCCEEDED);
  if (c->failure == CALL_SUCCEEDED)
    return 1;
  push_failure(L, c);
  return 4;
}

/* }====================================================== */


void set_class (lua_State *L, const char *name, const luaL_Reg *list) {
  luaL_newmetatable(L, name);
  for (; list->name != NULL; list++) {
    lua_pushcfunction(L, list->func);
    lua_setfield(L, -2, list->name);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}


/* hiredis.attach(core.loop_functions()) -> true | nil, message */
static int l_attach (lua_State *L) {
  const loop_functions *functions = lua_touserdata(L, 1);
  if (functions == NULL || functions->version != LOOP_FUNCTIONS_VERSION) {
    lua_pushnil(L);
    lua_pushstring(L, "klaviyo.core is not of this version");
    return 2;
  }
  calls_attach(functions);
  lua_pushboolean(L, true);
  return 1;
}


/* hiredis.error_hint(text) -> what to do after this error | nil */
static int l_error_hint (lua_State *L) {
  const char *hint = error_hint(luaL_checkstring(L, 1));
  if (hint == NULL)
    lua_pushnil(L);
  else
    lua_pushstring(L, hint);
  return 1;
}


void register_connection (lua_State *L) {
  static const luaL_Reg connections[] = {{"submit", l_submit},
                                         {"close", l_close},
                                         {"__gc", l_connection_gc},
                                         {NULL, NULL}};
  static const luaL_Reg tickets[] = {{"submit", l_ticket_submit},
                                     {"done", l_ticket_done},
                                     {"announce", l_ticket_announce},
                                     {"wait", l_ticket_wait},
                                     {"waits", l_ticket_waits},
                                     {"result", l_ticket_result},
                                     {"close", l_ticket_close},
                                     {"__gc", l_ticket_close},
                                     {NULL, NULL}};
  set_class(L, CONNECTION, connections);
  set_class(L, TICKET, tickets);
  lua_pushcfunction(L, l_connection);
  lua_setfield(L, -2, "connection");
  lua_pushcfunction(L, l_attach);
  lua_setfield(L, -2, "attach");
  lua_pushcfunction(L, l_error_hint);
  lua_setfield(L, -2, "error_hint");
  luaL_newmetatable(L, ERROR_REPLY);
  lua_setfield(L, -2, "error_reply");
}
