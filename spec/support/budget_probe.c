/*
** budget_probe.c - the budget, with a clock that the spec sets; see
** spec/core/ratelimit/budget_spec.lua. One command and one answer per line.
**
**   open PATH group|own      take KEY S M D NOW      (limits; 0: none)
**   settle KEY S M D THEN NOW                        block KEY NOW MS
**   learn KEY S M D NOW REMAINING RESET LIMIT:SECONDS ...   (the header field
**     begins with the first of these limits, or with a number without SECONDS)
**   least KEY S M D AHEAD NOW
**   take2 KEY S M D KEY S M D NOW                    learn2 (likewise)
**   lock KEY S M D NOW (and keep)
**   spoil KEY NOW (overwrites the sums, as another program might)
**   many KEY S M D COUNT NOW: takes from COUNT keys; how many succeeded
**   problem                  sleep MS
**   full on|off: writing fails as on a full disk
**   unallocated: from now on the file system cannot allocate a file's blocks
**   wall SECONDS: sets the wall clock by this
**   close PATH: all descriptors but the first three; then opens another file
**   forks COUNT: children that take beside two threads, and end well
**   cost: processor time of one take, in nanoseconds
**   NOW may be "now" or "now+MS": by the budget's clock.
**   simulate S M D SECONDS LATENCY_MS SEED: takes as many as possible; the
**     largest count in a second, the largest in a minute, the total
*/
#include "ratelimit/budget.c"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOLD_MS 400     /* as the engine does */
#define LOOK_BACK 5000
#define MAX_QUEUES 20000

static budget *b;
static bool full;         /* the disk */
static bool unallocated;
static int64_t wall;      /* seconds by which the wall clock is set */

ssize_t __real_pwrite (int fd, const void *bytes, size_t size, off_t at);
ssize_t __wrap_pwrite (int fd, const void *bytes, size_t size, off_t at);
int __real_posix_fallocate (int fd, off_t from, off_t size);
int __wrap_posix_fallocate (int fd, off_t from, off_t size);
int __real_clock_gettime (clockid_t id, struct timespec *t);
int __wrap_clock_gettime (clockid_t id, struct timespec *t);


ssize_t __wrap_pwrite (int fd, const void *bytes, size_t size, off_t at) {
  if (!full)
    return __real_pwrite(fd, bytes, size, at);
  errno = ENOSPC;
  return -1;
}


int __wrap_posix_fallocate (int fd, off_t from, off_t size) {
  return unallocated ? EINVAL : __real_posix_fallocate(fd, from, size);
}


int __wrap_clock_gettime (clockid_t id, struct timespec *t) {
  int code = __real_clock_gettime(id, t);
  if (id == CLOCK_REALTIME)
    t->tv_sec += (time_t)wall;
  return code;
}


static struct made {
  int64_t start, taken, end;
} made[MAX_QUEUES];
static int count_made;


static bucket *parse (char **words, int n, bucket *list) {
  int i, k;
  memset(list, 0, (size_t)n * sizeof(*list));
  for (i = 0; i < n; i++) {
    list[i].key = strtoull(words[i * 4], NULL, 10);
    for (k = 0; k < BUDGET_WINDOWS; k++)
      list[i].limit[k] = (uint32_t)strtoul(words[i * 4 + 1 + k], NULL, 10);
    list[i].fixed = words[i * 4][0] == '0';
  }
  return list;
}


/* "now" and "now+5000" are by the budget's clock. */
static int64_t number (const char *word) {
  if (strncmp(word, "now", 3) == 0)
    return budget_now(b) + strtoll(word + 3, NULL, 10);
  return strtoll(word, NULL, 10);
}


static rate_limit *limit_of (char **words, int n, rate_limit *limit) {
  int i;
  memset(limit, 0, sizeof(*limit));
  limit->limit = -1;
  limit->remaining = (long)number(words[0]);
  limit->reset = (long)number(words[1]);
  for (i = 2; i < n; i++) {
    if (limit->limit < 0)
      limit->limit = (long)number(words[i]);
    if (strchr(words[i], ':') == NULL)
      continue;
    limit->window[limit->windows].limit = (long)number(words[i]);
    limit->window[limit->windows++].seconds =
      (long)number(strchr(words[i], ':') + 1);
  }
  return limit;
}


/* The most that any window of 'length' could hold, if the service counted
** each of them when it is worst for us, from its start to its answer. */
static int most_in (int64_t length) {
  int most = 0, i, k;
  for (i = 0; i < count_made; i++) {
    int within = 0;
    for (k = i; k >= 0 && k > i - LOOK_BACK; k--)
      within += made[k].end > made[i].start - length;
    if (within > most)
      most = within;
  }
  return most;
}


/* Asks every millisecond, for as many as are let go. */
static void simulate (char **words) {
  int64_t now = INT64_C(1700000000123), end = now + number(words[3]) * 1000;
  int64_t latency = number(words[4]);
  uint64_t state = strtoull(words[5], NULL, 10) * 2654435761u + 1;
  int i, under_way = 0;
  bucket one;
  static char account[] = "77";
  char *as[] = {account, words[0], words[1], words[2]};
  parse(as, 1, &one);
  count_made = 0;
  for (; now < end; now++) {
    for (i = under_way; i < count_made; i++) {
      struct made *m = &made[i];
      if (m->end >= now && (m->end == now || now == m->taken + HOLD_MS)) {
        budget_renew(b, &one, 1, m->taken, now);
        m->taken = now;
      }
    }
    while (under_way < count_made && made[under_way].end < now)
      under_way++;
    while (count_made < MAX_QUEUES && budget_take(b, &one, 1, now) == 0) {
      struct made *m = &made[count_made++];
      state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
      m->start = m->taken = now;
      m->end = now + 1 + (int64_t)((state >> 33) % (uint64_t)latency);
    }
  }
  printf("%d %d %d\n", most_in(1000), most_in(60000), count_made);
}


/* As a process leaves it that another program wrote into. */
static void spoil (uint64_t key, int64_t now) {
  bucket one;
  int i;
  memset(&one, 0, sizeof(one));
  one.key = key;
  if (!lock(b, &one, 1, now))
    return;
  for (i = 0; i < BUDGET_WINDOWS; i++)
    b->entries[0].windows[i].sum = UINT32_MAX - 3;
  save(b, 1);
}


/* Takes from COUNT keys (key, key + 1, ...) in turn; how many succeed. */
static int many (char **words) {
  uint64_t key = strtoull(words[0], NULL, 10);
  int i, all = (int)number(words[4]), taken = 0;
  bucket one;
  static char name[] = "1";
  char *as[] = {name, words[1], words[2], words[3]};
  parse(as, 1, &one);
  for (i = 0; i < all; i++) {
    one.key = (key + (uint64_t)i) * UINT64_C(0x9E3779B97F4A7C15);
    taken += budget_take(b, &one, 1, number(words[5])) == 0;
  }
  return taken;
}


static void *hammer (void *stop) {
  bucket one;
  memset(&one, 0, sizeof(one));
  one.key = 99;
  while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
    budget_take(b, &one, 1, budget_now(b));
  return NULL;
}


/* Children of a process whose threads are at work: how many came to an end
** of their own. */
static int forks (int count) {
  pthread_t threads[2];
  bool stop = false;
  int i, status, good = 0;
  for (i = 0; i < 2; i++)
    pthread_create(&threads[i], NULL, hammer, &stop);
  for (i = 0; i < count; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      bucket one;
      memset(&one, 0, sizeof(one));
      one.key = 98;
      alarm(5);  /* ends a process that hangs */
      _exit(budget_take(b, &one, 1, budget_now(b)) == 0 ? 0 : 1);
    }
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
        WEXITSTATUS(status) == 0)
      good++;
  }
  __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
  for (i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  return good;
}


/* Nanoseconds of the processor that one take costs. */
static double cost (void) {
  const int times = 200000;
  struct timespec from, to;
  bucket one;
  int i;
  memset(&one, 0, sizeof(one));
  one.key = 97;
  one.limit[0] = one.limit[1] = UINT16_MAX;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
  for (i = 0; i < times; i++)
    budget_take(b, &one, 1, INT64_C(1700000000000) + i);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
  return ((double)(to.tv_sec - from.tv_sec) * 1e9 +
          (double)(to.tv_nsec - from.tv_nsec)) / times;
}


static void obey (char **w, int n) {
  bucket list[2];
  rate_limit limit;
  const char *why;
  if (strcmp(w[0], "open") == 0) {
    budget_release(b);
    b = budget_open(w[1], strcmp(w[2], "group") == 0, &why);
    puts(b != NULL ? "ok" : why);
  }
  else if (strcmp(w[0], "take") == 0)
    printf("%ld\n", (long)budget_take(b, parse(w + 1, 1, list), 1,
                                      number(w[5])));
  else if (strcmp(w[0], "take2") == 0)
    printf("%ld\n", (long)budget_take(b, parse(w + 1, 2, list), 2,
                                      number(w[9])));
  else if (strcmp(w[0], "settle") == 0) {
    budget_renew(b, parse(w + 1, 1, list), 1, number(w[5]), number(w[6]));
    puts("ok");
  }
  else if (strcmp(w[0], "block") == 0) {
    static char none[] = "0";
    char *as[] = {w[1], none, none, none};
    budget_block(b, parse(as, 1, list), number(w[2]), number(w[3]));
    puts("ok");
  }
  else if (strcmp(w[0], "learn") == 0) {
    budget_learn(b, parse(w + 1, 1, list), 1, limit_of(w + 6, n - 6, &limit),
                 number(w[5]));
    puts("ok");
  }
  else if (strcmp(w[0], "learn2") == 0) {
    budget_learn(b, parse(w + 1, 2, list), 2, limit_of(w + 10, n - 10, &limit),
                 number(w[9]));
    puts("ok");
  }
  else if (strcmp(w[0], "least") == 0)
    printf("%ld\n", (long)budget_min_wait(b, parse(w + 1, 1, list), 1,
                                            number(w[5]), number(w[6])));
  else if (strcmp(w[0], "spoil") == 0) {
    spoil(strtoull(w[1], NULL, 10), number(w[2]));
    puts("ok");
  }
  else if (strcmp(w[0], "simulate") == 0)
    simulate(w + 1);
  else if (strcmp(w[0], "many") == 0)
    printf("%d\n", many(w + 1));
  else if (strcmp(w[0], "problem") == 0)
    puts(budget_problem(b) != NULL ? budget_problem(b) : "none");
  else if (strcmp(w[0], "full") == 0) {
    full = strcmp(w[1], "on") == 0;
    puts("ok");
  }
  else if (strcmp(w[0], "unallocated") == 0) {
    unallocated = true;
    puts("ok");
  }
  else if (strcmp(w[0], "wall") == 0) {
    wall = number(w[1]);
    puts("ok");
  }
  else if (strcmp(w[0], "close") == 0) {
    int fd;
    for (fd = 3; fd < 64; fd++)
      close(fd);
    (void)!open(w[1], O_RDWR);
    puts("ok");
  }
  else if (strcmp(w[0], "forks") == 0)
    printf("%d\n", forks((int)number(w[1])));
  else if (strcmp(w[0], "cost") == 0)
    printf("%.0f\n", cost());
  else if (strcmp(w[0], "sleep") == 0) {
    usleep((useconds_t)number(w[1]) * 1000);
    puts("ok");
  }
  else if (strcmp(w[0], "lock") == 0) {
    puts(lock(b, parse(w + 1, 1, list), 1, number(w[5])) ? "locked" : "none");
    fflush(stdout);
    pause();
  }
  else
    puts("unknown");
  fflush(stdout);
}


int main (void) {
  char line[512];
  while (fgets(line, sizeof(line), stdin) != NULL) {
    char *words[32];
    int n = 0;
    char *word = strtok(line, " \n");
    for (; word != NULL && n < 32; word = strtok(NULL, " \n"))
      words[n++] = word;
    if (n > 0)
      obey(words, n);
  }
  return 0;
}
