/*
** file.c - the file of one slot: found to be ours, begun, or put aside.
*/
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define APPLICATION_ID 0x4b6c766f  /* "Klvo" */
#define VERSION 1
#define BUSY_MS 1000

/* The log is brought into the database by another thread, which waits for the
** disk, from so many pages on, and again after so many more. One who writes
** without a pause never lets it come to the end of the log, which then grows:
** beyond so many pages the writer does it, and waits. */
#define LOG_PAGES 1000
#define MOST_LOG_PAGES 16000

/* A file up to this size is looked through before it is used; of a larger
** one, damage shows where it is read. */
#define CHECKED_PAGES (64LL * 1024 * 1024 / STORE_PAGE_SIZE)

static const char *const texts[STATEMENTS] = {
  "INSERT INTO event (unique_id, revision, time, payload) VALUES (?, ?, ?, ?)",
  "SELECT id, unique_id, revision, payload FROM event"
    " WHERE id BETWEEN ? AND ? ORDER BY id",
  "SELECT id FROM event WHERE id BETWEEN ? AND ? ORDER BY id"
    " LIMIT 1 OFFSET ?",
  "DELETE FROM event WHERE id BETWEEN ? AND ?",
  "INSERT INTO refused (unique_id, revision, time, payload, reason)"
    " SELECT unique_id, revision, time, payload, ?2 FROM event WHERE id = ?1",
  "DELETE FROM event WHERE id = ?",
  "DELETE FROM refused WHERE id <= (SELECT max(id) FROM refused) - ?",
  "SELECT id, unique_id, revision, time, payload, reason FROM refused"
    " WHERE id > ? ORDER BY id LIMIT 1",
  "BEGIN IMMEDIATE",
  "COMMIT",
  "ROLLBACK",
};

static const char schema[] =
  "BEGIN IMMEDIATE;"
  "CREATE TABLE event (id INTEGER PRIMARY KEY, unique_id TEXT NOT NULL,"
  " revision TEXT NOT NULL, time INTEGER NOT NULL, payload TEXT NOT NULL);"
  "CREATE TABLE refused (id INTEGER PRIMARY KEY, unique_id TEXT NOT NULL,"
  " revision TEXT NOT NULL, time INTEGER NOT NULL, payload TEXT NOT NULL,"
  " reason TEXT NOT NULL);"
  "PRAGMA application_id = %d;"
  "PRAGMA user_version = %d;"
  "COMMIT";


static void say (store *s, const char *message) {
  (void)snprintf(s->message, sizeof(s->message), "%s", message);
}


/* Whose file is it? One with nothing in it becomes ours. */
static store_status identify (store *s, bool *is_new) {
  int64_t id = 0, version = 0, tables = 0;
  store_status status = store_ask(s, "PRAGMA application_id", &id);
  if (status == STORE_OK)
    status = store_ask(s, "PRAGMA user_version", &version);
  if (status == STORE_OK)
    status = store_ask(s, "SELECT count(*) FROM sqlite_master", &tables);
  if (status != STORE_OK)
    return status;
  *is_new = id == 0 && version == 0 && tables == 0;
  if (*is_new)
    return STORE_OK;
  if (id != APPLICATION_ID)
    say(s, "it is the database of another program");
  else if (version != VERSION)
    say(s, "it was made by another version of this library");
  else
    return STORE_OK;
  return STORE_FOREIGN;
}


static store_status look_through (store *s) {
  int64_t pages = 0;
  sqlite3_stmt *query;
  store_status status = store_ask(s, "PRAGMA page_count", &pages);
  int rc;
  bool is_good;
  if (status != STORE_OK || pages > CHECKED_PAGES)
    return status;
  rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &query, NULL);
  if (rc != SQLITE_OK)
    return store_failed(s, rc);
  rc = sqlite3_step(query);
  is_good = rc == SQLITE_ROW &&
    strcmp((const char *)sqlite3_column_text(query, 0), "ok") == 0;
  if (rc != SQLITE_ROW)
    status = store_failed(s, rc);
  else if (!is_good) {
    say(s, "the database is damaged");
    status = STORE_DAMAGED;
  }
  sqlite3_finalize(query);
  return status;
}


/* Deleted events are overwritten where that costs no more writing. */
static store_status set_up (store *s) {
  char sql[sizeof(schema) + 32];
  bool is_new = false;
  store_status status = identify(s, &is_new);
  if (status == STORE_OK)
    status = store_run(s, "PRAGMA journal_mode = WAL;"
                 "PRAGMA journal_size_limit = 4194304;"
                 "PRAGMA secure_delete = FAST");
  if (status == STORE_OK)
    status = store_run(s, s->options.full ? "PRAGMA synchronous = FULL"
                 : "PRAGMA synchronous = NORMAL");
  if (status == STORE_OK && is_new) {
    (void)snprintf(sql, sizeof(sql), schema, APPLICATION_ID, VERSION);
    status = store_run(s, sql);
  }
  if (status == STORE_OK)
    status = store_limit(s, true);
  return status;
}


/* SQLite calls this before it writes. */
static int committing (void *of) {
  store *s = of;
  s->was_at_rest = !checkpointer_is_busy(s->helper);
  return 0;
}


/* And this after it has written. */
static int logged (void *of, sqlite3 *db, const char *name, int pages) {
  store *s = of;
  if (pages < LOG_PAGES)
    s->ask_at = LOG_PAGES;
  else if (pages >= s->ask_at && s->was_at_rest) {
    s->ask_at = pages + LOG_PAGES;
    if (pages > MOST_LOG_PAGES || !checkpointer_ask(s->helper))
      sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                NULL);
  }
  return SQLITE_OK;
}


static store_status prepare (store *s) {
  int i;
  for (i = 0; i < STATEMENTS; i++) {
    int rc = sqlite3_prepare_v3(s->db, texts[i], -1,
                                SQLITE_PREPARE_PERSISTENT,
                                &s->statements[i], NULL);
    if (rc != SQLITE_OK)
      return store_failed(s, rc);
  }
  return store_ask(s, "SELECT count(*) FROM event", &s->waiting);
}


static int open_database (store *s, const char *path, int flags) {
  int rc = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX |
                           SQLITE_OPEN_EXRESCODE, NULL);
  if (rc == SQLITE_OK)
    sqlite3_busy_timeout(s->db, BUSY_MS);
  return rc;
}


/* What is in it is nobody else's business; SQLite would have it be read. Its
** other files get the rights of this one. */
static void make_private (const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0)
    close(fd);  /* what goes wrong here does so once more */
}


static store_status start (store *s) {
  int flags = s->place != NULL ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
    : SQLITE_OPEN_READONLY;
  char *path = sqlite3_mprintf("%s.db", s->base);
  store_status status;
  bool is_new = false;
  int rc = SQLITE_NOMEM;
  if (path != NULL && s->place != NULL)
    make_private(path);
  if (path != NULL)
    rc = open_database(s, path, flags);
  if (rc == SQLITE_OK && s->place != NULL) {
    s->helper = checkpointer_new(path);
    s->ask_at = LOG_PAGES;
    sqlite3_commit_hook(s->db, committing, s);
    sqlite3_wal_hook(s->db, logged, s);
  }
  sqlite3_free(path);
  if (rc != SQLITE_OK)
    return store_failed(s, rc);
  if (s->place != NULL) {
    status = set_up(s);
    if (status == STORE_OK)
      status = look_through(s);
  }
  else {
    status = identify(s, &is_new);
    if (status == STORE_OK && is_new)
      return STORE_NONE;
  }
  return status == STORE_OK ? prepare(s) : status;
}


/* After a fork SQLite's own must be left as it is: closed here, it would
** touch the parent's files. */
static void stop (store *s) {
  int i;
  if (!store_is_lost(s)) {
    checkpointer_free(s->helper);
    for (i = 0; i < STATEMENTS; i++)
      sqlite3_finalize(s->statements[i]);
    sqlite3_close(s->db);
  }
  memset(s->statements, 0, sizeof(s->statements));
  s->helper = NULL;
  s->db = NULL;
}


void store_close (store *s) {
  if (s == NULL)
    return;
  stop(s);
  slot_release(s->place);
  free(s->base);
  free(s);
}


/* A damaged file ----------------------------------------------------------*/

static bool rename_part (const char *from, const char *to, const char *part) {
  char *old = sqlite3_mprintf("%s%s", from, part);
  char *new = sqlite3_mprintf("%s%s", to, part);
  bool ok = old != NULL && new != NULL &&
    (rename(old, new) == 0 || errno == ENOENT);
  sqlite3_free(old);
  sqlite3_free(new);
  return ok;
}


/* The new name, without its end; NULL for none. */
static char *new_name (const store *s) {
  int number;
  for (number = 1; number < 1000; number++) {
    char *name = sqlite3_mprintf("%s.damaged-%lld-%d", s->base,
                                 (long long)time(NULL), number);
    char *file = name != NULL ? sqlite3_mprintf("%s.db", name) : NULL;
    bool is_free = file != NULL && access(file, F_OK) != 0;
    sqlite3_free(file);
    if (is_free || name == NULL)
      return name;
    sqlite3_free(name);
  }
  return NULL;
}


/* What is in the log stays there: it is evidence, and must not be written
** into a file that is damaged. */
static bool put_aside (store *s, const char *name) {
  char *shared;
  if (s->db != NULL)
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  stop(s);
  shared = sqlite3_mprintf("%s.db-shm", s->base);
  if (shared != NULL)
    unlink(shared);
  sqlite3_free(shared);
  return rename_part(s->base, name, ".db") &&
    rename_part(s->base, name, ".db-wal");
}


static int copy_rows (store *s, sqlite3 *old, const char *order,
                      int64_t *last, int64_t *count) {
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


/* Takes over the events of a damaged file that can be read: from the first
** on up to the damage, then from the last one back to it. */
static int64_t salvage (store *s, const char *name) {
  sqlite3 *old = NULL;
  char *path = sqlite3_mprintf("%s.db", name);
  int64_t last = -1, count = 0;
  store_limit(s, false);
  if (path != NULL && sqlite3_open_v2(path, &old, SQLITE_OPEN_READONLY, NULL)
      == SQLITE_OK && store_finish(s, BEGIN) == STORE_OK) {
    if (copy_rows(s, old, "ASC", &last, &count) != SQLITE_DONE)
      copy_rows(s, old, "DESC", &last, &count);
    if (store_finish(s, COMMIT) != STORE_OK) {
      store_finish(s, ROLLBACK);
      count = 0;
    }
    s->waiting += count;
  }
  store_limit(s, true);
  sqlite3_close(old);
  sqlite3_free(path);
  return count;
}


/* NULL: 's' is closed, and 'why' says why. */
static store *renewed (store *s, store_status *status, char *why,
                       size_t why_size) {
  char *name = new_name(s);
  char before[STORE_MESSAGE_SIZE];
  memcpy(before, s->message, sizeof(before));
  if (name == NULL || !put_aside(s, name)) {
    (void)snprintf(why, why_size, "%s, and cannot be renamed: %s", before,
                   strerror(errno));
    sqlite3_free(name);
    store_close(s);
    *status = STORE_DAMAGED;
    return NULL;
  }
  *status = start(s);
  if (*status == STORE_OK) {
    int64_t count = salvage(s, name);
    (void)snprintf(why, why_size, "%s; it is kept as %s.db, and %lld events "
                   "in it that could be read were taken over", before, name,
                   (long long)count);
  }
  else {
    (void)snprintf(why, why_size, "%s", s->message);
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
    s->place = slot_take(path, s->options.create, &error);
  sqlite3_free(path);
  if (s->place != NULL)
    return STORE_OK;
  (void)snprintf(why, why_size, "%s", strerror(error));
  switch (error) {
    case EWOULDBLOCK: return STORE_BUSY;
    case ENOENT: return s->options.create ? STORE_FAILED : STORE_NONE;
    case ENOSPC: case EDQUOT: return STORE_FULL;
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
  if (*status == STORE_DAMAGED && s->place != NULL)
    return renewed(s, status, why, why_size);
  (void)snprintf(why, why_size, "%s", s->message);
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


store *store_peek (const char *base, store_status *status, char *why,
                   size_t why_size) {
  store *s = allocate(base);
  *status = STORE_FAILED;
  (void)snprintf(why, why_size, "not enough memory");
  return s != NULL ? opened(s, status, why, why_size) : NULL;
}
