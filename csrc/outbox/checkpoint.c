/*
** outbox/checkpoint.c - a thread that waits for the disk instead of the writer.
**
** No thread may be inside SQLite during a fork: its mutexes would stay locked
** in the child. So all such threads work under one mutex, which a fork takes.
*/
#include "outbox/checkpoint.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include <sqlite3.h>

struct checkpointer {
  char *name;
  const char *vfs;
  pthread_t thread;
  bool is_running;      /* has a thread; known to its owner alone */
  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t wake;
  bool is_busy;
  bool is_over;
};

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;


static void before_fork (void) {
  pthread_mutex_lock(&guard);
}


static void after_fork (void) {
  pthread_mutex_unlock(&guard);
}


static void watch_forks (void) {
  pthread_atfork(before_fork, after_fork, after_fork);
}


/* A checkpoint that fails is requested again soon, so errors are ignored. */
static sqlite3 *work (sqlite3 *db, const checkpointer *c) {
  pthread_mutex_lock(&guard);
  if (db == NULL &&
      sqlite3_open_v2(c->name, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                      c->vfs) != SQLITE_OK) {
    sqlite3_close(db);
    db = NULL;
  }
  if (db != NULL) {
    sqlite3_exec(db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  }
  pthread_mutex_unlock(&guard);
  return db;
}


static void *run (void *of) {
  checkpointer *c = of;
  sqlite3 *db = NULL;
  pthread_mutex_lock(&c->lock);
  while (!c->is_over) {
    if (!c->is_busy) {
      pthread_cond_wait(&c->wake, &c->lock);
      continue;
    }
    pthread_mutex_unlock(&c->lock);
    db = work(db, c);
    pthread_mutex_lock(&c->lock);
    c->is_busy = false;
  }
  pthread_mutex_unlock(&c->lock);
  pthread_mutex_lock(&guard);
  sqlite3_close(db);
  pthread_mutex_unlock(&guard);
  return NULL;
}


/* Blocks all signals in the thread: they belong to the host program. */
static bool start (checkpointer *c) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  sigset_t all, former;
  pthread_once(&once, watch_forks);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &former);
  c->is_running = pthread_create(&c->thread, NULL, run, c) == 0;
  pthread_sigmask(SIG_SETMASK, &former, NULL);
  return c->is_running;
}


checkpointer *checkpointer_new (const char *path, const char *vfs) {
  checkpointer *c = calloc(1, sizeof(*c));
  if (c == NULL)
    return NULL;
  c->vfs = vfs;
  c->name = sqlite3_mprintf("%s.db", path);
  if (c->name == NULL) {
    free(c);
    return NULL;
  }
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->wake, NULL);
  return c;
}


bool checkpointer_is_busy (checkpointer *c) {
  bool is_busy;
  if (c == NULL || !c->is_running)
    return false;
  pthread_mutex_lock(&c->lock);
  is_busy = c->is_busy;
  pthread_mutex_unlock(&c->lock);
  return is_busy;
}


bool checkpointer_ask (checkpointer *c) {
  if (c == NULL || (!c->is_running && !start(c)))
    return false;
  pthread_mutex_lock(&c->lock);
  c->is_busy = true;
  pthread_cond_signal(&c->wake);
  pthread_mutex_unlock(&c->lock);
  return true;
}


void checkpointer_rest (checkpointer *c) {
  if (c == NULL || !c->is_running)
    return;
  pthread_mutex_lock(&c->lock);
  c->is_over = true;
  pthread_cond_signal(&c->wake);
  pthread_mutex_unlock(&c->lock);
  pthread_join(c->thread, NULL);
  c->is_over = c->is_busy = c->is_running = false;
}


void checkpointer_free (checkpointer *c) {
  if (c == NULL)
    return;
  checkpointer_rest(c);
  pthread_mutex_destroy(&c->lock);
  pthread_cond_destroy(&c->wake);
  sqlite3_free(c->name);
  free(c);
}
