/*
** outbox/database.h - a file of SQLite, with its last error message.
**
** The struct that contains a database owns it, and its statements. One thread
** at a time may use it, and never a forked child.
*/
#ifndef KLAVIYO_OUTBOX_DATABASE_H
#define KLAVIYO_OUTBOX_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "outbox/store.h"

#define DATABASE_MESSAGE_SIZE 256

typedef struct database {
  sqlite3 *db;
  char message[DATABASE_MESSAGE_SIZE];
} database;

/* Returns whether users other than that of this process and root may write to a
** file or folder; 'why' gets the reason. */
bool database_is_unsafe (const struct stat *about, char *why, size_t why_size);

/* Opens PATH.db for one thread at a time; only its user can read a new file.
** 'vfs': NULL for SQLite's default. */
store_status database_open (database *d, const char *path, int flags,
                            const char *vfs);

/* As database_open, with the whole name of the file. */
store_status database_open_file (database *d, const char *name, int flags,
                                 const char *vfs);

/* Checks that the database is one of ours, of this kind; 'is_new' is set if it
** is empty. */
store_status database_identify (database *d, int kind, bool *is_new);

/* Marks the database as ours and creates these tables. */
store_status database_begin (database *d, int kind, const char *tables);

/* Renames PATH.db, which must not be open, and its log. Returns the new path,
** to be freed by sqlite3_free, or NULL: then errno has the reason. */
char *database_quarantine (const char *path);

/* Keeps SQLite's error message and returns the status for 'rc'. */
store_status database_failed (database *d, int rc);

store_status database_run (database *d, const char *sql);

/* Reads the first column of the first row. */
store_status database_ask (database *d, const char *sql, int64_t *value);

/* Runs a statement to its end. */
store_status database_finish (database *d, sqlite3_stmt *query);

void database_say (database *d, const char *message);

/* Bind and read texts; a bound text must live until the statement ends. */
void database_bind (sqlite3_stmt *query, int index, store_text text);
store_text database_column (sqlite3_stmt *query, int index);

#endif
