/*
** metrics/process.c - a row for each process.
*/
#include "metrics/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FIELD 3    /* the state, the first after the name in /proc */
#define STARTED_FIELD 22 /* clock ticks since the system was started */


/* Reads a file of /proc. Returns false if there is none, as on other systems
** than Linux. */
static bool read_stat (int32_t pid, char *text, size_t size) {
  char path[32];
  ssize_t count;
  int fd;
  (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  count = read(fd, text, size - 1);
  close(fd);
  if (count <= 0)
    return false;
  text[count] = '\0';
  return true;
}


/* Returns the time at which a process was started, which tells it from a later
** one with the same id; 0: not known. A zombie has ended: '*ended' is true. */
static uint64_t started_at (int32_t pid, bool *ended) {
  char text[512];
  const char *at;
  int field = FIRST_FIELD;
  *ended = false;
  if (!read_stat(pid, text, sizeof(text)))
    return 0;
  at = strrchr(text, ')'); /* the name may contain anything */
  if (at == NULL || at[1] != ' ')
    return 0;
  at += 2;
  *ended = *at == 'Z' || *at == 'X';
  for (; field < STARTED_FIELD && at != NULL; field++) {
    at = strchr(at, ' ');
    if (at != NULL)
      at++;
  }
  return at != NULL ? strtoull(at, NULL, 10) : 0;
}


static bool is_running (int32_t pid, uint64_t started) {
  bool ended;
  uint64_t now;
  if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
    return false;
  now = started_at(pid, &ended);
  return !ended && (started == 0 || now == 0 || now == started);
}


static int32_t pid_of (const process *p) {
  return __atomic_load_n(&p->pid, __ATOMIC_ACQUIRE);
}


static uint64_t started_of (const process *p) {
  uint64_t high = __atomic_load_n(&p->started[1], __ATOMIC_RELAXED);
  return high << 32 | __atomic_load_n(&p->started[0], __ATOMIC_RELAXED);
}


bool process_is_alive (const process *p) {
  int32_t pid = pid_of(p);
  return pid > 0 && is_running(pid, started_of(p));
}


/* Returns whether a row can be taken. One that a process was killed in while it
** filled it has that process's id, negated. */
static bool is_free (const process *p, int32_t pid) {
  if (pid > 0)
    return !is_running(pid, started_of(p));
  return pid == 0 || !is_running(-pid, 0);
}


static void fill (process *p, int32_t pid) {
  bool ended;
  uint64_t started = started_at(pid, &ended);
  int i;
  for (i = 0; i < GAUGES; i++)
    __atomic_store_n(&p->gauges[i], 0, __ATOMIC_RELAXED);
  __atomic_store_n(&p->sources, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&p->started[0], (uint32_t)started, __ATOMIC_RELAXED);
  __atomic_store_n(&p->started[1], (uint32_t)(started >> 32), __ATOMIC_RELAXED);
  __atomic_store_n(&p->pid, pid, __ATOMIC_RELEASE);
}


/* First the rows that were never used, without asking the system. */
process *process_take (process *table) {
  int32_t me = (int32_t)getpid();
  int i, round;
  for (round = 0; round < 2; round++)
    for (i = 0; i < MAX_PROCESSES; i++) {
      int32_t pid = pid_of(&table[i]);
      if ((round == 0 ? pid == 0 : is_free(&table[i], pid)) &&
          __atomic_compare_exchange_n(&table[i].pid, &pid, -me, false,
                                      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        fill(&table[i], me);
        return &table[i];
      }
    }
  return NULL;
}
