/*
** json/paths.h - the members of a JSON text that a program asks for.
**
** They form a tree, whose nodes are numbers; the root is node 0. The items of a
** list belong to the node of the list. The struct owns its memory. Any number
** of threads may search it while none adds to it.
*/
#ifndef KLAVIYO_JSON_PATHS_H
#define KLAVIYO_JSON_PATHS_H

#include "base/buffer.h"

enum {
  JSON_WHOLE = -1, /* a value with all its members */
  JSON_UNWANTED = -2
};

typedef struct json_node {
  size_t name, size; /* in json_paths.names */
  int first, next;   /* its first member, and its next sibling; 0: none */
  bool is_whole;
  bool keeps_others; /* members that have no node are whole, not unwanted */
  bool has_text;     /* the program wants the text of each object, too */
} json_node;

typedef struct json_paths {
  json_node *nodes;
  int count, room;
  buffer names;
} json_paths;

/* Starts with a root that has no members. Returns false if there is not enough
** memory; the struct is then empty. */
bool json_paths_init (json_paths *p);
void json_paths_free (json_paths *p);

/* Adds a path of names, which dots separate, below node 'at'. Returns its last
** node, or -1 if there is not enough memory. */
int json_paths_add (json_paths *p, int at, const char *path, size_t size);

/* Makes a node whole: no longer path counts beside it. */
void json_paths_end (json_paths *p, int at);

/* Returns what is wanted of a member of node 'at': a node, JSON_WHOLE or
** JSON_UNWANTED. */
int json_paths_find (const json_paths *p, int at, const char *name,
                     size_t size);

#endif
