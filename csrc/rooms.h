/*
** rooms.h - the rooms of the upper floor: each sets its functions into the
** module table on the top of the stack.
*/
#ifndef KLAVIYO_ROOMS_H
#define KLAVIYO_ROOMS_H

#include <lua.h>

#include "lane.h"
#include "port.h"
#include "request.h"

void open_text (lua_State *L);
void open_json (lua_State *L);
void open_json_read (lua_State *L);
void open_settings (lua_State *L);
void open_ticket (lua_State *L);
void open_pages (lua_State *L);
void open_lane (lua_State *L);
void open_port (lua_State *L);
void open_hold (lua_State *L);
void open_state (lua_State *L);

/* What one room gives to another as an argument. */
settings *check_settings (lua_State *L, int index);
lane *check_lane (lua_State *L, int index);
port *opt_port (lua_State *L, int index);  /* NULL for nil */

#endif
