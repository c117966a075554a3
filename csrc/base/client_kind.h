/*
** base/client_kind.h - what an event loop runs beside its transfers: clients,
** whose sockets it watches. A shared object of its own (csrc/redis) implements
** a kind of them, and the core calls it.
**
** A kind lives until the process ends. Each loop that it was offered to has one
** client of it, which the loop's thread opens, runs and closes.
*/
#ifndef KLAVIYO_CLIENT_KIND_H
#define KLAVIYO_CLIENT_KIND_H

#include <stdbool.h>
#include <stdint.h>

struct completion_queue;

typedef struct client_kind client_kind;
struct client_kind {
  /* 'run' never waits. It is called when the loop runs; 'ready' says whether a
  ** watched socket was. It returns when it must be called again, in clock_ms
  ** time. */
  void *(*open)(client_kind *kind, void *loop);
  int64_t (*run)(void *client, bool ready, int64_t now);
  void (*close)(void *client);
};

/* What the code of a kind may call. */
#define LOOP_FUNCTIONS_VERSION 1
typedef struct loop_functions {
  int version; /* LOOP_FUNCTIONS_VERSION */

  /* Makes the loop of this thread run a client of the kind. Returns the loop,
  ** which is not freed before the client was closed; NULL: there is none, or it
  ** has too many kinds. */
  void *(*offer)(client_kind *kind);

  /* Runs the loop of this thread once, for at most 'ms' milliseconds. Not if
  ** loops have threads of their own. */
  void (*run_once)(long ms);

  /* Ends a wait of the loop. Any thread may call it. */
  void (*wake)(void *loop);

  /* The loop's thread calls these. 'watch' makes it run when the socket is
  ** ready; it returns false if too many are watched. 'announce' gives a serial
  ** to the tasks that wait in the loop; it returns false if there is not enough
  ** memory now. */
  bool (*watch)(void *loop, int fd, bool input, bool output);
  void (*unwatch)(void *loop, int fd);
  bool (*announce)(void *loop, long serial);

  /* Returns a serial that no transfer has. */
  long (*new_serial)(void);

  /* See http/completion_queue.h. */
  struct completion_queue *(*queue_share)(struct completion_queue *q);
  void (*queue_release)(struct completion_queue *q);
  bool (*queue_reserve)(struct completion_queue *q);
  void (*queue_push)(struct completion_queue *q, long serial);
} loop_functions;

#endif
