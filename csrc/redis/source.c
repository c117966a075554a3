/*
** redis/source.c - shares the limits of budgets through Redis.
**
** A process has a list of the buckets whose leases need an exchange, and when.
** Any of its loops may make it; the lease notes, in the file, that one process
** does.
**
** Lock order: the lock of the budgets, then that of the source. A client holds
** neither while it calls the core. A forked child drops what its parent does.
*/
#include "redis/source.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "redis/exchange.h"

#define MAX_KINDS 16 /* of problems */
#define PROBLEM_SIZE 200
#define LOOK_MS 100 /* later than this, a request did not wait any more */

/* A bucket whose lease needs an exchange. */
typedef struct entry {
  struct budget *budget; /* a reference */
  bucket bucket;
  int64_t due; /* in clock_ms time; CLOCK_NEVER: it needs none any more */
  bool busy;   /* a client makes it */
  int64_t waits_since; /* a request for a reply; 0: none does */
  int64_t looked_at;   /* when it last looked for a token */
} entry;

struct source {
  lease_source functions; /* first */
  const lease_core *core;
  redis_address address;
  const char *script;
  const char *host;
  struct source *next;
  pthread_mutex_t lock; /* protects all fields below */
  entry *entries;
  int count, room;
  int waiting; /* entries that a request waits for; atomic */
  struct client *clients;
  int64_t away_since; /* 0: it is not */
  source_stats stats;
  char problem[PROBLEM_SIZE];
  uint64_t kinds[MAX_KINDS]; /* hashes of the problems that were counted */
  int kind_count;
};

typedef struct client {
  source *source;
  void *loop;
  pthread_t thread;
  exchanges *exchanges;
  int fd; /* that is watched; -1: none */
  bool output;
  struct client *next;
} client;

static source *sources = NULL;


static void in_child (void) {
  source *s;
  for (s = sources; s != NULL; s = s->next) {
    pthread_mutex_init(&s->lock, NULL);
    s->entries = NULL;
    s->count = s->room = s->waiting = 0;
    s->clients = NULL;
  }
}


static void watch_forks (void) {
  pthread_atfork(NULL, NULL, in_child);
}


/* {======================================================
** Entries
** ======================================================= */

static entry *find (source *s, const struct budget *b, uint64_t key) {
  int i;
  for (i = 0; i < s->count; i++)
    if (s->entries[i].budget == b && s->entries[i].bucket.key == key)
      return &s->entries[i];
  return NULL;
}


/* Without memory the exchange is made when the bucket is next used. */
static entry *append (source *s, struct budget *b, const bucket *one) {
  entry *e;
  if (s->count == s->room) {
    int room = s->room * 2 + 16;
    entry *more = realloc(s->entries, (size_t)room * sizeof(*more));
    if (more == NULL)
      return NULL;
    s->entries = more;
    s->room = room;
  }
  e = &s->entries[s->count++];
  memset(e, 0, sizeof(*e));
  e->budget = s->core->share(b);
  e->bucket = *one;
  e->due = CLOCK_NEVER;
  return e;
}


/* Wakes the loops of other threads. */
static void wake (const source *s) {
  const client *c;
  for (c = s->clients; c != NULL; c = c->next)
    if (!pthread_equal(c->thread, pthread_self()))
      s->core->wake(c->loop);
}


/* Notes when the lease of a bucket needs an exchange. The budget is locked. */
static void note_due (source *s, struct budget *b, const bucket *one,
                      const lease *l, int64_t now) {
  int64_t due = lease_due(l, now), at = CLOCK_NEVER;
  entry *e;
  if (due != LEASE_NEVER)
    at = clock_ms() + (due > now ? due - now : 0);
  pthread_mutex_lock(&s->lock);
  e = find(s, b, one->key);
  if (e == NULL && at != CLOCK_NEVER)
    e = append(s, b, one);
  if (e != NULL) {
    if (at < e->due)
      wake(s);
    e->due = at;
  }
  pthread_mutex_unlock(&s->lock);
}

/* Ends the wait of a request, which may have been cancelled before. */
static void end_wait (source *s, entry *e, int64_t now) {
  int64_t end = now - e->looked_at <= LOOK_MS ? now : e->looked_at;
  if (e->waits_since == 0)
    return;
  s->core->count(LEASES_WAIT_MS, (uint64_t)(end - e->waits_since));
  e->waits_since = 0;
  __atomic_sub_fetch(&s->waiting, 1, __ATOMIC_RELAXED);
}


/* Notes whether a request waits for a reply of Redis. */
static void note_wait (source *s, const struct budget *b, const bucket *one,
                       bool waits) {
  entry *e;
  if (!waits && __atomic_load_n(&s->waiting, __ATOMIC_RELAXED) == 0)
    return;
  pthread_mutex_lock(&s->lock);
  e = find(s, b, one->key);
  if (e != NULL && !waits)
    end_wait(s, e, clock_ms());
  else if (e != NULL) {
    e->looked_at = clock_ms();
    if (e->waits_since == 0) {
      e->waits_since = e->looked_at;
      __atomic_add_fetch(&s->waiting, 1, __ATOMIC_RELAXED);
      s->stats.waits++;
      s->core->count(LEASES_WAITS, 1);
    }
  }
  pthread_mutex_unlock(&s->lock);
}

/* }====================================================== */


/* {======================================================
** What the budget calls
** ======================================================= */

static lease *lease_of (const lease_records *r, int64_t now) {
  lease *l = (lease *)(void *)r->lease;
  lease_check(l, now);
  return l;
}


static int64_t take (lease_source *self, struct budget *b, const bucket *list,
                     lease_records *records, int n, int64_t now) {
  source *s = (source *)(void *)self;
  int64_t wait = 0;
  int i;
  for (i = 0; i < n; i++) {
    lease *l = lease_of(&records[i], now);
    int64_t one = lease_wait(l, records[i].usage, &list[i], now);
    if (one > wait)
      wait = one;
  }
  for (i = 0; i < n && wait == 0; i++)
    lease_take((lease *)(void *)records[i].lease, records[i].usage, &list[i],
               now);
  for (i = 0; i < n; i++) {
    const lease *l = (lease *)(void *)records[i].lease;
    note_due(s, b, &list[i], l, now);
    note_wait(s, b, &list[i], wait > 0 && lease_waits_for_reply(l, now));
  }
  return wait;
}


static void move (lease_source *self, struct budget *b, const bucket *one,
                  lease_records *r, int64_t then, int64_t now) {
  lease *l = lease_of(r, now);
  lease_move(l, then, now);
  note_due((source *)(void *)self, b, one, l, now);
}


static void block (lease_source *self, struct budget *b, const bucket *one,
                   lease_records *r, int64_t ms, int64_t now) {
  lease *l = lease_of(r, now);
  lease_block(l, now, ms);
  note_due((source *)(void *)self, b, one, l, now);
}


static rate_limit learn (lease_source *self, const bucket *one,
                         lease_records *r, const rate_limit *limit,
                         int64_t now) {
  (void)self;
  (void)one;
  lease_learn(lease_of(r, now), limit, now);
  return lease_limits(limit);
}


static void attach (lease_source *self, const lease_core *core) {
  ((source *)(void *)self)->core = core;
  core->count(LEASES_SOURCES, 1);
}

/* }====================================================== */


/* {======================================================
** What exchanges call
** ======================================================= */

typedef struct visit {
  source *source;
  exchange *exchange;
  const int64_t *reply; /* NULL: none */
  bool done;
  bool is_away; /* whether the host is, after it */
} visit;


static void ask (void *arg, const bucket *one, lease_records *r, int64_t now) {
  visit *v = arg;
  lease *l = lease_of(r, now);
  exchange *x = v->exchange;
  uint32_t tokens = l->tokens;
  if (lease_due(l, now) <= now) {
    x->asked = now;
    v->done = lease_ask(l, r->usage, one, now, &x->arguments);
  }
  if (v->done && l->tokens < tokens)
    v->source->core->count(LEASES_RETURNED, tokens - l->tokens);
  note_due(v->source, x->budget, one, l, now);
}


static void answer (void *arg, const bucket *one, lease_records *r,
                    int64_t now) {
  visit *v = arg;
  lease *l = lease_of(r, now);
  const exchange *x = v->exchange;
  if (v->reply != NULL)
    lease_answer(l, r->usage, one, v->reply, x->asked, now, x->late);
  else
    lease_fail(l, r->usage, one, x->asked, now);
  v->is_away = l->away != 0;
  note_due(v->source, x->budget, one, l, now);
}


/* Notes whether this process goes on without Redis. */
static void set_away (source *s, bool is_away) {
  if (is_away || s->away_since != 0)
    s->core->note_away(is_away);
  if (is_away && s->away_since == 0)
    s->away_since = clock_ms();
  else if (!is_away && s->away_since != 0) {
    s->stats.away_ms += clock_ms() - s->away_since;
    s->away_since = 0;
  }
}


static void count_exchange (source *s, const exchange *x,
                            const int64_t *reply) {
  if (reply == NULL) {
    s->stats.failures++;
    s->core->count(x->timed_out ? LEASES_TIMEOUT : LEASES_FAILED, 1);
    return;
  }
  if (!x->late) {
    s->stats.exchanges++;
    s->core->count(LEASES_REPLIED, 1);
  }
  if (reply[2] > 0) {
    s->stats.tokens += (uint64_t)reply[2];
    s->core->count(LEASES_GRANTED, (uint64_t)reply[2]);
  }
  if (reply[4] > 0)
    s->core->note_hosts((uint32_t)reply[4]);
}


static void deliver (void *self, exchange *x, const int64_t *reply) {
  source *s = ((client *)self)->source;
  visit v = {s, x, reply, false, reply == NULL};
  s->core->visit(x->budget, &x->bucket, answer, &v);
  pthread_mutex_lock(&s->lock);
  count_exchange(s, x, reply);
  set_away(s, v.is_away);
  pthread_mutex_unlock(&s->lock);
}


/* The exchange releases its reference to the budget here. */
static void finish (void *self, exchange *x) {
  source *s = ((client *)self)->source;
  entry *e;
  pthread_mutex_lock(&s->lock);
  e = find(s, x->budget, x->bucket.key);
  if (e != NULL)
    e->busy = false;
  pthread_mutex_unlock(&s->lock);
  s->core->release(x->budget);
}


static uint64_t kind_of (const char *text) {
  size_t size = strcspn(text, " ");
  size_t i;
  for (i = 0; i < size; i++) /* the code of an error of Redis */
    if (text[i] < 'A' || text[i] > 'Z')
      size = strlen(text);
  return bytes_hash(text, size);
}


static void report (void *self, const char *text) {
  source *s = ((client *)self)->source;
  uint64_t kind = kind_of(text);
  bool known = false;
  int i;
  pthread_mutex_lock(&s->lock);
  for (i = 0; i < s->kind_count; i++)
    known = known || s->kinds[i] == kind;
  if (!known && s->kind_count < MAX_KINDS) {
    s->kinds[s->kind_count++] = kind;
    (void)snprintf(s->problem, sizeof(s->problem), "%s", text);
  }
  else
    known = true;
  pthread_mutex_unlock(&s->lock);
  if (!known)
    s->core->count_problem();
}


void source_problem (source *s, char *text, size_t size) {
  pthread_mutex_lock(&s->lock);
  (void)snprintf(text, size, "%s", s->problem);
  pthread_mutex_unlock(&s->lock);
}


void source_get_stats (source *s, source_stats *stats) {
  pthread_mutex_lock(&s->lock);
  *stats = s->stats;
  if (s->away_since != 0)
    stats->away_ms += clock_ms() - s->away_since;
  pthread_mutex_unlock(&s->lock);
}

/* }====================================================== */


/* {======================================================
** Clients
** ======================================================= */

static void *client_open (client_kind *self, void *loop) {
  source *s = (source *)(void *)self;
  static const exchange_calls calls = {deliver, finish, report};
  client *c = calloc(1, sizeof(*c));
  if (c == NULL)
    return NULL;
  c->exchanges = exchanges_new(&s->address, s->script, s->host, &calls, c);
  if (c->exchanges == NULL) {
    free(c);
    return NULL;
  }
  c->source = s;
  c->loop = loop;
  c->fd = -1;
  c->thread = pthread_self();
  pthread_mutex_lock(&s->lock);
  c->next = s->clients;
  s->clients = c;
  pthread_mutex_unlock(&s->lock);
  return c;
}


static void client_close (void *self) {
  client *c = self, **at;
  source *s = c->source;
  exchanges_free(c->exchanges);
  pthread_mutex_lock(&s->lock);
  for (at = &s->clients; *at != NULL; at = &(*at)->next)
    if (*at == c) {
      *at = c->next;
      break;
    }
  pthread_mutex_unlock(&s->lock);
  free(c);
}


/* Takes an entry that is due from the list, or one that is not needed any more
** with '*over'. Returns false if there is none; '*next' is then when the next
** one is due. */
static bool take_due (source *s, int64_t now, entry *one, bool *over,
                      int64_t *next) {
  bool found = false;
  int i;
  *next = CLOCK_NEVER;
  pthread_mutex_lock(&s->lock);
  for (i = 0; i < s->count && !found; i++) {
    entry *e = &s->entries[i];
    if (e->busy)
      continue;
    *over = e->due == CLOCK_NEVER;
    if (*over || e->due <= now) {
      found = true;
      *one = *e;
      if (*over) {
        end_wait(s, e, clock_ms());
        *e = s->entries[--s->count];
      }
      else
        e->busy = true;
    }
    else if (e->due < *next)
      *next = e->due;
  }
  pthread_mutex_unlock(&s->lock);
  return found;
}


static void begin (client *c, const entry *one) {
  source *s = c->source;
  exchange x;
  visit v = {s, &x, NULL, false, false};
  memset(&x, 0, sizeof(x));
  x.budget = s->core->share(one->budget);
  x.bucket = one->bucket;
  s->core->visit(x.budget, &x.bucket, ask, &v);
  if (!v.done || !exchanges_begin(c->exchanges, &x)) {
    buffer_free(&x.arguments);
    finish(c, &x);
  }
}


static void set_watch (client *c) {
  bool output;
  int fd = exchanges_socket(c->exchanges, &output);
  if (fd == c->fd && (fd < 0 || output == c->output))
    return;
  if (c->fd >= 0 && c->fd != fd)
    c->source->core->unwatch(c->loop, c->fd);
  if (fd >= 0)
    c->source->core->watch(c->loop, fd, true, output);
  c->fd = fd;
  c->output = output;
}


static int64_t client_run (void *self, bool ready, int64_t now) {
  client *c = self;
  source *s = c->source;
  int64_t next = CLOCK_NEVER, other;
  entry one;
  bool over;
  exchanges_run(c->exchanges, ready, now);
  while (exchanges_have_room(c->exchanges) &&
         take_due(s, now, &one, &over, &next)) {
    if (over)
      s->core->release(one.budget);
    else
      begin(c, &one);
  }
  exchanges_send(c->exchanges, now);
  set_watch(c);
  other = exchanges_due(c->exchanges, now);
  return other < next ? other : next;
}

/* }====================================================== */


source *source_new (const redis_address *address, const char *script,
                    const char *host) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
  source *s = calloc(1, sizeof(*s));
  if (s == NULL)
    return NULL;
  pthread_once(&once, watch_forks);
  s->functions.version = LEASE_SOURCE_VERSION;
  s->functions.layout = LEASE_LAYOUT;
  s->functions.attach = attach;
  s->functions.take = take;
  s->functions.move = move;
  s->functions.block = block;
  s->functions.learn = learn;
  s->functions.clients.open = client_open;
  s->functions.clients.run = client_run;
  s->functions.clients.close = client_close;
  s->address = *address;
  s->script = script;
  s->host = host;
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_lock(&list_lock);
  s->next = sources;
  sources = s;
  pthread_mutex_unlock(&list_lock);
  return s;
}


lease_source *source_lease_source (source *s) {
  return &s->functions;
}
