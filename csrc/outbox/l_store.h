/*
** outbox/l_store.h - what the sources of klaviyo.outbox.store share.
*/
#ifndef KLAVIYO_OUTBOX_L_STORE_H
#define KLAVIYO_OUTBOX_L_STORE_H

#include <lua.h>

#include "outbox/store.h"

/* Returns nil, the name of the status, and why. */
int l_store_fail (lua_State *L, store_status status, const char *why);

/* Sets the field "tokens" of the table on top of the stack (l_tokens.c). */
void register_tokens (lua_State *L);

/* Sets its field "holder" (l_holder.c). */
void register_holder (lua_State *L);

#endif
