/*
** lua/l_ticket.c - core.submit and core.perform, the ticket of a transfer, and
** waiting for it.
*/
#include "lua/attempts.h"
#include "lua/binding.h"
#include "lua/bindings.h"
#include "lua/hook.h"

#include "base/clock.h"
#include "http/engine.h"
#include "http/loop_clients.h"
#include "http/completion_queue.h"

#define TICKET "klaviyo.ticket"


typedef struct ticket {
  transfer *transfer; /* one reference; NULL: closed */
  bool finalized;     /* by lua_close; other finalizers may still call */
} ticket;


static ticket *check_ticket (lua_State *L) {
  return luaL_checkudata(L, 1, TICKET);
}


static transfer *check_open_ticket (lua_State *L) {
  transfer *t = check_ticket(L)->transfer;
  if (t == NULL)
    luaL_error(L, "the ticket is closed");
  if (engine_is_foreign(t))
    luaL_error(L, "this Lua state belongs to another thread; each thread "
                  "needs its own");
  return t;
}


/* Adds a form from a flat list: name, data, filename or false, media type or
** false. */
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


/* Pushes a closed ticket: the one that recycle_ticket left in the upvalue, or a
** new one. */
static ticket *spare_ticket (lua_State *L) {
  const ticket *left = lua_touserdata(L, lua_upvalueindex(1));
  if (left == NULL || left->finalized)
    return binding_new(L, TICKET, sizeof(*left));
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushnil(L);
  lua_replace(L, lua_upvalueindex(1));
  return lua_touserdata(L, -1);
}


/* Closes a ticket that was not returned to Lua, and keeps it for the next
** request. */
static void recycle_ticket (lua_State *L, int index) {
  ticket *self = lua_touserdata(L, index);
  transfer *t = self->transfer;
  self->transfer = NULL;
  transfer_release(t);
  lua_pushvalue(L, index);
  lua_replace(L, lua_upvalueindex(1));
}


/* Creates a transfer from the arguments 1 to 6, 8 and 9, and pushes its ticket.
** Returns NULL if there is not enough memory. */
static transfer *new_ticket (lua_State *L) {
  settings *s = check_settings(L, 1);
  request_queue *q = check_request_queue(L, 2);
  const char *method = luaL_checkstring(L, 3);
  const char *url = luaL_checkstring(L, 4);
  size_t size = 0;
  int operation = (int)lua_tointeger(L, 9); /* 0 without one */
  bool is_form = lua_istable(L, 5);
  const char *body = is_form ? NULL : opt_body(L, 5, &size);
  ticket *self;
  transfer *t;
  lua_settop(L, 9);
  self = spare_ticket(L);
  t = self->transfer = transfer_new(s, q, method, url, body, size);
  if (t == NULL || !attempts_opt_trace(L, 8, &t->request))
    return NULL;
  if (is_form)
    add_form(L, &t->request, 5);
  t->repeatable = lua_toboolean(L, 6);
  t->operation = metrics_is_operation(operation) ? operation : 0;
  return t;
}


/*
** core.submit(settings, queue, method, url, body | form, repeatable,
** completion_queue | nil, trace | nil, operation | nil) -> ticket. For the
** trace see attempts_opt_trace; the operation is its number of
** core.metrics_operation.
*/
static int l_submit (lua_State *L) {
  completion_queue *q = opt_completion_queue(L, 7);
  transfer *t;
  if (q == NULL && engine_has_thread())
    return luaL_error(L,
                      "the event loop has a thread: pass a completion queue");
  t = new_ticket(L);
  if (t == NULL)
    return binding_no_memory(L);
  t->serial = transfer_new_serial();
  if (q != NULL)
    t->completion_queue = completion_queue_share(q);
  engine_submit(t);
  return 1;
}


/*
** core.track(settings, queue, method, url, body | form, repeatable, max, trace
** | nil, operation | nil) -> true | nil, "full". Submits a background request,
** unless 'max' of them are queued or running.
*/
static int l_track (lua_State *L) {
  lua_Number max = luaL_checknumber(L, 7);
  transfer *t = new_ticket(L);
  bool room;
  if (t == NULL)
    return binding_no_memory(L);
  room = engine_track(t, max > 0 ? (size_t)max : 0);
  recycle_ticket(L, lua_gettop(L));
  if (!room)
    return binding_refuse(L, "full");
  lua_pushboolean(L, true);
  return 1;
}


static void no_thread (lua_State *L) {
  if (engine_has_thread())
    luaL_error(L, "the event loop has a thread: wait for its completion queue");
}


/*
** ticket:wait(seconds) -> done. A signal's hook can only run between two waits:
** use short ones.
*/
static int l_ticket_wait (lua_State *L) {
  transfer *t = check_open_ticket(L);
  bool done;
  no_thread(L);
  done = engine_wait(t, binding_ms(luaL_checknumber(L, 2)));
  copy_hook(L);
  lua_pushboolean(L, done);
  return 1;
}


/* ticket:done() -> boolean. Does not run the loop. */
static int l_ticket_done (lua_State *L) {
  lua_pushboolean(L, transfer_is_done(check_open_ticket(L)));
  return 1;
}


/* ticket:waits() -> seconds, "rate_limit" | "retry_after" | "backoff". Returns
** nothing if it does not wait for a time. The scheduler calls this from time to
** time. */
static int l_ticket_waits (lua_State *L) {
  static const char *const names[] = {NULL, "rate_limit", "retry_after",
                                      "backoff"};
  wait_reason reason;
  transfer *t = check_open_ticket(L);
  int64_t ms;
  engine_check_fork(t);
  ms = transfer_wait(t, clock_ms(), &reason);
  if (ms == 0)
    return 0;
  lua_pushnumber(L, (lua_Number)ms / 1000);
  lua_pushstring(L, names[reason]);
  return 2;
}


/* ticket:watch(). Its end makes the descriptor of core.pollfd readable until
** ticket:result or ticket:close. */
static int l_ticket_watch (lua_State *L) {
  engine_watch(check_open_ticket(L));
  return 0;
}


/* ticket:announce() -> the serial that core.wait_any will return once */
static int l_ticket_announce (lua_State *L) {
  transfer *t = check_open_ticket(L);
  engine_announce(t);
  lua_pushinteger(L, (lua_Integer)t->serial);
  return 1;
}


/* Sets 'body' or, if the response is a page, 'bytes': the body itself. */
static void set_body (lua_State *L, response *r, bool is_page) {
  if (is_page && r->body.size > 0) {
    push_response_body(L, &r->body);
    lua_setfield(L, -2, "bytes");
  }
  else {
    binding_push(L, &r->body);
    lua_setfield(L, -2, "body");
  }
}


static void push_response (lua_State *L, response *r, bool is_page) {
  lua_createtable(L, 0, 8);
  lua_pushinteger(L, (lua_Integer)r->status);
  lua_setfield(L, -2, "status");
  binding_push(L, &r->head);
  lua_setfield(L, -2, "head");
  set_body(L, r, is_page);
  lua_pushstring(L, attempts_version_name(r->http_version));
  lua_setfield(L, -2, "http_version");
}


static void push_raw_error (lua_State *L, const response *r) {
  lua_createtable(L, 0, 6);
  lua_pushstring(L, attempts_kind_name(r->failure));
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, r->reason);
  lua_setfield(L, -2, "reason");
  if (r->failure == FAILURE_RATE_LIMITED) {
    lua_pushnumber(L, r->retry_after);
    lua_setfield(L, -2, "retry_after");
  }
}


static int l_ticket_close (lua_State *L) {
  ticket *self = check_ticket(L);
  transfer *t = self->transfer;
  self->transfer = NULL;
  if (t != NULL) {
    engine_cancel(t);
    engine_unwatch(t);
    transfer_release(t);
  }
  return 0;
}


static int l_ticket_gc (lua_State *L) {
  check_ticket(L)->finalized = true;
  return l_ticket_close(L);
}


/* Pushes the outcome of a transfer that is done. Returns the number of
** values. */
static int push_outcome (lua_State *L, transfer *t, bool is_page) {
  response *r = &t->response;
  bool answered = r->failure == FAILURE_NONE;
  if (answered)
    push_response(L, r, is_page);
  else {
    lua_pushnil(L);
    push_raw_error(L, r);
  }
  lua_pushboolean(L, t->maybe_sent);
  lua_setfield(L, -2, "maybe_sent");
  lua_pushnumber(L, r->elapsed);
  lua_setfield(L, -2, "elapsed");
  attempts_set(L, t);
  return answered ? 1 : 2;
}


/*
** ticket:result([is_page]) -> {status =, head =, body =, http_version =, ...} |
** nil, {kind =, reason =, retry_after =, ...}. Both have maybe_sent =, elapsed
** =, and mostly attempts = (see attempts_set). With 'is_page', a body that is
** not empty is 'bytes', a userdata. Closes the ticket.
*/
static int l_ticket_result (lua_State *L) {
  transfer *t = check_open_ticket(L);
  bool is_page = lua_toboolean(L, 2);
  int count;
  lua_settop(L, 1);
  if (!transfer_is_done(t))
    return luaL_error(L, "the ticket is not done");
  count = push_outcome(L, t, is_page);
  l_ticket_close(L);
  return count;
}


/*
** core.perform(settings, queue, method, url, body | form, repeatable, seconds,
** trace | nil, operation | nil) -> ticket | false and the values of
** ticket:result. Submits a request and waits for it; if it is done in time, no
** ticket is needed.
*/
static int l_perform (lua_State *L) {
  long ms = binding_ms(luaL_checknumber(L, 7));
  transfer *t;
  int count;
  no_thread(L);
  t = new_ticket(L); /* at index 10 */
  if (t == NULL)
    return binding_no_memory(L);
  t->serial = transfer_new_serial();
  engine_submit(t);
  engine_wait(t, ms);
  copy_hook(L);
  if (!transfer_is_done(t))
    return 1;
  lua_pushboolean(L, false);
  count = push_outcome(L, t, false);
  recycle_ticket(L, 10);
  return count + 1;
}


/* ticket:cancel(). Ends it at once, with kind "cancelled". */
static int l_ticket_cancel (lua_State *L) {
  transfer *t = check_ticket(L)->transfer;
  if (t != NULL)
    engine_cancel(t);
  return 0;
}


static int l_ticket_tostring (lua_State *L) {
  const transfer *t = check_ticket(L)->transfer;
  const char *state = "closed";
  if (t != NULL)
    state = transfer_is_done(t) ? "done" : "in progress";
  lua_pushfstring(L, TICKET " (%s)", state);
  return 1;
}


/* core.wait_any(seconds) -> list of the serials of announced transfers that
** ended */
static int l_wait_any (lua_State *L) {
  size_t count;
  const long *ended;
  no_thread(L);
  ended = engine_wait_any(binding_ms(luaL_checknumber(L, 1)), &count);
  copy_hook(L);
  binding_serials(L, ended, count);
  return 1;
}


/* core.pump(seconds). Runs the event loop for that time. */
static int l_pump (lua_State *L) {
  no_thread(L);
  engine_pump(binding_ms(luaL_checknumber(L, 1)));
  copy_hook(L);
  return 0;
}


/* core.clock() -> seconds of a monotonic clock */
static int l_clock (lua_State *L) {
  lua_pushnumber(L, clock_now());
  return 1;
}


/* core.time() -> seconds since 1970-01-01T00:00:00Z, with a fraction */
static int l_time (lua_State *L) {
  lua_pushnumber(L, clock_time());
  return 1;
}


/* core.pollfd() -> descriptor to watch | nil, seconds | nil. The seconds are
** the timeout after which to call core.pump in any case. */
static int l_pollfd (lua_State *L) {
  long ms = engine_timeout();
  int fd = engine_fd();
  if (fd >= 0)
    lua_pushinteger(L, fd);
  else
    lua_pushnil(L);
  if (ms >= 0)
    lua_pushnumber(L, (lua_Number)ms / 1000);
  else
    lua_pushnil(L);
  return 2;
}


/* core.loop_functions() -> light userdata, for what else loops run; see
** base/client_kind.h */
static int l_loop_functions (lua_State *L) {
  lua_pushlightuserdata(L, loop_clients_functions());
  return 1;
}


/* core.stats() -> number of queued requests, number of running ones */
static int l_stats (lua_State *L) {
  size_t queued, running;
  engine_stats(&queued, &running);
  lua_pushinteger(L, (lua_Integer)queued);
  lua_pushinteger(L, (lua_Integer)running);
  return 2;
}


void register_ticket (lua_State *L) {
  static const function class[] = {{"wait", l_ticket_wait},
                                   {"done", l_ticket_done},
                                   {"announce", l_ticket_announce},
                                   {"watch", l_ticket_watch},
                                   {"waits", l_ticket_waits},
                                   {"result", l_ticket_result},
                                   {"cancel", l_ticket_cancel},
                                   {"close", l_ticket_close},
                                   {"__gc", l_ticket_gc},
                                   {"__close", l_ticket_close},
                                   {"__tostring", l_ticket_tostring},
                                   {NULL, NULL}};
  static const function functions[] = {
      {"submit", l_submit}, {"perform", l_perform},
      {"track", l_track},   {"wait_any", l_wait_any},
      {"pump", l_pump},     {"clock", l_clock},
      {"time", l_time},     {"pollfd", l_pollfd},
      {"stats", l_stats},   {"loop_functions", l_loop_functions},
      {NULL, NULL}};
  binding_class(L, TICKET, class);
  binding_functions(L, functions);
}
