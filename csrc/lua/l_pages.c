/*
** lua/l_pages.c - core.pages: the links from page to page of a collection.
*/
#include "lua/binding.h"
#include "lua/bindings.h"

#include "api/pages.h"
#include "api/url.h"

#define PAGES "klaviyo.pages"


static pages *check_pages (lua_State *L) {
  pages *p = luaL_checkudata(L, 1, PAGES);
  if (p->base == NULL)
    luaL_error(L, "the pages object is closed");
  return p;
}


/* core.pages(base, url) -> pages */
static int l_pages (lua_State *L) {
  const char *base = luaL_checkstring(L, 1);
  const char *url = luaL_checkstring(L, 2);
  pages *p = binding_new(L, PAGES, sizeof(*p));
  if (!pages_open(p, base, url))
    return binding_no_memory(L);
  return 1;
}


/* pages:url() -> URL of the next page to request */
static int l_pages_url (lua_State *L) {
  binding_push(L, &check_pages(L)->url);
  return 1;
}


/* pages:cursor() -> page[cursor] of that URL | nil */
static int l_pages_cursor (lua_State *L) {
  const pages *p = check_pages(L);
  buffer *out;
  bool ok, found;
  lua_settop(L, 1);
  out = binding_scratch(L);
  found = url_cursor(out, p->url.data, p->url.size, &ok);
  if (!ok)
    return binding_no_memory(L);
  if (found)
    binding_push(L, out);
  binding_give_back(L, 2);
  return found;
}


static int push_status (lua_State *L, const pages *p, pages_status status) {
  static const char *const names[] = {NULL, NULL, "broken", "foreign",
                                      "repeated"};
  if (status == PAGES_NO_MEMORY)
    return binding_no_memory(L);
  if (status == PAGES_NEXT || status == PAGES_END) {
    lua_pushboolean(L, status == PAGES_NEXT);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, names[status]);
  binding_push(L, &p->link);
  return 3;
}


/* pages:follow(text | response body) -> true | false (no next page) | nil,
** "broken" | "foreign" | "repeated", link. Reads the link to the next page. */
static int l_pages_follow (lua_State *L) {
  size_t size;
  pages *p = check_pages(L);
  const char *body = text_acquire(L, 2, &size);
  pages_status status = pages_follow(p, body, size);
  text_release(L, 2);
  return push_status(L, p, status);
}


/* pages:follow_link(link | nil) -> as follow, with the link of a page that was
** decoded already. */
static int l_pages_follow_link (lua_State *L) {
  size_t size;
  pages *p = check_pages(L);
  const char *link = luaL_optlstring(L, 2, "", &size);
  return push_status(L, p,
                     size == 0 ? PAGES_END : pages_follow_link(p, link, size));
}


static int l_pages_close (lua_State *L) {
  pages_close(luaL_checkudata(L, 1, PAGES));
  return 0;
}


void register_pages (lua_State *L) {
  static const function class[] = {
      {"url", l_pages_url},       {"cursor", l_pages_cursor},
      {"follow", l_pages_follow}, {"follow_link", l_pages_follow_link},
      {"close", l_pages_close},   {"__gc", l_pages_close},
      {"__close", l_pages_close}, {NULL, NULL}};
  static const function functions[] = {{"pages", l_pages}, {NULL, NULL}};
  binding_class(L, PAGES, class);
  binding_functions(L, functions);
}
