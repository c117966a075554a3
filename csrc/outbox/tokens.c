/*
** outbox/tokens.c - the tokens of accounts, in a file of SQLite that several
** processes use.
*/
#include "outbox/tokens.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "outbox/database.h"

#define KIND 0x4b6c7674 /* "Klvt" */
#define OTHERS (S_IRWXG | S_IRWXO)

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS token (account TEXT PRIMARY KEY,"
    " text TEXT NOT NULL) WITHOUT ROWID";

/* The file is small and seldom written: without a log beside it, its end is the
** end of a transaction. Old tokens are overwritten. */
static const char settings[] = "PRAGMA journal_mode = DELETE;"
                               "PRAGMA synchronous = EXTRA;"
                               "PRAGMA secure_delete = ON";


static store_status make_private (database *d, const char *path) {
  struct stat about;
  if (stat(path, &about) != 0 || (about.st_mode & OTHERS) == 0 ||
      chmod(path, about.st_mode & S_IRWXU) == 0)
    return STORE_OK;
  database_say(d, "others may read it, and its mode cannot be changed");
  return STORE_UNSAFE;
}


/* 'create': also makes the file and its table. Without it, a file that has no
** table yet is STORE_NONE. The caller closes 'd->db' in any case. */
static store_status start (database *d, const char *path, bool create) {
  int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
  bool is_new = false;
  store_status status = database_open_file(d, path, flags, NULL);
  if (status == STORE_OK)
    status = make_private(d, path);
  if (status == STORE_OK) {
    sqlite3_busy_timeout(d->db, 0); /* the caller waits, and blocks nobody */
    status = database_identify(d, KIND, &is_new);
  }
  if (status == STORE_OK && create)
    status = database_run(d, settings);
  if (status != STORE_OK || !is_new)
    return status;
  return create ? database_begin(d, KIND, tables) : STORE_NONE;
}


static bool is_busy (const database *d) {
  int code = d->db != NULL ? sqlite3_errcode(d->db) & 0xff : SQLITE_OK;
  return code == SQLITE_BUSY || code == SQLITE_LOCKED;
}


static store_status stop (database *d, sqlite3_stmt *query, store_status status,
                          char *why, size_t why_size) {
  if (status == STORE_FAILED && is_busy(d))
    status = STORE_BUSY;
  sqlite3_finalize(query);
  sqlite3_close(d->db);
  (void)snprintf(why, why_size, "%s", d->message);
  return status;
}


static store_status prepare (database *d, const char *sql,
                             sqlite3_stmt **query) {
  int rc = sqlite3_prepare_v2(d->db, sql, -1, query, NULL);
  return rc == SQLITE_OK ? STORE_OK : database_failed(d, rc);
}


static store_status copy (database *d, sqlite3_stmt *query, buffer *to,
                          size_t more) {
  store_text text = database_column(query, 0);
  if (text.data != NULL && buffer_add(to, text.data, text.size + more))
    return STORE_OK;
  database_say(d, "not enough memory");
  return STORE_FAILED;
}


store_status tokens_load (const char *path, store_text account, buffer *text,
                          char *why, size_t why_size) {
  database d = {NULL, ""};
  sqlite3_stmt *query = NULL;
  store_status status = start(&d, path, false);
  if (status == STORE_OK)
    status = prepare(&d, "SELECT text FROM token WHERE account = ?", &query);
  if (status == STORE_OK) {
    int rc;
    database_bind(query, 1, account);
    rc = sqlite3_step(query);
    if (rc == SQLITE_ROW)
      status = copy(&d, query, text, 0);
    else
      status = rc == SQLITE_DONE ? STORE_NONE : database_failed(&d, rc);
  }
  return stop(&d, query, status, why, why_size);
}


store_status tokens_save (const char *path, store_text account, store_text text,
                          char *why, size_t why_size) {
  database d = {NULL, ""};
  sqlite3_stmt *query = NULL;
  store_status status = start(&d, path, true);
  if (status == STORE_OK)
    status =
        prepare(&d,
                text.data != NULL ? "INSERT OR REPLACE INTO token VALUES (?, ?)"
                                  : "DELETE FROM token WHERE account = ?",
                &query);
  if (status == STORE_OK) {
    database_bind(query, 1, account);
    if (text.data != NULL)
      database_bind(query, 2, text);
    status = database_finish(&d, query);
  }
  return stop(&d, query, status, why, why_size);
}


store_status tokens_list (const char *path, buffer *names, char *why,
                          size_t why_size) {
  database d = {NULL, ""};
  sqlite3_stmt *query = NULL;
  store_status status = start(&d, path, false);
  if (status == STORE_OK)
    status = prepare(&d, "SELECT account FROM token ORDER BY account", &query);
  while (status == STORE_OK) {
    int rc = sqlite3_step(query);
    if (rc == SQLITE_ROW)
      status = copy(&d, query, names, 1); /* with its zero byte */
    else if (rc == SQLITE_DONE)
      break;
    else
      status = database_failed(&d, rc);
  }
  return stop(&d, query, status, why, why_size);
}
