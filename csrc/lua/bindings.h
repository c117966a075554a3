/*
** lua/bindings.h - registration of the bindings: each register_ function sets
** the functions of one file in the module table on the top of the stack, and
** leaves the stack as it was.
*/
#ifndef KLAVIYO_BINDINGS_H
#define KLAVIYO_BINDINGS_H

#include <lua.h>

#include "api/resources.h"
#include "base/buffer.h"
#include "json/paths.h"
#include "ratelimit/request_queue.h"
#include "http/completion_queue.h"
#include "http/request.h"

/* The class of a userdata that is a pointer to a completion_queue. */
#define COMPLETION_QUEUE "klaviyo.completion_queue"

void register_text (lua_State *L);
void register_json (lua_State *L);
void register_json_read (lua_State *L);
void register_json_paths (lua_State *L);
void register_resources (lua_State *L);
void register_response_body (lua_State *L);
void register_document (lua_State *L);
void register_settings (lua_State *L);
void register_ticket (lua_State *L);
void register_pages (lua_State *L);
void register_ratelimit (lua_State *L);
void register_completion_queue (lua_State *L);
void register_file_lock (lua_State *L);
void register_folder (lua_State *L);
void register_state (lua_State *L);
void register_metrics (lua_State *L);

/* These return the object of a userdata that another file's bindings create, or
** raise an error; the stack stays as it was. The userdata keeps its reference:
** the object is valid while the userdata is on the stack. */
settings *check_settings (lua_State *L, int index);
request_queue *check_request_queue (lua_State *L, int index);
resources *check_resources (lua_State *L, int index);
json_paths *check_json_paths (lua_State *L, int index);
const char *opt_body (lua_State *L, int index, size_t *size); /* NULL for nil */
completion_queue *opt_completion_queue (lua_State *L,
                                        int index); /* NULL for nil */

/* Pushes a userdata that takes over the buffer, which must not be empty. If an
** error is raised, the buffer stays as it was. */
void push_response_body (lua_State *L, buffer *bytes);

/* text_acquire returns the bytes of a string or of a response body, or raises
** an error for any other value. A body is not freed before text_release is
** called. The index must be positive. */
bool is_text (lua_State *L, int index);
const char *text_acquire (lua_State *L, int index, size_t *size);
void text_release (lua_State *L, int index);

#endif
