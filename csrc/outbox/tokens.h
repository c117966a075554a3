/*
** outbox/tokens.h - the tokens of accounts, in a file of SQLite that several
** processes use. Each function opens the file and closes it: so a worker of
** nginx has no file that its master opened, and nothing is left after a fork.
**
** STORE_BUSY: another process writes; try again. STORE_NONE: there is no such
** file or account. For the other failures 'why' has the reason.
*/
#ifndef KLAVIYO_OUTBOX_TOKENS_H
#define KLAVIYO_OUTBOX_TOKENS_H

#include <stddef.h>

#include "base/buffer.h"
#include "outbox/store.h"

/* Adds the text of an account to 'text'. */
store_status tokens_load (const char *path, store_text account, buffer *text,
                          char *why, size_t why_size);

/* Replaces the text of an account in one transaction, which is on the disk when
** this returns; without data it removes the account. Creates the file for its
** owner only. */
store_status tokens_save (const char *path, store_text account, store_text text,
                          char *why, size_t why_size);

/* Adds the names of all accounts to 'names', in order, each with a zero byte
** behind it. */
store_status tokens_list (const char *path, buffer *names, char *why,
                          size_t why_size);

#endif
