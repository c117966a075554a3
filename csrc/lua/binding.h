/*
** lua/binding.h - the binding layer above the plain C layer: userdata and
** functions for Lua 5.3 to 5.5 and LuaJIT from one source. It uses only the
** part of Lua's C API that all of them share. No lua_State is stored: only the
** thread of a Lua state runs these functions.
**
** A userdata holds a reference to its object or owns it, and its __gc releases
** it. Functions that need memory of Lua may raise an error: whatever they hold
** then must be in a userdata already.
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

/* Sets functions in the table on the top of the stack, each with an upvalue for
** its scratch buffer. The list ends with a NULL name. Leaves the table on the
** top. */
void binding_functions (lua_State *L, const function *list);

/* Creates (once per state) the metatable of a class, with these methods and
** metamethods. Leaves the stack as it was. */
void binding_class (lua_State *L, const char *class, const function *list);

/* Pushes a userdata with the scratch buffer of the running function, emptied,
** and returns the buffer. The function owns it until it gives it back by the
** stack index of the userdata: wherever Lua may collect garbage, a
** finalizer may call the same function and then gets another buffer. If an
** error is raised meanwhile, the garbage collector frees the buffer. */
buffer *binding_scratch (lua_State *L);

/* Leaves the stack as it was. */
void binding_give_back (lua_State *L, int index);

/* Pushes the bytes of a buffer as a string. */
void binding_push (lua_State *L, const buffer *b);

/* Pushes a new userdata of a class and returns it, all zero, which means
** closed: its __gc may run before it is filled. */
void *binding_new (lua_State *L, const char *class, size_t size);

/* Pushes a list of the serials. */
void binding_serials (lua_State *L, const long *serials, size_t count);

/* Raises an error, and does not return. */
int binding_no_memory (lua_State *L);

/* Pushes nil and the message, and returns 2. */
int binding_refuse (lua_State *L, const char *message);

/* Converts seconds to milliseconds; any number is valid. */
long binding_ms (lua_Number seconds);

#endif
