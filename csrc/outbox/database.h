/*
** database.h - a file of SQLite's, and what went wrong with it, in words.
*/
#ifndef KLAVIYO_OUTBOX_DATABASE_H
#define KLAVIYO_OUTBOX_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "store.h"

#define DATABASE_MESSAGE_SIZE 256

typedef struct database {
  sqlite3 *db;
  char message[DATABASE_MESSAGE_SIZE];
} database;

/* Whether others than the user of this process, and root, may write to a file
** or folder: then 'why' says how it comes. */
bool database_is_unsafe (const struct stat *about, char *why, size_t why_size);

/* Opens PATH.db for one thread at a time; a new one is for its user's eyes
** alone. 'vfs': NULL for SQLite's default. */
store_status database_open (database *d, const char *path, int flags,
                            const char *vfs);

/* Whether it is one of ours, of this kind, or nobody's yet: then 'is_new'. */
store_status database_identify (database *d, int kind, bool *is_new);

/* Makes it one of ours, with these tables. */
store_status database_begin (database *d, int kind, const char *tables);

/* Renames PATH.db, of whatever nobody has open, and its log. The new path, to
** be freed by sqlite3_free, or NULL: then errno says why. */
char *database_quarantine (const char *path);

/* Notes what went wrong, and says what it was. */
store_status database_failed (database *d, int rc);

store_status database_run (database *d, const char *sql);

/* The first column of the first row. */
store_status database_ask (database *d, const char *sql, int64_t *value);

/* Takes a statement to its end. */
store_status database_finish (database *d, sqlite3_stmt *query);

void database_say (database *d, const char *message);

/* Texts of statements; what is bound must live until they are done. */
void database_bind (sqlite3_stmt *query, int index, store_text text);
store_text database_column (sqlite3_stmt *query, int index);

#endif
