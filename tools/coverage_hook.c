/*
** coverage_hook.c - counts which lines of lua/klaviyo run, in this process
** and, by LUA_INIT, in all interpreters of Lua 5.4 that it starts; see
** coverage.sh. When a process ends, it leaves a file in $COVERAGE with a line
** for each source: its name, and the numbers of the lines that ran.
*/
#include <lauxlib.h>
#include <lua.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOURCES 4096  /* a power of two */
#define LINES 4096

typedef struct source {
  const char *known;  /* Lua's pointer, valid as long as the text */
  char *name;         /* NULL: a free slot */
  char *ran;          /* a flag for each line; NULL: another file */
} source;

static source sources[SOURCES];

__attribute__((visibility("default"))) int luaopen_coverage_hook (lua_State *L);


static int is_ours (const char *name) {
  return strstr(name, "lua/klaviyo/") != NULL;
}


static source *find (const char *name) {
  size_t i = ((size_t)name >> 4) & (SOURCES - 1), n;
  if (name[0] != '@')
    return NULL;  /* a chunk from a string */
  for (n = 0; n < SOURCES; n++, i = (i + 1) & (SOURCES - 1)) {
    source *s = &sources[i];
    if (s->name == NULL) {
      s->known = name;
      s->name = strdup(name);
      s->ran = is_ours(name) ? calloc(LINES, 1) : NULL;
      return s;
    }
    if (s->known == name && strcmp(s->name, name) == 0)
      return s;
  }
  return NULL;
}


static void count (lua_State *L, lua_Debug *ar) {
  source *s;
  lua_getinfo(L, "S", ar);
  s = find(ar->source);
  if (s != NULL && s->ran != NULL && ar->currentline < LINES)
    s->ran[ar->currentline] = 1;
}


static void leave (void) {
  char path[4096];
  FILE *file;
  int i, line;
  snprintf(path, sizeof(path), "%s/%ld", getenv("COVERAGE"), (long)getpid());
  file = fopen(path, "w");
  for (i = 0; i < SOURCES && file != NULL; i++) {
    if (sources[i].ran == NULL)
      continue;
    fputs(sources[i].name + 1, file);
    for (line = 0; line < LINES; line++)
      if (sources[i].ran[line])
        fprintf(file, " %d", line);
    fputc('\n', file);
  }
  if (file != NULL)
    fclose(file);
}


/* Coroutines inherit the hook of the main one. */
int luaopen_coverage_hook (lua_State *L) {
  lua_sethook(L, count, LUA_MASKLINE, 0);
  atexit(leave);
  return 0;
}
