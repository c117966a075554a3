/*
** outbox/rejected.c - the events of a slot that the service rejected.
*/
#include "outbox/rejected.h"

#include <stdio.h>
#include <stdlib.h>

#include "outbox/database.h"

#define KIND 0x4b6c7672 /* "Klvr" */

static const char tables[] =
    "CREATE TABLE rejected (id INTEGER PRIMARY KEY,"
    " unique_id TEXT NOT NULL UNIQUE, revision TEXT NOT NULL,"
    " time INTEGER NOT NULL, payload TEXT NOT NULL, reason TEXT NOT NULL)";

typedef enum statement { ADD, TRIM, NEXT, STATEMENTS } statement;

static const char *const texts[STATEMENTS] = {
    "INSERT OR REPLACE INTO rejected (unique_id, revision, time, payload, "
    "reason)"
    " VALUES (?, ?, ?, ?, ?)",
    "DELETE FROM rejected WHERE id <= (SELECT id FROM rejected"
    " ORDER BY id DESC LIMIT 1 OFFSET ?)",
    "SELECT id, unique_id, revision, time, payload, reason FROM rejected"
    " WHERE id > ? ORDER BY id LIMIT 1",
};

struct rejected {
  database file;
  sqlite3_stmt *statements[STATEMENTS];
};


static store_status prepare (rejected *r) {
  int i;
  for (i = 0; i < STATEMENTS; i++) {
    int rc =
        sqlite3_prepare_v2(r->file.db, texts[i], -1, &r->statements[i], NULL);
    if (rc != SQLITE_OK)
      return database_failed(&r->file, rc);
  }
  return STORE_OK;
}


static store_status start (rejected *r, const char *path, bool to_write) {
  int flags = to_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                       : SQLITE_OPEN_READONLY;
  bool is_new = false;
  store_status status = database_open(&r->file, path, flags, NULL);
  if (status == STORE_OK)
    status = database_identify(&r->file, KIND, &is_new);
  if (status == STORE_OK && to_write)
    status = database_run(&r->file, "PRAGMA journal_mode = WAL;"
                                    "PRAGMA synchronous = NORMAL");
  if (status == STORE_OK && is_new)
    status = to_write ? database_begin(&r->file, KIND, tables) : STORE_NONE;
  return status == STORE_OK ? prepare(r) : status;
}


static void stop (rejected *r) {
  int i;
  for (i = 0; i < STATEMENTS; i++) {
    sqlite3_finalize(r->statements[i]);
    r->statements[i] = NULL;
  }
  sqlite3_close(r->file.db);
  r->file.db = NULL;
}


rejected *rejected_open (const char *base, bool to_write, store_status *status,
                         char *why, size_t why_size) {
  rejected *r = calloc(1, sizeof(*r));
  char *path = sqlite3_mprintf("%s.rejected", base);
  *status = STORE_FAILED;
  (void)snprintf(why, why_size, "not enough memory");
  if (r != NULL && path != NULL) {
    *status = start(r, path, to_write);
    if (*status == STORE_DAMAGED && to_write) {
      char *quarantined;
      stop(r);
      quarantined = database_quarantine(path);
      if (quarantined != NULL)
        *status = start(r, path, to_write);
      sqlite3_free(quarantined);
    }
    (void)snprintf(why, why_size, "%s", r->file.message);
  }
  sqlite3_free(path);
  if (*status == STORE_OK)
    return r;
  rejected_close(r);
  return NULL;
}


void rejected_close (rejected *r) {
  if (r == NULL)
    return;
  stop(r);
  free(r);
}


const char *rejected_message (const rejected *r) {
  return r->file.message;
}


store_status rejected_add (rejected *r, const store_row *row, int64_t most) {
  sqlite3_stmt *query = r->statements[ADD];
  store_status status;
  database_bind(query, 1, row->unique_id);
  database_bind(query, 2, row->revision);
  sqlite3_bind_int64(query, 3, row->time);
  database_bind(query, 4, row->payload);
  database_bind(query, 5, row->reason);
  status = database_finish(&r->file, query);
  if (status != STORE_OK)
    return status;
  sqlite3_bind_int64(r->statements[TRIM], 1, most);
  return database_finish(&r->file, r->statements[TRIM]);
}


store_status rejected_next (rejected *r, int64_t after, store_row *row) {
  sqlite3_stmt *query = r->statements[NEXT];
  int rc;
  sqlite3_bind_int64(query, 1, after);
  rc = sqlite3_step(query);
  if (rc != SQLITE_ROW) {
    store_status status =
        rc == SQLITE_DONE ? STORE_NONE : database_failed(&r->file, rc);
    sqlite3_reset(query);
    return status;
  }
  row->id = sqlite3_column_int64(query, 0);
  row->unique_id = database_column(query, 1);
  row->revision = database_column(query, 2);
  row->time = sqlite3_column_int64(query, 3);
  row->payload = database_column(query, 4);
  row->reason = database_column(query, 5);
  return STORE_OK;
}


void rejected_rest (rejected *r) {
  sqlite3_reset(r->statements[NEXT]);
}
