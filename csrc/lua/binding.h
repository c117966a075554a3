/*
** lua/binding.h - the floor above the plain C: userdata and functions for Lua
** 5.4, Lua 5.1 and LuaJIT from one source.
**
** It keeps to the part of Lua's C API that all of them share, so that there
** is nothing to shim. No lua_State is kept anywhere.
*/
#ifndef KLAVIYO_BINDING_H
#define KLAVIYO_BINDING_H

#include <lua.h>
#include <lauxlib.h>

#include "base/buffer.h"

typedef struct function {
  const char *name;
  lua_CFunction call;
} function;

/* Sets functions into the table on the top, each with an upvalue for its
** scratch buffer. The list ends with a NULL name. */
void binding_functions (lua_State *L, const function *list);

/* Makes (once per state) the metatable of a class, with these methods and
** metamethods, and leaves nothing on the stack. */
void binding_class (lua_State *L, const char *class, const function *list);

/* Pushes the scratch buffer of the running function, emptied. It is taken
** until it is given back from its slot: wherever Lua may collect garbage, a
** finalizer may call the same function. What is raised meanwhile leaves it to
** the collector. */
buffer *binding_scratch (lua_State *L);
void binding_give_back (lua_State *L, int index);

void binding_push (lua_State *L, const buffer *b);

/* A new userdata of a class, all zero: closed, so that its __gc may run
** whatever happens before it is filled. */
void *binding_new (lua_State *L, const char *class, size_t size);

/* Pushes a list of them. */
void binding_serials (lua_State *L, const long *serials, size_t count);

int binding_no_memory (lua_State *L);

/* nil, message */
int binding_refuse (lua_State *L, const char *message);

/* Seconds as milliseconds, whatever number it is. */
long binding_ms (lua_Number seconds);

#endif
