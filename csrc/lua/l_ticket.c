/*
** lua/l_ticket.c - core.submit, the ticket that it gives, and waiting.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include "base/clock.h"
#include "http/engine.h"
#include "http/completion_queue.h"

#define TICKET "klaviyo.ticket"


typedef struct ticket {
  transfer *transfer; /* NULL: it is closed */
  bool finalized;     /* by a state that closes, which may still call */
} ticket;


static ticket *check_ticket (lua_State *L) {
  return luaL_checkudata(L, 1, TICKET);
}


static transfer *open_ticket_at (lua_State *L) {
  transfer *t = check_ticket(L)->transfer;
  if (t == NULL)
    luaL_error(L, "the ticket is closed");
  if (engine_is_foreign(t))
    luaL_error(L, "this Lua state is another thread's: each thread needs its "
                  "own");
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


/* Names of transfers, in all threads. */
static long new_serial (void) {
  static long last = 0;
  return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}


/* A closed ticket on the top: the one that was left with this function, which
** nobody else has, or a new one. */
static ticket *spare_ticket (lua_State *L) {
  const ticket *left = lua_touserdata(L, lua_upvalueindex(1));
  if (left == NULL || left->finalized)
    return binding_new(L, TICKET, sizeof(ticket));
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushnil(L);
  lua_replace(L, lua_upvalueindex(1));
  return lua_touserdata(L, -1);
}


/* Closes a ticket that nobody was given, and leaves it for the next. */
static void leave_ticket (lua_State *L, int index) {
  ticket *self = lua_touserdata(L, index);
  transfer *t = self->transfer;
  self->transfer = NULL;
  transfer_release(t);
  lua_pushvalue(L, index);
  lua_replace(L, lua_upvalueindex(1));
}


/* A request from the arguments 1 to 6, with its ticket on the top; NULL when
** memory is out. */
static transfer *new_ticket (lua_State *L) {
  settings *s = check_settings(L, 1);
  request_queue *l = check_request_queue(L, 2);
  const char *method = luaL_checkstring(L, 3);
  const char *url = luaL_checkstring(L, 4);
  size_t size = 0;
  bool is_form = lua_istable(L, 5);
  const char *body = is_form ? NULL : luaL_optlstring(L, 5, NULL, &size);
  ticket *self = spare_ticket(L);
  transfer *t = self->transfer = transfer_new(s, l, method, url, body, size);
  if (t == NULL)
    return NULL;
  if (is_form)
    add_form(L, &t->request, 5);
  t->repeatable = lua_toboolean(L, 6);
  return t;
}


/*
** core.submit(settings, lane, method, url, body | form, repeatable,
** port | nil) -> ticket
*/
static int submit (lua_State *L) {
  completion_queue *p = opt_completion_queue(L, 7);
  transfer *t;
  if (p == NULL && engine_has_thread())
    return luaL_error(L, "the engine has a thread: name a port");
  t = new_ticket(L);
  if (t == NULL)
    return binding_no_memory(L);
  t->serial = new_serial();
  if (p != NULL)
    t->completion_queue = completion_queue_share(p);
  engine_submit(t);
  return 1;
}


/*
** core.track(settings, lane, method, url, body | form, repeatable, most)
** -> true | nil, "full". Nobody waits for it; 'most' are how many of such
** there may be.
*/
static int track (lua_State *L) {
  lua_Number most = luaL_checknumber(L, 7);
  transfer *t = new_ticket(L);
  bool room;
  if (t == NULL)
    return binding_no_memory(L);
  room = engine_track(t, most > 0 ? (size_t)most : 0);
  leave_ticket(L, lua_gettop(L));
  if (!room)
    return binding_refuse(L, "full");
  lua_pushboolean(L, true);
  return 1;
}


static void no_thread (lua_State *L) {
  if (engine_has_thread())
    luaL_error(L, "the engine has a thread: wait by a port");
}


/* The standalone interpreter of Lua 5.4 asks for a stop by a hook on the
** main thread alone, where a coroutine would never see it. */
static void copy_hook (lua_State *L) {
#if defined(LUA_RIDX_MAINTHREAD)
  lua_State *main;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  main = lua_tothread(L, -1);
  lua_pop(L, 1);
  if (main != NULL && main != L && lua_gethook(main) != NULL &&
      lua_gethook(L) == NULL)
    lua_sethook(L, lua_gethook(main), lua_gethookmask(main),
                lua_gethookcount(main));
#else
  (void)L;
#endif
}


/*
** ticket:wait(seconds) -> done. It gives way to Lua when the time is over,
** so that a signal's hook may run: ask for short waits.
*/
static int ticket_wait (lua_State *L) {
  transfer *t = open_ticket_at(L);
  bool done;
  no_thread(L);
  done = engine_wait(t, binding_ms(luaL_checknumber(L, 2)));
  copy_hook(L);
  lua_pushboolean(L, done);
  return 1;
}


/* ticket:done(): without working on anything. */
static int ticket_done (lua_State *L) {
  lua_pushboolean(L, transfer_is_done(open_ticket_at(L)));
  return 1;
}


/* ticket:waits() -> seconds, "rate_limit" | "retry_after" | "backoff"; nothing
** when it does not wait for a time. */
static int ticket_waits (lua_State *L) {
  static const char *const names[] = {NULL, "rate_limit", "retry_after",
                                      "backoff"};
  wait_reason reason;
  int64_t ms = transfer_wait(open_ticket_at(L), clock_ms(), &reason);
  if (ms == 0)
    return 0;
  lua_pushnumber(L, (lua_Number)ms / 1000);
  lua_pushstring(L, names[reason]);
  return 2;
}


/* ticket:watch(): its end makes core.pollfd's descriptor readable, until it is
** taken. */
static int ticket_watch (lua_State *L) {
  engine_watch(open_ticket_at(L));
  return 0;
}


/* ticket:announce() -> the serial by which core.wait_any will name it, once. */
static int ticket_announce (lua_State *L) {
  transfer *t = open_ticket_at(L);
  engine_announce(t);
  lua_pushinteger(L, (lua_Integer)t->serial);
  return 1;
}


static const char *kind_name (failure kind) {
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


static const char *version_name (long version) {
  switch (version) {
    case CURL_HTTP_VERSION_1_0: return "1.0";
    case CURL_HTTP_VERSION_2_0: return "2";
    case CURL_HTTP_VERSION_3: return "3";
    default: return "1.1";
  }
}


/* The attempts, where they are not the usual one. */
static void set_attempts (lua_State *L, const transfer *t) {
  int i;
  if (t->attempt_count == 1)
    return;
  lua_createtable(L, t->attempt_count, 0);
  for (i = 0; i < t->attempt_count; i++) {
    const attempt *one = &t->attempts[i];
    lua_createtable(L, 0, 3);
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
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "attempts");
}


static void push_response (lua_State *L, const response *r) {
  lua_createtable(L, 0, 8);
  lua_pushinteger(L, (lua_Integer)r->status);
  lua_setfield(L, -2, "status");
  binding_push(L, &r->head);
  lua_setfield(L, -2, "head");
  binding_push(L, &r->body);
  lua_setfield(L, -2, "body");
  lua_pushstring(L, version_name(r->http_version));
  lua_setfield(L, -2, "http_version");
}


static void push_raw_error (lua_State *L, const response *r) {
  lua_createtable(L, 0, 6);
  lua_pushstring(L, kind_name(r->failure));
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, r->reason);
  lua_setfield(L, -2, "reason");
  if (r->failure == FAILURE_RATE_LIMITED) {
    lua_pushnumber(L, r->retry_after);
    lua_setfield(L, -2, "retry_after");
  }
}


static int ticket_close (lua_State *L) {
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


static int ticket_free (lua_State *L) {
  check_ticket(L)->finalized = true;
  return ticket_close(L);
}


/* The outcome of one that is done; how many values that is. */
static int push_outcome (lua_State *L, const transfer *t) {
  const response *r = &t->response;
  bool answered = r->failure == FAILURE_NONE;
  if (answered)
    push_response(L, r);
  else {
    lua_pushnil(L);
    push_raw_error(L, r);
  }
  lua_pushboolean(L, t->maybe_sent);
  lua_setfield(L, -2, "maybe_sent");
  lua_pushnumber(L, r->elapsed);
  lua_setfield(L, -2, "elapsed");
  set_attempts(L, t);
  return answered ? 1 : 2;
}


/*
** ticket:result() -> {status =, head =, body =, http_version =, ...}
** | nil, {kind =, reason =, retry_after =, ...}; both with maybe_sent =,
** elapsed =, and attempts = where there were none or several. Once: it closes
** the ticket.
*/
static int ticket_result (lua_State *L) {
  const transfer *t = open_ticket_at(L);
  int count;
  lua_settop(L, 1);
  if (!transfer_is_done(t))
    return luaL_error(L, "the ticket is not done");
  count = push_outcome(L, t);
  ticket_close(L);
  return count;
}


/*
** core.perform(settings, lane, method, url, body | form, repeatable, seconds)
** -> ticket | false, and what take gives of it. Submits it and waits for so
** long; where it is done by then, it needs no ticket.
*/
static int perform (lua_State *L) {
  long ms = binding_ms(luaL_checknumber(L, 7));
  transfer *t;
  int count;
  no_thread(L);
  lua_settop(L, 7);
  t = new_ticket(L); /* slot 8 */
  if (t == NULL)
    return binding_no_memory(L);
  t->serial = new_serial();
  engine_submit(t);
  engine_wait(t, ms);
  copy_hook(L);
  if (!transfer_is_done(t))
    return 1;
  lua_pushboolean(L, false);
  count = push_outcome(L, t);
  leave_ticket(L, 8);
  return count + 1;
}


/* ticket:cancel(): done at once, with kind "cancelled". */
static int ticket_cancel (lua_State *L) {
  transfer *t = check_ticket(L)->transfer;
  if (t != NULL)
    engine_cancel(t);
  return 0;
}


static int ticket_text (lua_State *L) {
  const transfer *t = check_ticket(L)->transfer;
  const char *state = "closed";
  if (t != NULL)
    state = transfer_is_done(t) ? "done" : "under way";
  lua_pushfstring(L, TICKET " (%s)", state);
  return 1;
}


/* core.wait_any(seconds) -> the serials of announced transfers that ended. */
static int wait_any (lua_State *L) {
  size_t count;
  const long *ended;
  no_thread(L);
  ended = engine_wait_any(binding_ms(luaL_checknumber(L, 1)), &count);
  copy_hook(L);
  binding_serials(L, ended, count);
  return 1;
}


/* core.pump(seconds): works on all transfers for so long. */
static int pump (lua_State *L) {
  no_thread(L);
  engine_pump(binding_ms(luaL_checknumber(L, 1)));
  copy_hook(L);
  return 0;
}


/* core.clock() -> seconds of a clock that is never set. */
static int read_clock (lua_State *L) {
  lua_pushnumber(L, clock_now());
  return 1;
}


/* core.pollfd() -> a descriptor for another loop to watch (nil: there is
** none), and for how many seconds at most (nil: as long as it likes). */
static int pollfd (lua_State *L) {
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


/* core.stats() -> how many requests wait, how many are under way */
static int stats (lua_State *L) {
  size_t queued, running;
  engine_stats(&queued, &running);
  lua_pushinteger(L, (lua_Integer)queued);
  lua_pushinteger(L, (lua_Integer)running);
  return 2;
}


void register_ticket (lua_State *L) {
  static const function class[] = {
      {"wait", ticket_wait},         {"done", ticket_done},
      {"announce", ticket_announce}, {"watch", ticket_watch},
      {"waits", ticket_waits},       {"result", ticket_result},
      {"cancel", ticket_cancel},     {"close", ticket_close},
      {"__gc", ticket_free},         {"__close", ticket_close},
      {"__tostring", ticket_text},   {NULL, NULL}};
  static const function functions[] = {
      {"submit", submit},     {"perform", perform}, {"track", track},
      {"wait_any", wait_any}, {"pump", pump},       {"clock", read_clock},
      {"pollfd", pollfd},     {"stats", stats},     {NULL, NULL}};
  binding_class(L, TICKET, class);
  binding_functions(L, functions);
}
