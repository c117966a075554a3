/*
** threads.c - a program with a Lua state in each of its threads; see
** spec/transport/threads_spec.lua.
**
**   threads COUNT MODE script [argument ...]
**
** The script is run in all threads at the same time, with the number of its
** thread before its arguments. Modes: "own", where each thread makes and
** closes its state; "kept", where the states are closed by the first thread
** after the others have ended; "moved", where two threads, one after another,
** run the script in the same state, and the first of them is still there;
** "again" is "own" in ten rounds, which leave no descriptor open.
*/
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>

#define MOST 16

typedef struct worker {
  pthread_t id;
  lua_State *L;
  int number, argc, status;
  char **argv;
} worker;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;          /* of "moved": whose it is */
static const char *mode;


static lua_State *new_state (void) {
  lua_State *L = luaL_newstate();
  if (L == NULL)
    abort();
  luaL_openlibs(L);
  return L;
}


static int run (worker *w) {
  int i, status = luaL_loadfile(w->L, w->argv[0]);
  lua_pushinteger(w->L, w->number);
  for (i = 1; i < w->argc; i++)
    lua_pushstring(w->L, w->argv[i]);
  if (status == 0)
    status = lua_pcall(w->L, w->argc, 0, 0);
  if (status != 0)
    fprintf(stderr, "thread %d: %s\n", w->number, lua_tostring(w->L, -1));
  lua_settop(w->L, 0);
  return status;
}


static void wait_for_turn (int number) {
  pthread_mutex_lock(&lock);
  while (turn < number)
    pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}


static void next_turn (void) {
  pthread_mutex_lock(&lock);
  turn++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}


static void *work (void *self) {
  worker *w = self;
  if (strcmp(mode, "moved") == 0) {
    wait_for_turn(w->number);
    w->status = run(w);
    next_turn();
    wait_for_turn(2);
    return NULL;
  }
  w->L = new_state();
  w->status = run(w);
  if (strcmp(mode, "kept") != 0)
    lua_close(w->L);
  return NULL;
}


static int descriptors (void) {
  DIR *folder = opendir("/proc/self/fd");
  int count = 0;
  if (folder == NULL)
    return 0;
  while (readdir(folder) != NULL)
    count++;
  closedir(folder);
  return count;
}


static int one_round (int count, int argc, char **argv) {
  worker all[MOST];
  int i, status = 0;
  memset(all, 0, sizeof(all));
  for (i = 0; i < count; i++) {
    all[i].number = i;
    all[i].argc = argc - 3;
    all[i].argv = argv + 3;
    if (strcmp(mode, "moved") == 0)
      all[i].L = i == 0 ? new_state() : all[0].L;
  }
  for (i = 0; i < count; i++)
    if (pthread_create(&all[i].id, NULL, work, &all[i]) != 0)
      return 2;
  for (i = 0; i < count; i++) {
    pthread_join(all[i].id, NULL);
    status = status != 0 ? status : all[i].status;
  }
  if (strcmp(mode, "moved") == 0)
    lua_close(all[0].L);
  for (i = 0; strcmp(mode, "kept") == 0 && i < count; i++)
    lua_close(all[i].L);
  return status != 0;
}


int main (int argc, char **argv) {
  int count, rounds, before, status;
  if (argc < 4)
    return 2;
  count = atoi(argv[1]);
  mode = argv[2];
  if (count < 1 || count > MOST)
    return 2;
  status = one_round(count, argc, argv);
  before = descriptors();
  rounds = strcmp(mode, "again") == 0 ? 9 : 0;
  while (status == 0 && rounds-- > 0)
    status = one_round(count, argc, argv);
  if (status == 0 && descriptors() > before) {
    fprintf(stderr, "%d descriptors, then %d\n", before, descriptors());
    return 3;
  }
  return status;
}
