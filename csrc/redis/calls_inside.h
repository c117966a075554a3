/*
** redis/calls_inside.h - the structs of callers and of the clients that run
** them, for calls.c and calls_client.c.
**
** A loop has one client for the callers that submitted to it. The thread that
** submits adds calls to the client's list, and the loop's thread takes them
** from there. The lock protects the list of clients and what they have posted;
** no other lock of this folder is taken while it is held.
*/
#ifndef KLAVIYO_CALLS_INSIDE_H
#define KLAVIYO_CALLS_INSIDE_H

#include <pthread.h>

#include "redis/calls.h"

typedef enum call_state {
  CALL_QUEUED,
  CALL_SENT,
  CALL_PAUSED /* the part is done, and another one will follow */
} call_state;

typedef struct calls_client {
  void *loop;
  int references;
  bool closed; /* protected by the lock, as the next two */
  call *posted, **last_posted;
  struct calls_client *next;
  caller *callers;
  int64_t due; /* as client_run last returned it */
  int64_t last_run;
  bool announced; /* a part ended: those that wait for it run first */
  bool again;     /* a part could not be ended */
} calls_client;

struct caller {
  int references;
  redis_address address;
  connection_limits limits;
  calls_client *client; /* a reference; of the thread that submits */
  long generation;
  bool close, closed; /* atomic: closing is requested; it was closed */
  /* The fields below belong to the loop's thread. */
  connection *connection;
  call *first, **last;
  bool listed; /* in the client's list, which has a reference */
  int fd;      /* that is watched; -1: none */
  bool output;
  bool wrong_server; /* a reply says that this server is not the primary */
  struct caller *next;
};

extern pthread_mutex_t calls_lock;
extern calls_client *calls_clients; /* protected by the lock */
extern const loop_functions *calls_core;

/* Returns the kind of the clients. */
client_kind *calls_kind (void);

void calls_client_release (calls_client *c);

void call_set_failure (call *c, call_failure failure, const char *problem);

#endif
