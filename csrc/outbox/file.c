/*
** outbox/file.c - the file of one slot: opens, creates or quarantines it.
*/
#include "outbox/inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND 0x4b6c766f /* "Klvo" */
#define MAX_PAGES 4294967294LL
#define FEWEST_PAGES 16

/* One process holds the slot, so it may lock the file exclusively: SQLite then
** locks within the process, and an event costs four system calls less. */
#define VFS "unix-excl"

/* Another thread copies the log into the database, and waits for the disk: each
** time the log has grown by LOG_PAGES. A writer without a pause never lets it
** reach the end of the log, which then grows: beyond MAX_LOG_PAGES the writer
** copies it itself, and waits. */
#define LOG_PAGES 1000
#define MAX_LOG_PAGES 16000

/* A file up to this size is checked before it is used; in a larger file, damage
** is found when it is read. */
#define CHECKED_PAGES (64LL * 1024 * 1024 / STORE_PAGE_SIZE)

static const char *const texts[STATEMENTS] = {
    "INSERT INTO event (unique_id, revision, time, payload) VALUES (?, ?, ?, "
    "?)",
    "SELECT id, unique_id, revision, payload, time FROM event"
    " WHERE id BETWEEN ? AND ? ORDER BY id",
    "SELECT id FROM event WHERE id BETWEEN ? AND ? ORDER BY id"
    " LIMIT 1 OFFSET ?",
    "SELECT unique_id, revision, time, payload FROM event WHERE id = ?",
    "DELETE FROM event WHERE id BETWEEN ? AND ?",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "ROLLBACK",
};

static const char tables[] =
    "CREATE TABLE event (id INTEGER PRIMARY KEY, unique_id TEXT NOT NULL,"
    " revision TEXT NOT NULL, time INTEGER NOT NULL, payload TEXT NOT NULL)";


static store_status look_through (store *s) {
  int64_t pages = 0;
  sqlite3_stmt *query;
  store_status status = database_ask(&s->file, "PRAGMA page_count", &pages);
  int rc;
  bool is_good;
  if (status != STORE_OK || pages > CHECKED_PAGES)
    return status;
  rc =
      sqlite3_prepare_v2(s->file.db, "PRAGMA quick_check(1)", -1, &query, NULL);
  if (rc != SQLITE_OK)
    return database_failed(&s->file, rc);
  rc = sqlite3_step(query);
  is_good = rc == SQLITE_ROW &&
            strcmp((const char *)sqlite3_column_text(query, 0), "ok") == 0;
  if (rc != SQLITE_ROW)
    status = database_failed(&s->file, rc);
  else if (!is_good) {
    database_say(&s->file, "the database is damaged");
    status = STORE_DAMAGED;
  }
  sqlite3_finalize(query);
  return status;
}


static store_status limit (store *s, bool is_limited) {
  int64_t pages = s->options.max_bytes / STORE_PAGE_SIZE;
  char sql[64];
  if (!is_limited || s->options.max_bytes == 0)
    pages = MAX_PAGES;
  else if (pages < FEWEST_PAGES)
    pages = FEWEST_PAGES;
  (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld",
                 (long long)pages);
  return database_run(&s->file, sql);
}


/* Deleted events are overwritten if that needs no additional writes. */
static store_status set_up (store *s) {
  bool is_new = false;
  store_status status = database_identify(&s->file, KIND, &is_new);
  if (status == STORE_OK)
    status = database_run(&s->file, "PRAGMA journal_mode = WAL;"
                                    "PRAGMA journal_size_limit = 4194304;"
                                    "PRAGMA secure_delete = FAST");
  if (status == STORE_OK)
    status =
        database_run(&s->file, s->options.full ? "PRAGMA synchronous = FULL"
                                               : "PRAGMA synchronous = NORMAL");
  if (status == STORE_OK && is_new)
    status = database_begin(&s->file, KIND, tables);
  return status == STORE_OK ? limit(s, true) : status;
}


/* SQLite calls this before it writes. */
static int committing (void *of) {
  store *s = of;
  s->was_at_rest = !checkpointer_is_busy(s->helper);
  return 0;
}


/* SQLite calls this after it has written. */
static int logged (void *of, sqlite3 *db, const char *name, int pages) {
  store *s = of;
  if (pages < LOG_PAGES)
    s->ask_at = LOG_PAGES;
  else if (pages >= s->ask_at && s->was_at_rest) {
    s->ask_at = pages + LOG_PAGES;
    if (pages > MAX_LOG_PAGES || !checkpointer_ask(s->helper))
      sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                NULL);
  }
  return SQLITE_OK;
}


static store_status prepare (store *s) {
  int64_t count = 0;
  store_status status;
  int i;
  for (i = 0; i < STATEMENTS; i++) {
    int rc =
        sqlite3_prepare_v3(s->file.db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                           &s->statements[i], NULL);
    if (rc != SQLITE_OK)
      return database_failed(&s->file, rc);
  }
  s->waiting = s->delivered = s->oldest = 0;
  status = database_ask(&s->file, "SELECT count(*) FROM event", &count);
  if (count > 0)
    store_find_oldest(s);
  store_count(s, count);
  return status;
}


static const char *vfs (void) {
  return sqlite3_vfs_find(VFS) != NULL ? VFS : NULL;
}


static store_status start (store *s) {
  store_status status = database_open(
      &s->file, s->base, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs());
  if (status != STORE_OK)
    return status;
  s->helper = checkpointer_new(s->base, vfs());
  s->ask_at = LOG_PAGES;
  sqlite3_commit_hook(s->file.db, committing, s);
  sqlite3_wal_hook(s->file.db, logged, s);
  status = set_up(s);
  if (status == STORE_OK)
    status = look_through(s);
  return status == STORE_OK ? prepare(s) : status;
}


/* After a fork SQLite's objects must be left as they are: closing them here
** would change the parent's files. */
static void stop (store *s) {
  int i;
  if (!store_is_lost(s)) {
    checkpointer_free(s->helper);
    for (i = 0; i < STATEMENTS; i++)
      sqlite3_finalize(s->statements[i]);
    rejected_close(s->rejected);
    sqlite3_close(s->file.db);
  }
  memset(s->statements, 0, sizeof(s->statements));
  s->rejected = NULL;
  s->helper = NULL;
  s->file.db = NULL;
}


void store_close (store *s) {
  if (s == NULL)
    return;
  stop(s);
  slot_release(s->slot);
  free(s->base);
  free(s);
}


/* A damaged file ----------------------------------------------------------*/

/* Renames a damaged file. Its log stays as it is: it must not be written into a
** damaged file. */
static char *quarantine (store *s) {
  if (s->file.db != NULL)
    sqlite3_db_config(s->file.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  stop(s);
  return database_quarantine(s->base);
}


static int copy_rows (store *s, sqlite3 *old, const char *order, int64_t *last,
                      int64_t *count) {
  sqlite3_stmt *query;
  char *sql = sqlite3_mprintf("SELECT unique_id, revision, time, payload, id "
                              "FROM event WHERE id > %lld ORDER BY id %s",
                              (long long)*last, order);
  int rc = sql != NULL ? sqlite3_prepare_v2(old, sql, -1, &query, NULL)
                       : SQLITE_NOMEM;
  sqlite3_free(sql);
  if (rc != SQLITE_OK)
    return rc;
  while ((rc = sqlite3_step(query)) == SQLITE_ROW) {
    sqlite3_stmt *into = s->statements[ADD];
    int i;
    for (i = 0; i < 4; i++)
      sqlite3_bind_value(into, i + 1, sqlite3_column_value(query, i));
    if (store_finish(s, ADD) == STORE_OK)
      ++*count;
    *last = sqlite3_column_int64(query, 4);
  }
  sqlite3_finalize(query);
  return rc;
}


/* Copies the readable events of a damaged file: from the first up to the
** damage, then from the last back to it. */
static int64_t salvage (store *s, const char *name) {
  sqlite3 *old = NULL;
  char *path = sqlite3_mprintf("%s.db", name);
  int64_t last = -1, count = 0;
  limit(s, false);
  if (path != NULL &&
      sqlite3_open_v2(path, &old, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
      store_finish(s, BEGIN) == STORE_OK) {
    if (copy_rows(s, old, "ASC", &last, &count) != SQLITE_DONE)
      copy_rows(s, old, "DESC", &last, &count);
    if (store_finish(s, COMMIT) != STORE_OK) {
      store_finish(s, ROLLBACK);
      count = 0;
    }
    store_count(s, count);
  }
  limit(s, true);
  sqlite3_close(old);
  sqlite3_free(path);
  return count;
}


/* NULL: 's' is closed, and 'why' has the reason. */
static store *renewed (store *s, store_status *status, char *why,
                       size_t why_size) {
  char *name = quarantine(s);
  char before[DATABASE_MESSAGE_SIZE];
  memcpy(before, s->file.message, sizeof(before));
  if (name == NULL) {
    (void)snprintf(why, why_size, "%s, and cannot be renamed: %s", before,
                   strerror(errno));
    store_close(s);
    *status = STORE_DAMAGED;
    return NULL;
  }
  *status = start(s);
  if (*status == STORE_OK) {
    int64_t count = salvage(s, name);
    (void)snprintf(why, why_size,
                   "%s; it is kept as %s.db, and %lld events "
                   "in it that could be read were taken over",
                   before, name, (long long)count);
  }
  else {
    (void)snprintf(why, why_size, "%s", s->file.message);
    store_close(s);
    s = NULL;
  }
  sqlite3_free(name);
  return s;
}


store *store_renew (store *s, store_status *status, char *why,
                    size_t why_size) {
  if (!store_is_lost(s))
    return renewed(s, status, why, why_size);
  (void)snprintf(why, why_size, "it was opened before a fork");
  store_close(s);
  *status = STORE_INHERITED;
  return NULL;
}


/* Opening ------------------------------------------------------------------*/

static store_status take (store *s, char *why, size_t why_size) {
  char *path = sqlite3_mprintf("%s.lock", s->base);
  int error = ENOMEM;
  if (path != NULL)
    s->slot = slot_take(path, s->options.create, &error);
  sqlite3_free(path);
  if (s->slot != NULL)
    return STORE_OK;
  (void)snprintf(why, why_size, "%s", strerror(error));
  switch (error) {
    case EWOULDBLOCK: return STORE_BUSY;
    case ENOENT: return s->options.create ? STORE_FAILED : STORE_NONE;
    case ENOSPC:
    case EDQUOT: return STORE_FULL;
    default: return STORE_FAILED;
  }
}


static store *allocate (const char *base) {
  store *s = calloc(1, sizeof(*s));
  if (s == NULL)
    return NULL;
  s->base = text_copy(base, strlen(base));
  if (s->base != NULL)
    return s;
  free(s);
  return NULL;
}


static store *opened (store *s, store_status *status, char *why,
                      size_t why_size) {
  *status = start(s);
  if (*status == STORE_OK)
    return s;
  if (*status == STORE_DAMAGED)
    return renewed(s, status, why, why_size);
  (void)snprintf(why, why_size, "%s", s->file.message);
  store_close(s);
  return NULL;
}


store *store_open (const char *base, const store_options *options,
                   store_status *status, char *why, size_t why_size) {
  store *s = allocate(base);
  *status = STORE_FAILED;
  (void)snprintf(why, why_size, "not enough memory");
  if (s == NULL)
    return NULL;
  why[0] = '\0';
  s->options = *options;
  *status = take(s, why, why_size);
  if (*status == STORE_OK)
    return opened(s, status, why, why_size);
  store_close(s);
  return NULL;
}
