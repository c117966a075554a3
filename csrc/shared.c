/*
** shared.c - memory that the processes of a machine share.
**
** The file is never cut and never rewritten: that would kill those who have
** it mapped. One that another version made is replaced by another file.
*/
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"

/* What the file begins with: ours, and of which making. */
#define OURS "klaviyo"
#define MAKING "2"

#define TRIES 20          /* for the file's own lock, which is held briefly */
#define PAUSE_NS 50000000L

typedef struct head {
  char name[8];           /* written last: OURS, MAKING */
  uint64_t size;
  pthread_mutex_t lock;
} head;

/* Where the bytes begin: aligned for anything. */
#define OFFSET (((sizeof(head) + 63) / 64) * 64)

struct shared {
  head *head;
  size_t size;            /* of the mapping */
};

typedef enum state {
  NEW,                    /* nothing in it */
  READY,
  OTHER,                  /* of another version's making, or damaged */
  FOREIGN
} state;


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


static head *map (int fd, size_t size) {
  int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
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


static state state_of (int fd, off_t file_size, size_t size) {
  char name[8] = {0};
  uint64_t noted = 0;
  if (file_size == 0)
    return NEW;
  if (pread(fd, name, sizeof(name), 0) != (ssize_t)sizeof(name))
    return FOREIGN;
  if (memcmp(name, OURS, sizeof(OURS) - 1) != 0) {
    /* whoever made it may have died before it wrote the name */
    static const char nothing[8] = {0};
    return memcmp(name, nothing, sizeof(name)) == 0 && file_size == (off_t)size
           ? NEW : FOREIGN;
  }
  if (name[7] != MAKING[0] || file_size != (off_t)size ||
      pread(fd, &noted, sizeof(noted), offsetof(head, size)) !=
        (ssize_t)sizeof(noted) || noted != size)
    return OTHER;
  return READY;
}


/* Zeros where there was nothing. Taken from the disk at once: a page that
** cannot be had later would kill us. */
static const char *fill (int fd, const char *path, bool group, head **made,
                         size_t size) {
  head *h;
  int code = posix_fallocate(fd, 0, (off_t)size);
  if (code != 0)
    return strerror(code);
  h = map(fd, size);
  if (h == NULL)
    return strerror(errno);
  if (!make_lock(&h->lock)) {
    munmap(h, size);
    return "this system has no locks between processes";
  }
  h->size = size;
  memcpy(h->name, OURS MAKING, sizeof(h->name));
  if (group)
    give_to_group(fd, path);
  *made = h;
  return NULL;
}


static bool wait_for_file (int fd) {
  static const struct timespec pause = {0, PAUSE_NS};
  int i;
  for (i = 0; i < TRIES; i++) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
      return true;
    nanosleep(&pause, NULL);
  }
  return false;
}


/* With the file locked. '*again': it is not what is found there any more. */
static const char *prepare (int fd, const char *path, bool group,
                            head **made, size_t size, bool *again) {
  struct stat file, there;
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode))
    return "it is not a regular file";
  if (!group && file.st_uid != geteuid())
    return "it belongs to somebody else";
  *again = lstat(path, &there) != 0 || there.st_ino != file.st_ino ||
           there.st_dev != file.st_dev;
  if (*again)
    return NULL;
  switch (state_of(fd, file.st_size, size)) {
    case NEW: return fill(fd, path, group, made, size);
    case FOREIGN: return "it holds something else";
    case OTHER:
      *again = true;
      return unlink(path) == 0 ? NULL : strerror(errno);
    case READY: break;
  }
  *made = map(fd, size);
  return *made != NULL ? NULL : strerror(errno);
}


static const char *open_file (const char *path, bool group, head **made,
                              size_t size) {
  const char *why = "it is replaced all the time";
  bool again = true;
  int i;
  for (i = 0; again && i < TRIES; i++) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY,
                  group ? 0660 : 0600);
    if (fd < 0)
      return errno == ELOOP ? "it is a symbolic link" : strerror(errno);
    again = false;
    why = "somebody keeps it locked";
    if (wait_for_file(fd)) {
      why = prepare(fd, path, group, made, size, &again);
      flock(fd, LOCK_UN);  /* closing would not: the mapping holds the file */
    }
    close(fd);
    if (again && why != NULL)
      return why;
  }
  return *made != NULL ? NULL : why != NULL ? why
                                            : "it is replaced all the time";
}


shared *shared_open (const char *path, bool group, size_t size,
                     const char **why) {
  shared *s = calloc(1, sizeof(*s));
  *why = "not enough memory";
  if (s == NULL)
    return NULL;
  s->size = OFFSET + size;
  if (path != NULL)
    *why = open_file(path, group, &s->head, s->size);
  else if ((s->head = map(-1, s->size)) != NULL)
    *why = make_lock(&s->head->lock) ? NULL : "no locks";
  if (*why == NULL)
    return s;
  shared_close(s);
  return NULL;
}


void shared_close (shared *s) {
  if (s != NULL && s->head != NULL)
    munmap(s->head, s->size);
  free(s);
}


void *shared_lock (shared *s, long ms, bool *died) {
  pthread_mutex_t *lock = &s->head->lock;
  int code = pthread_mutex_trylock(lock);
  if (code == EBUSY && ms > 0) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000L) {
      until.tv_nsec -= 1000000000L;
      until.tv_sec++;
    }
    code = pthread_mutex_timedlock(lock, &until);
  }
  *died = code == EOWNERDEAD;
  if (*died)
    code = pthread_mutex_consistent(lock);
  return code == 0 ? (char *)s->head + OFFSET : NULL;
}


void shared_unlock (shared *s) {
  pthread_mutex_unlock(&s->head->lock);
}
