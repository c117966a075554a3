/*
** lua/json_encode.h - encodes Lua values as JSON, for files of the binding
** layer.
*/
#ifndef KLAVIYO_JSON_ENCODE_H
#define KLAVIYO_JSON_ENCODE_H

#include <lua.h>

#include "base/buffer.h"

/* The arguments of core.encode and core.encode_body, by their stack index. */
enum { JSON_VALUE = 1, JSON_ARRAY, JSON_EMPTY_ARRAY, JSON_EMPTY, JSON_OTHER };

/* A table on the path to the current value. */
typedef struct json_level {
  const struct json_level *up;
  const void *table;
  int depth;
  const char *name; /* the member's name */
  size_t size;      /* its size */
  int index;        /* index in a list; 0: result of __tojson */
} json_level;

/* Adds the value at a stack index to the output. 'at' is its position; NULL for
** the outermost value. The stack has the arguments of core.encode. Returns
** false and leaves a message on the stack if JSON cannot represent the
** value. */
bool json_encode_value (lua_State *L, buffer *out, int value,
                        const json_level *at);

/* Pushes the output as the body of a request. */
void json_push_body (lua_State *L, const buffer *out);

#endif
