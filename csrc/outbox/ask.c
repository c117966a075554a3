/*
** ask.c - what all sources of a store do with SQLite.
*/
#include "inside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MOST_PAGES 4294967294LL
#define FEWEST_PAGES 16


bool store_is_lost (const store *s) {
  return s->place != NULL && slot_is_inherited(s->place);
}


store_status store_failed (store *s, int rc) {
  int number = sqlite3_system_errno(s->db);
  bool is_file = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
  (void)snprintf(s->message, sizeof(s->message), "%s%s%s",
                 sqlite3_errmsg(s->db), is_file && number != 0 ? ": " : "",
                 is_file && number != 0 ? strerror(number) : "");
  switch (rc & 0xff) {
    case SQLITE_FULL: return STORE_FULL;
    case SQLITE_CORRUPT: case SQLITE_NOTADB: return STORE_DAMAGED;
    default: break;
  }
  if (is_file && (number == ENOSPC || number == EDQUOT || number == EFBIG))
    return STORE_FULL;
  return STORE_FAILED;
}


store_status store_run (store *s, const char *sql) {
  int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
  return rc == SQLITE_OK ? STORE_OK : store_failed(s, rc);
}


store_status store_ask (store *s, const char *sql, int64_t *value) {
  sqlite3_stmt *query;
  int rc = sqlite3_prepare_v2(s->db, sql, -1, &query, NULL);
  if (rc == SQLITE_OK) {
    rc = sqlite3_step(query);
    if (rc == SQLITE_ROW)
      *value = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
  }
  return rc == SQLITE_ROW ? STORE_OK : store_failed(s, rc);
}


store_status store_finish (store *s, statement which) {
  sqlite3_stmt *query = s->statements[which];
  int rc = sqlite3_step(query);
  store_status status = rc == SQLITE_DONE ? STORE_OK : store_failed(s, rc);
  sqlite3_reset(query);
  return status;
}


store_status store_limit (store *s, bool is_limited) {
  int64_t pages = s->options.max_bytes / STORE_PAGE_SIZE;
  char sql[64];
  if (!is_limited || s->options.max_bytes == 0)
    pages = MOST_PAGES;
  else if (pages < FEWEST_PAGES)
    pages = FEWEST_PAGES;
  (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld",
                 (long long)pages);
  return store_run(s, sql);
}


const char *store_message (const store *s) {
  return s->message;
}
