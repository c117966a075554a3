/*
** store.c - the file of one slot, in SQLite: what goes into it, and out.
*/
#include "inside.h"

#include <string.h>

#define MOST_ROWS 1000
#define SEEN_SIZE 2048  /* a power of two, well above MOST_ROWS */

/* A file is made smaller once so much of it is free and so little is not. */
#define FREE_PAGES 1024
#define USED_PAGES 1024


static void bind_text (sqlite3_stmt *query, int index, store_text text) {
  sqlite3_bind_text64(query, index, text.data != NULL ? text.data : "",
                      text.size, SQLITE_STATIC, SQLITE_UTF8);
}


static store_text column (sqlite3_stmt *query, int index) {
  store_text text;
  text.data = (const char *)sqlite3_column_text(query, index);
  text.size = (size_t)sqlite3_column_bytes(query, index);
  return text;
}


/* Events -------------------------------------------------------------------*/

store_status store_add (store *s, const store_row *row) {
  sqlite3_stmt *query = s->statements[ADD];
  store_status status;
  if (store_is_lost(s))
    return STORE_INHERITED;
  bind_text(query, 1, row->unique_id);
  bind_text(query, 2, row->revision);
  sqlite3_bind_int64(query, 3, row->time);
  bind_text(query, 4, row->payload);
  status = store_finish(s, ADD);
  if (status == STORE_OK)
    s->waiting++;
  return status;
}


/* Whether a unique_id was in the batch before. Another one with the same hash
** ends a batch too early, which does no harm. */
static bool seen_before (uint64_t seen[SEEN_SIZE], store_text id) {
  uint64_t hash = bytes_hash(id.data, id.size);
  size_t at = (size_t)hash & (SEEN_SIZE - 1);
  for (; seen[at] != 0; at = (at + 1) & (SEEN_SIZE - 1))
    if (seen[at] == hash)
      return true;
  seen[at] = hash;
  return false;
}


static bool is_same (const buffer *b, store_text text) {
  return b->size == text.size && memcmp(b->data, text.data, text.size) == 0;
}


/* STORE_NONE: the row is not of the batch. */
static store_status take_row (store *s, uint64_t seen[SEEN_SIZE],
                              store_batch *batch, size_t bytes, buffer *body,
                              buffer *revision) {
  sqlite3_stmt *query = s->statements[READ];
  store_text payload = column(query, 3);
  bool is_first = batch->count == 0;
  if (payload.data == NULL)
    return store_failed(s, SQLITE_NOMEM);
  if (is_first && !buffer_add(revision, sqlite3_column_text(query, 2),
                              (size_t)sqlite3_column_bytes(query, 2)))
    return store_failed(s, SQLITE_NOMEM);
  if (!is_first && (body->size + 1 + payload.size > bytes ||
                    !is_same(revision, column(query, 2))))
    return STORE_NONE;
  if (seen_before(seen, column(query, 1)))
    return STORE_NONE;
  if ((!is_first && !buffer_add_byte(body, ',')) ||
      !buffer_add(body, payload.data, payload.size))
    return store_failed(s, SQLITE_NOMEM);
  batch->last = sqlite3_column_int64(query, 0);
  if (is_first)
    batch->first = batch->last;
  batch->count++;
  return STORE_OK;
}


store_status store_read (store *s, store_batch *batch, int count, size_t bytes,
                         buffer *body, buffer *revision) {
  uint64_t seen[SEEN_SIZE] = {0};
  sqlite3_stmt *query = s->statements[READ];
  store_status status = STORE_OK;
  int rc = SQLITE_ROW;
  if (store_is_lost(s))
    return STORE_INHERITED;
  if (count > MOST_ROWS)
    count = MOST_ROWS;
  sqlite3_bind_int64(query, 1, batch->first);
  sqlite3_bind_int64(query, 2, batch->last);
  batch->count = 0;
  while (status == STORE_OK && batch->count < count) {
    rc = sqlite3_step(query);
    if (rc != SQLITE_ROW)
      break;
    status = take_row(s, seen, batch, bytes, body, revision);
  }
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    status = store_failed(s, rc);
  else if (status == STORE_NONE || status == STORE_OK)
    status = batch->count > 0 ? STORE_OK : STORE_NONE;
  sqlite3_reset(query);
  return status;
}


store_status store_drop (store *s, const store_batch *batch) {
  store_status status;
  if (store_is_lost(s))
    return STORE_INHERITED;
  sqlite3_bind_int64(s->statements[DROP], 1, batch->first);
  sqlite3_bind_int64(s->statements[DROP], 2, batch->last);
  status = store_finish(s, DROP);
  if (status == STORE_OK)
    s->waiting -= sqlite3_changes64(s->db);
  return status;
}


store_status store_newest (store *s, int64_t *id) {
  if (store_is_lost(s))
    return STORE_INHERITED;
  return store_ask(s, "SELECT ifnull(max(id), 0) FROM event", id);
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
    status = store_failed(s, rc);
  sqlite3_reset(query);
  return status;
}


/* What was refused --------------------------------------------------------*/

static store_status move (store *s, int64_t id, store_text reason) {
  store_status status;
  sqlite3_bind_int64(s->statements[TO_REFUSED], 1, id);
  bind_text(s->statements[TO_REFUSED], 2, reason);
  status = store_finish(s, TO_REFUSED);
  if (status == STORE_OK && sqlite3_changes(s->db) == 0)
    return STORE_NONE;
  sqlite3_bind_int64(s->statements[FORGET], 1, id);
  if (status == STORE_OK)
    status = store_finish(s, FORGET);
  sqlite3_bind_int64(s->statements[TRIM], 1, s->options.max_refused);
  if (status == STORE_OK)
    status = store_finish(s, TRIM);
  return status == STORE_OK ? store_finish(s, COMMIT) : status;
}


/* An outbox that is full must still be able to do this, for that is what
** makes room. */
store_status store_refuse (store *s, int64_t id, store_text reason) {
  store_status status;
  if (store_is_lost(s))
    return STORE_INHERITED;
  status = store_limit(s, false);
  if (status == STORE_OK)
    status = store_finish(s, BEGIN);
  if (status == STORE_OK) {
    char kept[STORE_MESSAGE_SIZE];
    status = move(s, id, reason);
    if (status == STORE_OK)
      s->waiting--;
    else {
      memcpy(kept, s->message, sizeof(kept));
      store_finish(s, ROLLBACK);
      memcpy(s->message, kept, sizeof(kept));
    }
  }
  if (store_limit(s, true) != STORE_OK && status == STORE_OK)
    return STORE_FAILED;
  return status;
}


store_status store_refused (store *s, int64_t after, store_row *row) {
  sqlite3_stmt *query = s->statements[NEXT_REFUSED];
  int rc;
  if (store_is_lost(s))
    return STORE_INHERITED;
  sqlite3_bind_int64(query, 1, after);
  rc = sqlite3_step(query);
  if (rc != SQLITE_ROW) {
    store_status status = rc == SQLITE_DONE ? STORE_NONE : store_failed(s, rc);
    sqlite3_reset(query);
    return status;
  }
  row->id = sqlite3_column_int64(query, 0);
  row->unique_id = column(query, 1);
  row->revision = column(query, 2);
  row->time = sqlite3_column_int64(query, 3);
  row->payload = column(query, 4);
  row->reason = column(query, 5);
  return STORE_OK;
}


void store_rest (store *s) {
  sqlite3_reset(s->statements[NEXT_REFUSED]);
}


/* Figures ------------------------------------------------------------------*/

int64_t store_waiting (const store *s) {
  return s->waiting;
}


static store_status pages (store *s, int64_t *used, int64_t *unused) {
  store_status status = store_ask(s, "PRAGMA page_count", used);
  if (status == STORE_OK)
    status = store_ask(s, "PRAGMA freelist_count", unused);
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
  checkpointer_rest(s->helper);  /* only one at a time can */
  return store_run(s, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
}
