/*
** outbox/database.c - a file of SQLite, with its last error message.
*/
#include "outbox/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VERSION 1
#define BUSY_MS 1000
#define MAX_NAMES 1000


void database_say (database *d, const char *message) {
  (void)snprintf(d->message, sizeof(d->message), "%s", message);
}


store_status database_failed (database *d, int rc) {
  int number = sqlite3_system_errno(d->db);
  bool is_file = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
  (void)snprintf(d->message, sizeof(d->message), "%s%s%s",
                 sqlite3_errmsg(d->db), is_file && number != 0 ? ": " : "",
                 is_file && number != 0 ? strerror(number) : "");
  switch (rc & 0xff) {
    case SQLITE_FULL: return STORE_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return STORE_DAMAGED;
    case SQLITE_CANTOPEN:
      if (number == ENOENT)
        return STORE_NONE;
      break;
    default: break;
  }
  if (is_file && (number == ENOSPC || number == EDQUOT || number == EFBIG))
    return STORE_FULL;
  return STORE_FAILED;
}


store_status database_run (database *d, const char *sql) {
  int rc = sqlite3_exec(d->db, sql, NULL, NULL, NULL);
  return rc == SQLITE_OK ? STORE_OK : database_failed(d, rc);
}


store_status database_ask (database *d, const char *sql, int64_t *value) {
  sqlite3_stmt *query;
  int rc = sqlite3_prepare_v2(d->db, sql, -1, &query, NULL);
  if (rc == SQLITE_OK) {
    rc = sqlite3_step(query);
    if (rc == SQLITE_ROW)
      *value = sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
  }
  return rc == SQLITE_ROW ? STORE_OK : database_failed(d, rc);
}


store_status database_finish (database *d, sqlite3_stmt *query) {
  int rc = sqlite3_step(query);
  store_status status = rc == SQLITE_DONE ? STORE_OK : database_failed(d, rc);
  sqlite3_reset(query);
  return status;
}


void database_bind (sqlite3_stmt *query, int index, store_text text) {
  sqlite3_bind_text64(query, index, text.data != NULL ? text.data : "",
                      text.size, SQLITE_STATIC, SQLITE_UTF8);
}


store_text database_column (sqlite3_stmt *query, int index) {
  store_text text;
  text.data = (const char *)sqlite3_column_text(query, index);
  text.size = (size_t)sqlite3_column_bytes(query, index);
  return text;
}


/* Creates the file with mode 0600: SQLite would let every user read a new file.
** Its other files get the mode of this one. */
static void make_private (const char *path) {
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0)
    close(fd); /* what goes wrong here does so once more */
}


bool database_is_unsafe (const struct stat *about, char *why, size_t why_size) {
  if (about->st_uid != geteuid() && about->st_uid != 0)
    (void)snprintf(why, why_size, "it belongs to another user (uid %ld)",
                   (long)about->st_uid);
  else if (about->st_mode & (S_IWGRP | S_IWOTH))
    (void)snprintf(why, why_size,
                   "others may write to it (its mode is %04o; "
                   "chmod go-w forbids that)",
                   (unsigned)about->st_mode & 07777);
  else
    return false;
  return true;
}


store_status database_open_file (database *d, const char *name, int flags,
                                 const char *vfs) {
  struct stat about;
  int rc;
  if (flags & SQLITE_OPEN_CREATE)
    make_private(name);
  if (stat(name, &about) == 0 &&
      database_is_unsafe(&about, d->message, sizeof(d->message)))
    return STORE_UNSAFE;
  rc = sqlite3_open_v2(
      name, &d->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs);
  if (rc != SQLITE_OK)
    return database_failed(d, rc);
  sqlite3_busy_timeout(d->db, BUSY_MS);
  return STORE_OK;
}


store_status database_open (database *d, const char *path, int flags,
                            const char *vfs) {
  char *name = sqlite3_mprintf("%s.db", path);
  store_status status = name != NULL ? database_open_file(d, name, flags, vfs)
                                     : database_failed(d, SQLITE_NOMEM);
  sqlite3_free(name);
  return status;
}


store_status database_identify (database *d, int kind, bool *is_new) {
  int64_t id = 0, version = 0, tables = 0;
  store_status status = database_ask(d, "PRAGMA application_id", &id);
  if (status == STORE_OK)
    status = database_ask(d, "PRAGMA user_version", &version);
  if (status == STORE_OK)
    status = database_ask(d, "SELECT count(*) FROM sqlite_master", &tables);
  if (status != STORE_OK)
    return status;
  *is_new = id == 0 && version == 0 && tables == 0;
  if (*is_new)
    return STORE_OK;
  if (id != kind)
    database_say(d, "it is the database of another program");
  else if (version != VERSION)
    database_say(d, "it was made by another version of this library");
  else
    return STORE_OK;
  return STORE_FOREIGN;
}


store_status database_begin (database *d, int kind, const char *tables) {
  char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; %s;"
                              "PRAGMA application_id = %d;"
                              "PRAGMA user_version = %d; COMMIT",
                              tables, kind, VERSION);
  store_status status =
      sql != NULL ? database_run(d, sql) : database_failed(d, SQLITE_NOMEM);
  sqlite3_free(sql);
  return status;
}


/* Quarantine ------------------------------------------------------------*/

static bool rename_part (const char *from, const char *to, const char *part) {
  char *old = sqlite3_mprintf("%s%s", from, part);
  char *new = sqlite3_mprintf("%s%s", to, part);
  bool ok =
      old != NULL && new != NULL && (rename(old, new) == 0 || errno == ENOENT);
  sqlite3_free(old);
  sqlite3_free(new);
  return ok;
}


static char *new_path (const char *path) {
  int number;
  for (number = 1; number <= MAX_NAMES; number++) {
    char *new = sqlite3_mprintf("%s.damaged-%lld-%d", path,
                                (long long)time(NULL), number);
    char *file = new != NULL ? sqlite3_mprintf("%s.db", new) : NULL;
    bool is_free = file != NULL && access(file, F_OK) != 0;
    sqlite3_free(file);
    if (is_free || new == NULL)
      return new;
    sqlite3_free(new);
  }
  errno = EEXIST;
  return NULL;
}


char *database_quarantine (const char *path) {
  char *new = new_path(path);
  char *shared = sqlite3_mprintf("%s.db-shm", path);
  if (shared != NULL)
    unlink(shared);
  sqlite3_free(shared);
  if (new != NULL && rename_part(path, new, ".db") &&
      rename_part(path, new, ".db-wal"))
    return new;
  sqlite3_free(new);
  return NULL;
}
