/*
** redis/l_redis.h - what the bindings of this folder have in common.
*/
#ifndef KLAVIYO_L_REDIS_H
#define KLAVIYO_L_REDIS_H

#include <lua.h>
#include <lauxlib.h>

#include "redis/connection.h"

/* Reads the address in the table on the top of the stack. Its texts are
** copies. */
redis_address read_address (lua_State *L);

/* Makes the metatable of a class of userdata with these methods. */
void set_class (lua_State *L, const char *name, const luaL_Reg *list);

/* Sets the functions of l_connection.c in the table on the top. */
void register_connection (lua_State *L);

#endif
