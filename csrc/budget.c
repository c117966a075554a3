/*
** budget.c - how many requests an account may still make.
**
** A window is cut into slots; each counts the requests whose last sign of
** life fell into it. What counts against the limit is the sum of a whole
** window of slots and the one under way.
*/
#include "budget.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"

#define MAGIC UINT64_C(0x6B6C617669796F31)  /* "klaviyo1" */
#define ENTRIES 512
#define SLOTS 240
#define PROBES 16
#define PATIENCE_NS 100000000L  /* for a lock whose holder sleeps */

static const int64_t LENGTH[BUDGET_WINDOWS] = {1000, 60000, 86400000};

typedef struct window {
  int64_t head;               /* number of the newest slot in the ring */
  uint32_t sum;               /* of all slots */
  uint16_t slot[SLOTS + 1];
} window;

typedef struct entry {
  uint64_t key;               /* 0: free */
  int64_t used;               /* when last, for the oldest to make room */
  int64_t blocked;            /* until when */
  int64_t others_until;
  uint32_t others;            /* requests of other programs, this minute */
  uint32_t limit[BUDGET_WINDOWS];  /* as the service told; 0: it did not */
  window windows[BUDGET_WINDOWS];
} entry;

typedef struct table {
  uint64_t magic;
  uint64_t size;
  pthread_mutex_t lock;
  entry entries[ENTRIES];
} table;

struct budget {
  int references;
  table *table;
};


int64_t budget_now (void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}


/* {======================================================
** The file
** ======================================================= */

static bool make_lock (pthread_mutex_t *lock) {
  pthread_mutexattr_t how;
  bool good = pthread_mutexattr_init(&how) == 0;
  if (!good)
    return false;
  good = pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED) == 0 &&
         pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST) == 0 &&
         pthread_mutex_init(lock, &how) == 0;
  pthread_mutexattr_destroy(&how);
  return good;
}


static table *map (int fd) {
  int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void *memory = mmap(NULL, sizeof(table), PROT_READ | PROT_WRITE, flags, fd,
                      0);
  return memory == MAP_FAILED ? NULL : memory;
}


/* A file for all of a folder's group, whoever makes it first. */
static void give_to_group (int fd, const char *path) {
  struct stat folder;
  char *copy = text_copy(path, strlen(path));
  if (copy != NULL && stat(dirname(copy), &folder) == 0 &&
      fchown(fd, (uid_t)-1, folder.st_gid) == 0)
    (void)!fchmod(fd, 0660);  /* the umask may have taken the group's */
  free(copy);
}


/* Whoever comes first, by the lock on the file, makes the table. */
static const char *prepare (int fd, const char *path, bool shared,
                            table **made) {
  struct stat file;
  table *t;
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode))
    return "it is not a regular file";
  if (!shared && file.st_uid != geteuid())
    return "it belongs to somebody else";
  if (file.st_size != (off_t)sizeof(table) &&
      (ftruncate(fd, 0) != 0 || ftruncate(fd, sizeof(table)) != 0))
    return strerror(errno);
  t = map(fd);
  if (t == NULL)
    return strerror(errno);
  if (t->magic != MAGIC || t->size != sizeof(table)) {
    memset(t, 0, sizeof(*t));
    if (!make_lock(&t->lock)) {
      munmap(t, sizeof(*t));
      return "this system has no locks between processes";
    }
    t->size = sizeof(table);
    t->magic = MAGIC;
    if (shared)
      give_to_group(fd, path);
  }
  *made = t;
  return NULL;
}


static const char *open_file (const char *path, bool shared, table **made) {
  const char *why;
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                shared ? 0660 : 0600);
  if (fd < 0)
    return strerror(errno);
  why = flock(fd, LOCK_EX) != 0 ? strerror(errno)
                                : prepare(fd, path, shared, made);
  close(fd);  /* and unlocks it; the mapping stays */
  return why;
}


budget *budget_open (const char *path, bool shared, const char **why) {
  budget *b = calloc(1, sizeof(*b));
  *why = "not enough memory";
  if (b == NULL)
    return NULL;
  b->references = 1;
  if (path != NULL)
    *why = open_file(path, shared, &b->table);
  else if ((b->table = map(-1)) != NULL)
    *why = make_lock(&b->table->lock) ? NULL : "no locks";
  if (*why == NULL)
    return b;
  budget_release(b);
  return NULL;
}


budget *budget_share (budget *b) {
  b->references++;
  return b;
}


void budget_release (budget *b) {
  if (b == NULL || --b->references > 0)
    return;
  if (b->table != NULL)
    munmap(b->table, sizeof(*b->table));
  free(b);
}


/*
** A holder that was killed leaves the table as it was, one count off at the
** worst. One that was stopped is not waited for: false.
*/
static bool lock (table *t) {
  struct timespec until;
  int code = pthread_mutex_trylock(&t->lock);
  if (code == EBUSY) {
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PATIENCE_NS;
    if (until.tv_nsec >= 1000000000L) {
      until.tv_nsec -= 1000000000L;
      until.tv_sec++;
    }
    code = pthread_mutex_timedlock(&t->lock, &until);
  }
  if (code == EOWNERDEAD)
    code = pthread_mutex_consistent(&t->lock);
  return code == 0;
}

/* }====================================================== */


static entry *find (table *t, uint64_t key, int64_t now) {
  entry *oldest = NULL;
  uint64_t i;
  for (i = 0; i < PROBES; i++) {
    entry *e = &t->entries[(key + i) % ENTRIES];
    if (e->key == key) {
      e->used = now;
      return e;
    }
    if (oldest == NULL || (oldest->key != 0 &&
                           (e->key == 0 || e->used < oldest->used)))
      oldest = e;
  }
  memset(oldest, 0, sizeof(*oldest));
  oldest->key = key;
  oldest->used = now;
  return oldest;
}


static uint16_t *slot_of (window *w, int64_t number) {
  return &w->slot[number % (SLOTS + 1)];
}


/* Forgets the slots that have left the window. A clock that was set back
** begins anew. */
static void advance (window *w, int64_t length, int64_t now) {
  int64_t number = now / (length / SLOTS);
  if (number < w->head - 1 || number > w->head + SLOTS) {
    memset(w, 0, sizeof(*w));
    w->head = number;
  }
  while (w->head < number) {
    uint16_t *slot = slot_of(w, ++w->head);
    w->sum -= *slot;
    *slot = 0;
  }
}


/* When the window will have room again: its oldest count leaves it. */
static int64_t room_at (window *w, int64_t length, uint32_t surplus) {
  int64_t width = length / SLOTS;
  int64_t number = w->head - SLOTS;
  uint32_t left = 0;
  for (; number < w->head; number++) {
    left += *slot_of(w, number < 0 ? 0 : number);
    if (left > surplus)
      break;
  }
  return (number + SLOTS + 1) * width;
}


static uint32_t limit_of (const entry *e, const bucket *b, int i) {
  return e->limit[i] != 0 && b->limit[i] != 0 ? e->limit[i] : b->limit[i];
}


/* 0 where one more fits into every window of the bucket. */
static int64_t wait_for (entry *e, const bucket *b, int64_t now) {
  int64_t wait = e->blocked > now ? e->blocked - now : 0;
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    window *w = &e->windows[i];
    uint32_t limit = limit_of(e, b, i);
    uint32_t used;
    int64_t at;
    if (limit == 0)
      continue;
    advance(w, LENGTH[i], now);
    used = w->sum;
    if (i == 1 && e->others_until > now)
      used += e->others;
    if (used < limit)
      continue;
    at = used - limit < w->sum ? room_at(w, LENGTH[i], used - limit)
                               : e->others_until;
    if (at - now > wait)
      wait = at - now;
    if (wait <= 0)
      wait = 1;
  }
  return wait;
}


static void count (entry *e, const bucket *b, int64_t now, int by) {
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++) {
    window *w = &e->windows[i];
    int64_t number = now / (LENGTH[i] / SLOTS);
    uint16_t *slot;
    if (b->limit[i] == 0 || number > w->head || number < w->head - SLOTS)
      continue;  /* it has left the window meanwhile */
    slot = slot_of(w, number);
    if ((by < 0 && *slot == 0) || (by > 0 && *slot == UINT16_MAX))
      continue;
    *slot = (uint16_t)(*slot + by);
    w->sum += (uint32_t)by;
  }
}


int64_t budget_take (budget *b, const bucket *list, int n, int64_t now) {
  int64_t wait = 0;
  int i;
  if (n == 0 || !lock(b->table))
    return 0;  /* better a 429 than to stand still */
  for (i = 0; i < n; i++) {
    int64_t one = wait_for(find(b->table, list[i].key, now), &list[i], now);
    if (one > wait)
      wait = one;
  }
  for (i = 0; i < n && wait == 0; i++)
    count(find(b->table, list[i].key, now), &list[i], now, 1);
  pthread_mutex_unlock(&b->table->lock);
  return wait;
}


void budget_settle (budget *b, const bucket *list, int n, int64_t then,
                    int64_t now) {
  int i, w;
  if (n == 0 || !lock(b->table))
    return;
  for (i = 0; i < n; i++) {
    entry *e = find(b->table, list[i].key, now);
    for (w = 0; w < BUDGET_WINDOWS; w++)
      advance(&e->windows[w], LENGTH[w], now);
    count(e, &list[i], then, -1);
    count(e, &list[i], now, 1);
  }
  pthread_mutex_unlock(&b->table->lock);
}


void budget_block (budget *b, const bucket *one, int64_t until) {
  entry *e;
  if (!lock(b->table))
    return;
  e = find(b->table, one->key, budget_now());
  if (until > e->blocked)
    e->blocked = until;
  pthread_mutex_unlock(&b->table->lock);
}


void budget_learn (budget *b, const bucket *one, const rate_limit *limit,
                   int64_t now) {
  entry *e;
  int i, k;
  if (!lock(b->table))
    return;
  e = find(b->table, one->key, now);
  for (i = 0; i < limit->windows; i++)
    for (k = 0; k < BUDGET_WINDOWS; k++)
      if (limit->window[i].seconds * 1000 == LENGTH[k] &&
          limit->window[i].limit > 0)
        e->limit[k] = (uint32_t)limit->window[i].limit;
  /* the service has counted more this minute than we have: the rest was
     other programs with the account's keys, on other machines */
  if (limit->remaining >= 0 && limit->reset >= 0 && e->limit[1] != 0 &&
      one->limit[1] != 0) {
    window *w = &e->windows[1];
    int64_t counted = (int64_t)e->limit[1] - limit->remaining;
    advance(w, LENGTH[1], now);
    e->others = counted > w->sum ? (uint32_t)(counted - w->sum) : 0;
    e->others_until = now + (int64_t)limit->reset * 1000;
  }
  pthread_mutex_unlock(&b->table->lock);
}


int64_t budget_least_wait (const bucket *list, int n, int64_t ahead) {
  int64_t wait = 0;
  int i, k;
  for (i = 0; i < n; i++)
    for (k = 0; k < BUDGET_WINDOWS; k++)
      if (list[i].limit[k] != 0) {
        int64_t one = ahead / list[i].limit[k] * LENGTH[k];
        if (one > wait)
          wait = one;
      }
  return wait;
}
