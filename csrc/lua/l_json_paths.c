/*
** lua/l_json_paths.c - core.json_paths: the members of JSON that a program asks
** for.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#define PATHS "klaviyo.json_paths"


json_paths *check_json_paths (lua_State *L, int index) {
  json_paths *p = luaL_checkudata(L, index, PATHS);
  if (p->nodes == NULL)
    luaL_error(L, "the paths object is closed");
  return p;
}


/* Adds a string, or one of a list, below a node. */
static int add_path (lua_State *L, json_paths *p, int at, int index) {
  size_t size;
  const char *path = luaL_checklstring(L, index, &size);
  int node = json_paths_add(p, at, path, size);
  if (node < 0)
    binding_no_memory(L);
  return node;
}


/* Adds the list of paths at slot 1 below a node. */
static void add_paths (lua_State *L, json_paths *p, int at) {
  int i;
  for (i = 1; lua_rawgeti(L, 1, i), !lua_isnil(L, -1); i++) {
    json_paths_end(p, add_path(L, p, at, -1));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}


/*
** core.json_paths(paths [, members [, with_text]]) -> paths object for decode.
** 'paths' is a list of strings, the names of members separated by dots. With
** 'members', the paths begin in the values of these members of the text, whose
** other members are whole; and 'with_text' adds to each object there its own
** text, as "text".
*/
static int l_json_paths (lua_State *L) {
  bool with_text = lua_toboolean(L, 3);
  json_paths *p;
  int i;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  p = binding_new(L, PATHS, sizeof(*p));
  if (!json_paths_init(p))
    return binding_no_memory(L);
  if (lua_isnil(L, 2)) {
    add_paths(L, p, 0);
    return 1;
  }
  luaL_checktype(L, 2, LUA_TTABLE);
  p->nodes[0].keeps_others = true;
  for (i = 1; lua_rawgeti(L, 2, i), !lua_isnil(L, -1); i++) {
    int at = add_path(L, p, 0, -1);
    p->nodes[at].has_text = with_text;
    add_paths(L, p, at);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return 1;
}


static int l_json_paths_free (lua_State *L) {
  json_paths_free(luaL_checkudata(L, 1, PATHS));
  return 0;
}


void register_json_paths (lua_State *L) {
  static const function functions[] = {{"json_paths", l_json_paths},
                                       {NULL, NULL}};
  static const function class[] = {{"__gc", l_json_paths_free}, {NULL, NULL}};
  binding_class(L, PATHS, class);
  binding_functions(L, functions);
}
