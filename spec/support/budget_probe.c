/*
** budget_probe.c - the budget, by a clock of the spec's own; see
** spec/core/budget_spec.lua. A command a line, an answer a line.
**
**   open PATH group|own      take KEY S M D NOW      (limits; 0: none)
**   settle KEY S M D THEN NOW                        block KEY NOW MS
**   learn KEY S M D NOW REMAINING RESET LIMIT:SECONDS ...   (the header field
**     begins with the first of these limits, or with a number without SECONDS)
**   least KEY S M D AHEAD NOW
**   take2 KEY S M D KEY S M D NOW                    learn2 (likewise)
**   lock (and keep)          spoil KEY (the sums, as a kill might leave them)
**   simulate S M D SECONDS LATENCY_MS SEED: as many as are let go; "the most
**     that a second, a minute could hold, all"
*/
#include "../../csrc/budget.c"

#include <stdio.h>
#include <unistd.h>

#define HOLD_MS 400     /* as the engine does */
#define LOOK_BACK 5000
#define MOST_MADE 20000

static budget *b;

static struct made {
  int64_t start, taken, end;
} made[MOST_MADE];
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


static int64_t number (const char *word) {
  return strtoll(word, NULL, 10);
}


static rate_limit *told (char **words, int n, rate_limit *limit) {
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
        budget_settle(b, &one, 1, m->taken, now);
        m->taken = now;
      }
    }
    while (under_way < count_made && made[under_way].end < now)
      under_way++;
    while (count_made < MOST_MADE && budget_take(b, &one, 1, now) == 0) {
      struct made *m = &made[count_made++];
      state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
      m->start = m->taken = now;
      m->end = now + 1 + (int64_t)((state >> 33) % (uint64_t)latency);
    }
  }
  printf("%d %d %d\n", most_in(1000), most_in(60000), count_made);
}


static void spoil (uint64_t key) {
  entry *all = lock(b);
  int i;
  for (i = 0; i < BUDGET_WINDOWS; i++)
    find(all, key, budget_now())->windows[i].sum = UINT32_MAX - 3;
  unlock(b);
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
    budget_settle(b, parse(w + 1, 1, list), 1, number(w[5]), number(w[6]));
    puts("ok");
  }
  else if (strcmp(w[0], "block") == 0) {
    static char none[] = "0";
    char *as[] = {w[1], none, none, none};
    budget_block(b, parse(as, 1, list), number(w[2]), number(w[3]));
    puts("ok");
  }
  else if (strcmp(w[0], "learn") == 0) {
    budget_learn(b, parse(w + 1, 1, list), 1, told(w + 6, n - 6, &limit),
                 number(w[5]));
    puts("ok");
  }
  else if (strcmp(w[0], "learn2") == 0) {
    budget_learn(b, parse(w + 1, 2, list), 2, told(w + 10, n - 10, &limit),
                 number(w[9]));
    puts("ok");
  }
  else if (strcmp(w[0], "least") == 0)
    printf("%ld\n", (long)budget_least_wait(b, parse(w + 1, 1, list), 1,
                                            number(w[5]), number(w[6])));
  else if (strcmp(w[0], "spoil") == 0) {
    spoil(strtoull(w[1], NULL, 10));
    puts("ok");
  }
  else if (strcmp(w[0], "simulate") == 0)
    simulate(w + 1);
  else if (strcmp(w[0], "lock") == 0) {
    puts(lock(b) != NULL ? "locked" : "none");
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
