/*
** outbox/store.c - the file of one slot, in SQLite: what goes into it, and out.
*/
#include "outbox/inside.h"

#include <string.h>

#define MAX_ROWS 1000
#define HASHES_SIZE 2048 /* a power of two, well above MAX_ROWS */

/* A file is shrunk once it has at least FREE_PAGES free pages and at most
** USED_PAGES others. */
#define FREE_PAGES 1024
#define USED_PAGES 1024


bool store_is_lost (const store *s) {
  return s->slot != NULL && slot_is_inherited(s->slot);
}


const char *store_message (const store *s) {
  return s->file.message;
}


void store_report (const store *s) {
  slot_report(s->slot);
}


store_status store_finish (store *s, statement which) {
  return database_finish(&s->file, s->statements[which]);
}


/* For figures alone: if it fails, the time stays as it is. */
void store_find_oldest (store *s) {
  (void)database_ask(
      &s->file,
      "SELECT ifnull((SELECT time FROM event ORDER BY id LIMIT 1), 0)",
      &s->oldest);
}


void store_count (store *s, int64_t more) {
  slot_figures now;
  s->waiting += more;
  now.waiting = s->waiting;
  now.oldest = s->waiting > 0 ? s->oldest : 0;
  slot_note(s->slot, now);
}


/* Events -------------------------------------------------------------------*/

store_status store_add (store *s, const store_row *row) {
  sqlite3_stmt *query = s->statements[ADD];
  store_status status;
  if (store_is_lost(s))
    return STORE_INHERITED;
  database_bind(query, 1, row->unique_id);
  database_bind(query, 2, row->revision);
  sqlite3_bind_int64(query, 3, row->time);
  database_bind(query, 4, row->payload);
  status = store_finish(s, ADD);
  if (status != STORE_OK)
    return status;
  if (s->oldest == 0)
    s->oldest = row->time;
  store_count(s, 1);
  return status;
}


/* Returns whether a unique_id is in the batch already. Another one with the
** same hash ends a batch too early, which does no harm. */
static bool is_repeated (uint64_t hashes[HASHES_SIZE], store_text id) {
  uint64_t hash = bytes_hash(id.data, id.size);
  size_t at = (size_t)hash & (HASHES_SIZE - 1);
  for (; hashes[at] != 0; at = (at + 1) & (HASHES_SIZE - 1))
    if (hashes[at] == hash)
      return true;
  hashes[at] = hash;
  return false;
}


static bool is_same (const buffer *b, store_text text) {
  return b->size == text.size && memcmp(b->data, text.data, text.size) == 0;
}


/* STORE_NONE: the row does not belong to the batch. */
static store_status take_row (store *s, uint64_t hashes[HASHES_SIZE],
                              store_batch *batch, size_t bytes, buffer *body,
                              buffer *revision) {
  sqlite3_stmt *query = s->statements[READ];
  store_text payload = database_column(query, 3);
  bool is_first = batch->count == 0;
  if (payload.data == NULL)
    return database_failed(&s->file, SQLITE_NOMEM);
  if (is_first && !buffer_add(revision, sqlite3_column_text(query, 2),
                              (size_t)sqlite3_column_bytes(query, 2)))
    return database_failed(&s->file, SQLITE_NOMEM);
  if (!is_first && (body->size + 1 + payload.size > bytes ||
                    !is_same(revision, database_column(query, 2))))
    return STORE_NONE;
  if (is_repeated(hashes, database_column(query, 1)))
    return STORE_NONE;
  if ((!is_first && !buffer_add_byte(body, ',')) ||
      !buffer_add(body, payload.data, payload.size))
    return database_failed(&s->file, SQLITE_NOMEM);
  batch->last = sqlite3_column_int64(query, 0);
  if (is_first)
    batch->first = batch->last;
  batch->count++;
  return STORE_OK;
}


store_status store_read (store *s, store_batch *batch, int count, size_t bytes,
                         buffer *body, buffer *revision) {
  uint64_t hashes[HASHES_SIZE] = {0};
  sqlite3_stmt *query = s->statements[READ];
  store_status status = STORE_OK;
  int rc = SQLITE_ROW;
  if (store_is_lost(s))
    return STORE_INHERITED;
  if (count > MAX_ROWS)
    count = MAX_ROWS;
  sqlite3_bind_int64(query, 1, batch->first);
  sqlite3_bind_int64(query, 2, batch->last);
  batch->count = 0;
  while (status == STORE_OK && batch->count < count) {
    rc = sqlite3_step(query);
    if (rc != SQLITE_ROW)
      break;
    status = take_row(s, hashes, batch, bytes, body, revision);
  }
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    status = database_failed(&s->file, rc);
  else if (status == STORE_NONE || status == STORE_OK)
    status = batch->count > 0 ? STORE_OK : STORE_NONE;
  sqlite3_reset(query);
  return status;
}


store_status store_first (store *s, const store_batch *batch, store_row *row) {
  sqlite3_stmt *query = s->statements[READ];
  int rc;
  memset(row, 0, sizeof(*row));
  if (store_is_lost(s))
    return STORE_INHERITED;
  sqlite3_bind_int64(query, 1, batch->first);
  sqlite3_bind_int64(query, 2, batch->last);
  rc = sqlite3_step(query);
  if (rc != SQLITE_ROW)
    return rc == SQLITE_DONE ? STORE_NONE : database_failed(&s->file, rc);
  row->id = sqlite3_column_int64(query, 0);
  row->unique_id = database_column(query, 1);
  row->revision = database_column(query, 2);
  row->payload = database_column(query, 3);
  row->time = sqlite3_column_int64(query, 4);
  return row->payload.data != NULL ? STORE_OK
                                   : database_failed(&s->file, SQLITE_NOMEM);
}


void store_rest (store *s) {
  if (!store_is_lost(s))
    sqlite3_reset(s->statements[READ]);
}


static store_status delete_rows (store *s, int64_t first, int64_t last,
                                 int64_t *count) {
  store_status status;
  sqlite3_bind_int64(s->statements[DROP], 1, first);
  sqlite3_bind_int64(s->statements[DROP], 2, last);
  status = store_finish(s, DROP);
  *count = status == STORE_OK ? sqlite3_changes64(s->file.db) : 0;
  if (*count > 0)
    store_find_oldest(s);
  return status;
}


store_status store_drop (store *s, const store_batch *batch) {
  int64_t count, delivered;
  store_status status;
  if (store_is_lost(s))
    return STORE_INHERITED;
  status = delete_rows(s, batch->first, batch->last, &count);
  delivered = count < s->delivered ? count : s->delivered;
  s->delivered -= delivered;
  store_count(s, delivered - count);
  return status;
}


void store_deliver (store *s, int64_t count) {
  s->delivered += count;
  store_count(s, -count);
}


store_status store_newest (store *s, int64_t *id) {
  if (store_is_lost(s))
    return STORE_INHERITED;
  return database_ask(&s->file, "SELECT ifnull(max(id), 0) FROM event", id);
}


store_status store_nth (store *s, const store_batch *batch, int index,
                        int64_t *id) {
  sqlite3_stmt *query = s->statements[NTH];
  store_status status = STORE_NONE;
  int rc;
  if (store_is_lost(s))
    return STORE_INHERITED;
  sqlite3_bind_int64(query, 1, batch->first);
  sqlite3_bind_int64(query, 2, batch->last);
  sqlite3_bind_int(query, 3, index);
  rc = sqlite3_step(query);
  if (rc == SQLITE_ROW) {
    *id = sqlite3_column_int64(query, 0);
    status = STORE_OK;
  }
  else if (rc != SQLITE_DONE)
    status = database_failed(&s->file, rc);
  sqlite3_reset(query);
  return status;
}


/* Adds the row to the rejected events first: after a crash in between, the row
** is in both files, and the next rejection replaces it. */
static store_status move (store *s, int64_t id, store_text reason) {
  sqlite3_stmt *query = s->statements[ONE];
  store_row row;
  store_status status;
  int rc;
  memset(&row, 0, sizeof(row));
  sqlite3_bind_int64(query, 1, id);
  rc = sqlite3_step(query);
  if (rc != SQLITE_ROW)
    return rc == SQLITE_DONE ? STORE_NONE : database_failed(&s->file, rc);
  row.unique_id = database_column(query, 0);
  row.revision = database_column(query, 1);
  row.time = sqlite3_column_int64(query, 2);
  row.payload = database_column(query, 3);
  row.reason = reason;
  status = rejected_add(s->rejected, &row, s->options.max_rejected);
  if (status != STORE_OK)
    database_say(&s->file, rejected_message(s->rejected));
  return status == STORE_DAMAGED ? STORE_FAILED : status;
}


store_status store_reject (store *s, int64_t id, store_text reason) {
  int64_t count;
  store_status status = STORE_OK;
  if (store_is_lost(s))
    return STORE_INHERITED;
  if (s->rejected == NULL)
    s->rejected = rejected_open(s->base, true, &status, s->file.message,
                                sizeof(s->file.message));
  if (s->rejected == NULL)
    return status == STORE_DAMAGED ? STORE_FAILED : status;
  status = move(s, id, reason);
  sqlite3_reset(s->statements[ONE]);
  if (status != STORE_OK)
    return status;
  status = delete_rows(s, id, id, &count);
  store_count(s, -count);
  return status;
}


/* Figures ------------------------------------------------------------------*/

int64_t store_waiting (const store *s) {
  return s->waiting;
}


static store_status pages (store *s, int64_t *used, int64_t *unused) {
  store_status status = database_ask(&s->file, "PRAGMA page_count", used);
  if (status == STORE_OK)
    status = database_ask(&s->file, "PRAGMA freelist_count", unused);
  *used -= *unused;
  return status;
}


store_status store_bytes (store *s, int64_t *bytes) {
  int64_t used = 0, unused = 0;
  store_status status;
  if (store_is_lost(s))
    return STORE_INHERITED;
  status = pages(s, &used, &unused);
  *bytes = used * STORE_PAGE_SIZE;
  return status;
}


store_status store_shrink (store *s) {
  int64_t used = 0, unused = 0;
  store_status status;
  if (store_is_lost(s))
    return STORE_INHERITED;
  status = pages(s, &used, &unused);
  if (status != STORE_OK || unused < FREE_PAGES || used > USED_PAGES)
    return status;
  checkpointer_rest(s->helper); /* only one at a time can */
  return database_run(&s->file, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
}
