/*
** lua/l_metrics.c - core.metrics_start and the functions that count;
** core.metrics, which returns what was counted.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include <stdio.h>

#include "metrics/leases.h"
#include "metrics/totals.h"


static void check_on (lua_State *L) {
  if (!metrics_on())
    luaL_error(L, "the metrics are not started");
}


/* core.metrics_start() -> true | nil, message */
static int l_metrics_start (lua_State *L) {
  const char *why = NULL;
  if (!metrics_start(&why))
    return binding_refuse(L, why);
  lua_pushboolean(L, true);
  return 1;
}


/* core.metrics_started() -> boolean */
static int l_metrics_started (lua_State *L) {
  lua_pushboolean(L, metrics_on());
  return 1;
}


/* core.metrics_operation(id) -> number, for core.submit */
static int l_metrics_operation (lua_State *L) {
  size_t size;
  const char *id = luaL_checklstring(L, 1, &size);
  check_on(L);
  lua_pushinteger(L, metrics_operation(id, size));
  return 1;
}


/* core.metrics_series(key, is_gauge) -> number | nil: there is no room */
static int l_metrics_series (lua_State *L) {
  size_t size;
  const char *key = luaL_checklstring(L, 1, &size);
  int number;
  check_on(L);
  number = metrics_series(key, size, lua_toboolean(L, 2));
  if (number < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, number);
  return 1;
}


static int check_series (lua_State *L) {
  lua_Integer number = luaL_checkinteger(L, 1);
  check_on(L);
  if (number < 0 || number >= MAX_SERIES)
    return luaL_error(L, "no series has this number");
  return (int)number;
}


/* core.metrics_add(number, n) */
static int l_metrics_add (lua_State *L) {
  int number = check_series(L);
  lua_Number n = luaL_checknumber(L, 2);
  if (n >= 1 && n < 1e15)
    metrics_add(number, (uint64_t)n);
  return 0;
}


/* core.metrics_set(number, value) */
static int l_metrics_set (lua_State *L) {
  int number = check_series(L);
  metrics_set(number, luaL_checknumber(L, 2));
  return 0;
}


/* core.metrics_source(text) -> whether there is room. A scrape by any process
** finds it in core.metrics().sources, as long as this process lives. */
static int l_metrics_source (lua_State *L) {
  size_t size;
  const char *text = luaL_checklstring(L, 1, &size);
  check_on(L);
  lua_pushboolean(L, metrics_source(text, size));
  return 1;
}


static void set_number (lua_State *L, const char *name, uint64_t value) {
  lua_pushnumber(L, (lua_Number)value);
  lua_setfield(L, -2, name);
}


static const char *status_name (int number, char *text, size_t size) {
  static const char *const failures[] = {
      NULL, "timeout", "rate_limited", "transport", "cancelled", "closed"};
  int status = metrics_statuses[number];
  if (number == 0)
    return "other";
  if (status <= STATUS_CLOSED)
    return failures[status];
  (void)snprintf(text, size, "%d", status);
  return text;
}


static void set_statuses (lua_State *L, const operation_totals *sum) {
  char text[16];
  int i;
  lua_newtable(L);
  for (i = 0; i < STATUSES; i++)
    if (sum->statuses[i] != 0)
      set_number(L, status_name(i, text, sizeof(text)), sum->statuses[i]);
  lua_setfield(L, -2, "statuses");
}


static void set_attempts (lua_State *L, const operation_totals *sum) {
  static const char *const reasons[RETRY_REASONS] = {NULL,
                                                     "rate_limited",
                                                     "unavailable",
                                                     "server_error",
                                                     "request_timeout",
                                                     "misdirected",
                                                     "not_sent",
                                                     "timeout",
                                                     "connection_closed",
                                                     "connection_failed"};
  uint64_t all = sum->attempts[0];
  int i;
  lua_newtable(L);
  for (i = 1; i < RETRY_REASONS; i++) {
    all += sum->attempts[i];
    if (sum->attempts[i] != 0)
      set_number(L, reasons[i], sum->attempts[i]);
  }
  lua_setfield(L, -2, "retries");
  set_number(L, "attempts", all);
}


static void set_durations (lua_State *L, const operation_totals *sum) {
  int i;
  lua_createtable(L, BUCKETS, 0);
  for (i = 0; i < BUCKETS; i++) {
    lua_pushnumber(L, (lua_Number)sum->durations[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "durations");
  lua_pushnumber(L, sum->duration);
  lua_setfield(L, -2, "duration");
  lua_pushnumber(L, sum->waited);
  lua_setfield(L, -2, "waited");
}


/* Sets 'operations': those that were used, by number from 1 on. */
static void set_operations (lua_State *L) {
  bool end = false;
  int i, count = 0;
  lua_newtable(L);
  for (i = 0; !end; i++) {
    const shared_name *n = metrics_operation_name(i, &end);
    operation_totals sum;
    if (n == NULL)
      continue;
    metrics_sum_operation(i, &sum);
    lua_createtable(L, 0, 8);
    lua_pushstring(L, n->text);
    lua_setfield(L, -2, "id");
    set_number(L, "number", (uint64_t)i);
    set_statuses(L, &sum);
    set_attempts(L, &sum);
    set_durations(L, &sum);
    lua_rawseti(L, -2, ++count);
  }
  lua_setfield(L, -2, "operations");
}


/* Sets 'series': {key =, value =, is_gauge =}, .... */
static void set_series (lua_State *L) {
  bool end = false;
  int i, count = 0;
  lua_newtable(L);
  for (i = 0; !end; i++) {
    const shared_name *n = metrics_series_name(i, &end);
    if (n == NULL)
      continue;
    lua_createtable(L, 0, 3);
    lua_pushstring(L, n->text);
    lua_setfield(L, -2, "key");
    lua_pushboolean(L, n->kind != 0);
    lua_setfield(L, -2, "is_gauge");
    lua_pushnumber(L, n->kind != 0 ? metrics_gauge(i)
                                   : (lua_Number)metrics_sum_series(i));
    lua_setfield(L, -2, "value");
    lua_rawseti(L, -2, ++count);
  }
  lua_setfield(L, -2, "series");
}


static void set_numbers (lua_State *L, const char *field,
                         const char *const *names, const uint64_t *values,
                         int count) {
  int i;
  lua_createtable(L, 0, count);
  for (i = 0; i < count; i++)
    set_number(L, names[i], values[i]);
  lua_setfield(L, -2, field);
}


static void set_sources (lua_State *L, uint32_t sources) {
  int i, count = 0;
  lua_newtable(L);
  for (i = 0; i < MAX_SOURCES; i++) {
    const char *text = sources >> i & 1 ? metrics_source_text(i) : NULL;
    if (text == NULL)
      continue;
    lua_pushstring(L, text);
    lua_rawseti(L, -2, ++count);
  }
  lua_setfield(L, -2, "sources");
}


static void set_processes (lua_State *L) {
  static const char *const events[EVENTS] = {"tracked", "sent", "rejected",
                                             "failed", "refused"};
  static const char *const tables[TABLES] = {"operations", "series",  "limits",
                                             "processes",  "sources", "files"};
  process_totals sum;
  metrics_sum_processes(&sum);
  set_numbers(L, "events", events, sum.events, EVENTS);
  set_numbers(L, "refused", tables, sum.refused, TABLES);
  set_number(L, "sent", sum.sent);
  set_number(L, "received", sum.received);
  set_number(L, "processes", (uint64_t)sum.processes);
  lua_pushnumber(L, (lua_Number)sum.gauges[GAUGE_QUEUED]);
  lua_setfield(L, -2, "queued");
  lua_pushnumber(L, (lua_Number)sum.gauges[GAUGE_RUNNING]);
  lua_setfield(L, -2, "running");
  lua_pushnumber(L, (lua_Number)sum.gauges[GAUGE_CONNECTIONS]);
  lua_setfield(L, -2, "connections");
  set_sources(L, sum.sources);
}


/* Sets 'limits': {operation = its number, file =, key =, second =, minute =,
** day =}, ...; each but 'file' as budget:usage takes it. */
static void set_limits (lua_State *L) {
  static const char *const windows[LIMIT_WINDOWS] = {"second", "minute", "day"};
  metrics_limit limit;
  bool end = false;
  int i, j, count = 0;
  lua_newtable(L);
  for (i = 0; !end; i++) {
    if (!metrics_get_limit(i, &limit, &end))
      continue;
    lua_createtable(L, 0, 6);
    set_number(L, "operation", (uint64_t)limit.operation);
    lua_pushstring(L, limit.file >= 0 ? metrics_file_path(limit.file) : NULL);
    lua_setfield(L, -2, "file");
    lua_pushlstring(L, (const char *)&limit.key, sizeof(limit.key));
    lua_setfield(L, -2, "key");
    for (j = 0; j < LIMIT_WINDOWS; j++)
      set_number(L, windows[j], limit.limit[j]);
    lua_rawseti(L, -2, ++count);
  }
  lua_setfield(L, -2, "limits");
}


static void set_leases (lua_State *L) {
  static const char *const names[LEASE_COUNTS] = {
      "sources",  "replied", "timeout", "failed", "granted",
      "returned", "waits",   "wait_ms", "away_ms"};
  lease_totals sum;
  metrics_sum_leases(&sum);
  if (!sum.is_used)
    return;
  set_numbers(L, "leases", names, sum.counts, LEASE_COUNTS);
  lua_getfield(L, -1, "leases");
  lua_pushboolean(L, sum.is_away);
  lua_setfield(L, -2, "is_away");
  set_number(L, "hosts", sum.hosts);
  lua_pop(L, 1);
}


/*
** core.metrics() -> {operations =, series =, sources =, limits =, events =,
** refused =, queued =, running =, connections =, processes =, sent =, received
** =, leases = (only if machines share limits)}: what was counted in all
** processes that share the memory.
*/
static int l_metrics (lua_State *L) {
  check_on(L);
  lua_createtable(L, 0, 13);
  set_operations(L);
  set_series(L);
  set_limits(L);
  set_processes(L);
  set_leases(L);
  return 1;
}


void register_metrics (lua_State *L) {
  static const function functions[] = {
      {"metrics", l_metrics},
      {"metrics_start", l_metrics_start},
      {"metrics_started", l_metrics_started},
      {"metrics_operation", l_metrics_operation},
      {"metrics_series", l_metrics_series},
      {"metrics_add", l_metrics_add},
      {"metrics_set", l_metrics_set},
      {"metrics_source", l_metrics_source},
      {NULL, NULL}};
  int i;
  binding_functions(L, functions);
  lua_createtable(L, BUCKETS, 0);
  for (i = 0; i < BUCKETS - 1; i++) {
    lua_pushnumber(L, metrics_bounds[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "metrics_bounds");
}
