/*
** outbox/slot.c - a slot of an outbox's folder, held by one running process at
** a time.
*/
#include "outbox/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_lock.h"

#define NOTE_SIZE 42 /* for each figure a line: 20 digits, or blanks */

struct slot {
  slot *next;
  char *path;
  int64_t waiting;
  dev_t device;
  ino_t inode;
  int fd;
  bool is_inherited;
};

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static slot *slots; /* all that are taken, and all that were inherited */


static void before_fork (void) {
  pthread_mutex_lock(&guard);
}


static void in_parent (void) {
  pthread_mutex_unlock(&guard);
}


/* Closes inherited files in a child. A lock belongs to the open file, which a
** child shares: an open copy would keep the slot locked. */
static void in_child (void) {
  slot *s;
  for (s = slots; s != NULL; s = s->next) {
    if (!s->is_inherited)
      close(s->fd);
    s->is_inherited = true;
  }
  pthread_mutex_unlock(&guard);
}


void slot_report (const slot *s) {
  if (!s->is_inherited && s->waiting > 0)
    (void)fprintf(stderr,
                  "klaviyo: outbox: %" PRId64 " events still wait in "
                  "%.*s.db\n",
                  s->waiting, (int)(strlen(s->path) - strlen(".lock")),
                  s->path);
}


/* Reports waiting events when a program ends without closing the outbox. */
static void report_all (void) {
  const slot *s;
  pthread_mutex_lock(&guard);
  for (s = slots; s != NULL; s = s->next)
    slot_report(s);
  pthread_mutex_unlock(&guard);
}


/* If the registration fails, only the report is missing. */
static void begin (void) {
  pthread_atfork(before_fork, in_parent, in_child);
  (void)!atexit(report_all);
}


/* The caller holds the guard. */
static bool was_inherited (const slot *other) {
  const slot *s;
  for (s = slots; s != NULL; s = s->next)
    if (s->is_inherited && s->device == other->device &&
        s->inode == other->inode)
      return true;
  return false;
}


/* Returns 0, or an errno. */
static int lock (slot *s, const char *path, bool create) {
  struct stat about;
  s->fd = file_lock_open(path, create);
  if (s->fd < 0)
    return errno;
  if (!file_lock_take(s->fd, 0) || fstat(s->fd, &about) != 0)
    return errno;
  s->device = about.st_dev;
  s->inode = about.st_ino;
  return was_inherited(s) ? EWOULDBLOCK : 0;
}


slot *slot_take (const char *path, bool create, int *error) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  slot *s = calloc(1, sizeof(*s));
  *error = ENOMEM;
  if (s != NULL)
    s->path = strdup(path);
  if (s == NULL || s->path == NULL) {
    free(s);
    return NULL;
  }
  pthread_once(&once, begin);
  pthread_mutex_lock(&guard);
  *error = lock(s, path, create);
  if (*error == 0) {
    s->next = slots;
    slots = s;
  }
  else if (s->fd >= 0)
    close(s->fd);
  pthread_mutex_unlock(&guard);
  if (*error == 0)
    return s;
  free(s->path);
  free(s);
  return NULL;
}


/* Only a fork changes this, and after it there is but one thread. */
bool slot_is_inherited (const slot *s) {
  return s->is_inherited;
}


/* The note has a fixed size and is overwritten in place, so a full disk does
** not matter. If the write fails, the old figure stays, which does no harm. */
void slot_note (slot *s, slot_figures now) {
  char text[NOTE_SIZE + 1];
  s->waiting = now.waiting;
  (void)snprintf(text, sizeof(text), "%-20" PRId64 "\n%-20" PRId64 "\n",
                 now.waiting, now.oldest);
  (void)!pwrite(s->fd, text, NOTE_SIZE, 0);
}


bool slot_noted (const char *path, slot_figures *noted) {
  char text[NOTE_SIZE + 1] = "";
  char *end;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  (void)!pread(fd, text, NOTE_SIZE, 0);
  close(fd);
  noted->waiting = strtoll(text, &end, 10);
  noted->oldest = strtoll(end, NULL, 10);
  return true;
}


void slot_release (slot *s) {
  slot **at;
  if (s == NULL || s->is_inherited)
    return;
  pthread_mutex_lock(&guard);
  for (at = &slots; *at != s; at = &(*at)->next)
    ;
  *at = s->next;
  close(s->fd);
  pthread_mutex_unlock(&guard);
  free(s->path);
  free(s);
}
