/*
** json/paths.c - a tree of names, in one array. A node has few members: they
** are compared one after another.
*/
#include "json/paths.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 8


static bool is_named (const json_paths *p, const json_node *node,
                      const char *name, size_t size) {
  return node->size == size &&
         (size == 0 || memcmp(p->names.data + node->name, name, size) == 0);
}


/* Returns the member's node, or 0. */
static int find (const json_paths *p, int at, const char *name, size_t size) {
  int i = p->nodes[at].first;
  while (i != 0 && !is_named(p, &p->nodes[i], name, size))
    i = p->nodes[i].next;
  return i;
}


static bool make_room (json_paths *p) {
  int room = p->room > 0 ? p->room * 2 : FIRST_ROOM;
  json_node *nodes;
  if (p->count < p->room)
    return true;
  nodes = realloc(p->nodes, (size_t)room * sizeof(*nodes));
  if (nodes == NULL)
    return false;
  p->nodes = nodes;
  p->room = room;
  return true;
}


/* Adds a node before the other members of 'at'. */
static int add (json_paths *p, int at, const char *name, size_t size) {
  json_node *node;
  if (!make_room(p) || !buffer_add(&p->names, name, size))
    return -1;
  node = &p->nodes[p->count];
  memset(node, 0, sizeof(*node));
  node->name = p->names.size - size;
  node->size = size;
  node->next = p->nodes[at].first;
  p->nodes[at].first = p->count;
  return p->count++;
}


bool json_paths_init (json_paths *p) {
  memset(p, 0, sizeof(*p));
  if (!make_room(p))
    return false;
  memset(p->nodes, 0, sizeof(*p->nodes));
  p->count = 1;
  return true;
}


void json_paths_free (json_paths *p) {
  free(p->nodes);
  buffer_free(&p->names);
  memset(p, 0, sizeof(*p));
}


int json_paths_add (json_paths *p, int at, const char *path, size_t size) {
  const char *end = path + size;
  for (;;) {
    const char *dot = memchr(path, '.', (size_t)(end - path));
    size_t length = (size_t)((dot != NULL ? dot : end) - path);
    int member = find(p, at, path, length);
    if (member == 0)
      member = add(p, at, path, length);
    if (member < 0 || dot == NULL)
      return member;
    at = member;
    path = dot + 1;
  }
}


void json_paths_end (json_paths *p, int at) {
  p->nodes[at].is_whole = true;
}


int json_paths_find (const json_paths *p, int at, const char *name,
                     size_t size) {
  int member = find(p, at, name, size);
  if (member == 0)
    return p->nodes[at].keeps_others ? JSON_WHOLE : JSON_UNWANTED;
  return p->nodes[member].is_whole ? JSON_WHOLE : member;
}
