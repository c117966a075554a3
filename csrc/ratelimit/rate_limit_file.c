/*
** ratelimit/rate_limit_file.c - records by key, in a file that the processes of
** a machine share, or in the memory of this process.
**
** The file is read and written, never mapped: if another process truncates a
** mapped file, each process that touches it receives SIGBUS. A forked child
** must open the file again, because it shares the lock of the open file.
**
** The file's time is the time since the system was started, plus an offset that
** all processes read from the file: no count is lost when the wall clock is
** set. It is read once after each start of the system, and even then the
** file's time does not go back.
*/
#include "ratelimit/rate_limit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file_lock.h"

/* The start of the file: its name and the version of its format. */
#define MAGIC "klaviyo"
#define FORMAT "3"

#define FIRST_RECORD 4096 /* the position of the first record */

/* A key has one group of positions in each table, and each table has twice the
** groups of the one before. A table is used if the key's groups in the tables
** before it are full of busy records, so that no busy record is replaced before
** there are 2^18 of them. The first table is allocated at once. */
#define GROUP 16
#define GROUPS 64
#define TABLES 8
#define MIN_SIZE (FIRST_RECORD + GROUP * GROUPS * RATE_LIMIT_RECORD)

#define CACHED 256
#define MAX_TRIES 20
#define OPEN_MS 100L           /* the longest wait for the lock at open */
#define CHECK_INTERVAL_MS 1000 /* between checks of the path */

typedef struct header {
  char name[8];   /* MAGIC, FORMAT */
  int64_t offset; /* see rate_limit_file_offset */
  char boot[40];  /* the boot for which the offset is valid */
} header;

struct rate_limit_file {
  char *path; /* NULL: in memory */
  bool group;
  int fd; /* -1: closed */
  dev_t device;
  ino_t inode;
  int64_t size;
  int64_t max_size; /* RLIMIT_FSIZE; 0: no limit */
  int64_t checked;  /* when the path was last checked */
  bool unverified;  /* the content was not checked since then */
  int64_t offset;
  char *memory;
  struct {
    uint64_t key;
    int64_t position;
  } cached[CACHED]; /* last known positions of records */
};

static const char LOCKED[] = "another process keeps the file locked";

typedef enum state {
  NEW, /* empty */
  READY,
  OTHER_FORMAT, /* written by another version */
  FOREIGN
} state;


/* {======================================================
** Bytes
** ======================================================= */

/* Reads bytes; beyond the end of the file, zeros. */
static bool read_at (const rate_limit_file *f, int64_t at, void *to,
                     size_t size) {
  size_t done = 0;
  if (f->path == NULL && at + (int64_t)size <= f->size) {
    memcpy(to, f->memory + at, size);
    return true;
  }
  while (f->path != NULL && done < size) {
    ssize_t n =
        pread(f->fd, (char *)to + done, size - done, (off_t)at + (off_t)done);
    if (n == 0)
      break;
    if (n < 0 && errno != EINTR)
      return false;
    if (n > 0)
      done += (size_t)n;
  }
  memset((char *)to + done, 0, size - done);
  return true;
}


static bool grow_memory (rate_limit_file *f, int64_t size) {
  char *more = realloc(f->memory, (size_t)size);
  if (more == NULL)
    return false;
  memset(more + f->size, 0, (size_t)(size - f->size));
  f->memory = more;
  f->size = size;
  return true;
}


static const char *write_at (rate_limit_file *f, int64_t at, const void *from,
                             size_t size) {
  int64_t end = at + (int64_t)size;
  size_t done = 0;
  if (f->path == NULL) {
    if (end > f->size && !grow_memory(f, end * 2))
      return "not enough memory";
    memcpy(f->memory + at, from, size);
    return NULL;
  }
  if (f->max_size > 0 && end > f->max_size)
    return strerror(EFBIG); /* writing would raise SIGXFSZ */
  while (done < size) {
    ssize_t n = pwrite(f->fd, (const char *)from + done, size - done,
                       (off_t)at + (off_t)done);
    if (n < 0 && errno != EINTR)
      return strerror(errno);
    if (n > 0)
      done += (size_t)n;
  }
  if (end > f->size)
    f->size = end;
  return NULL;
}

/* }====================================================== */


/* {======================================================
** The file
** ======================================================= */

/* Reads an id that changes when the system is started. Empty: not known. */
static void read_boot (char boot[40]) {
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  memset(boot, 0, 40);
  if (fd >= 0 && read(fd, boot, 36) != 36)
    memset(boot, 0, 40);
  if (fd >= 0)
    close(fd);
}


/* Returns when a record was last used. */
static int64_t last_used (const rate_limit_file *f) {
  int64_t at, last = 0;
  record_head head;
  for (at = FIRST_RECORD; at < f->size; at += RATE_LIMIT_RECORD)
    if (read_at(f, at, &head, sizeof(head)) && head.key != 0 &&
        record_time_is_valid(head.used) && head.used > last)
      last = head.used;
  return last;
}


/* Takes the offset from the file, or sets a new one if the system was started
** since or the file is new. */
static const char *set_offset (rate_limit_file *f, const header *before) {
  int64_t uptime = clock_uptime(), wall, last;
  header now;
  struct timespec t;
  memset(&now, 0, sizeof(now));
  memcpy(now.name, MAGIC FORMAT, sizeof(now.name));
  read_boot(now.boot);
  if (before->name[0] != 0 &&
      record_time_is_valid(before->offset +
                           (before->offset < 0 ? uptime : 0)) &&
      memcmp(before->boot, now.boot, sizeof(now.boot)) == 0 &&
      (now.boot[0] != 0 || uptime + before->offset >= last_used(f))) {
    f->offset = before->offset;
    return NULL;
  }
  clock_gettime(CLOCK_REALTIME, &t);
  wall = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
  last = last_used(f);
  if (wall < last)
    wall = last;
  now.offset = f->offset = wall - uptime;
  return write_at(f, 0, &now, sizeof(now));
}


static state state_of (const rate_limit_file *f, header *h) {
  static const char zeros[8] = {0};
  if (!read_at(f, 0, h, sizeof(*h)))
    return FOREIGN;
  if (f->size == 0)
    return NEW;
  if (memcmp(h->name, MAGIC, sizeof(MAGIC) - 1) == 0)
    return h->name[7] == FORMAT[0] ? READY : OTHER_FORMAT;
  /* its creator may have been killed before it wrote the name */
  return memcmp(h->name, zeros, sizeof(zeros)) == 0 && f->size == MIN_SIZE
             ? NEW
             : FOREIGN;
}


/* Gives the file to the group of its directory. */
static void give_to_group (const rate_limit_file *f) {
  struct stat folder;
  char *copy = text_copy(f->path, strlen(f->path));
  if (copy != NULL && stat(dirname(copy), &folder) == 0 &&
      fchown(f->fd, (uid_t)-1, folder.st_gid) == 0)
    (void)!fchmod(f->fd, 0660); /* in spite of the umask */
  free(copy);
}


/* Makes the file at least MIN_SIZE long. If the system can allocate it on disk,
** a full disk is noticed here. Returns an error number. */
static int allocate (rate_limit_file *f) {
  int code = EOPNOTSUPP;
#if !defined(__APPLE__)
  code = posix_fallocate(f->fd, 0, MIN_SIZE);
#endif
  if ((code == EOPNOTSUPP || code == EINVAL) && f->size < MIN_SIZE)
    code = ftruncate(f->fd, MIN_SIZE) == 0 ? 0 : errno;
  return code;
}


/* Allocates the first table and writes the file's header. */
static const char *fill (rate_limit_file *f, const header *before) {
  int code;
  if (f->max_size > 0 && f->max_size < MIN_SIZE)
    return strerror(EFBIG);
  code = allocate(f);
  if (code != 0 && code != EOPNOTSUPP && code != EINVAL && code != EINTR)
    return strerror(code);
  if (f->size < MIN_SIZE)
    f->size = MIN_SIZE;
  if (f->group)
    give_to_group(f);
  return set_offset(f, before);
}


/* Validates the file, which is locked. Sets '*again' if the path now names
** another file. */
static const char *prepare (rate_limit_file *f, bool *again) {
  struct stat file, there;
  header h;
  if (fstat(f->fd, &file) != 0 || !S_ISREG(file.st_mode))
    return "it is not a regular file";
  if (!f->group && file.st_uid != geteuid())
    return "it belongs to another user";
  *again = lstat(f->path, &there) != 0 || there.st_ino != file.st_ino ||
           there.st_dev != file.st_dev;
  if (*again)
    return NULL;
  if (!f->group && file.st_nlink != 1)
    return "it has more than one hard link";
  if (!f->group && (file.st_mode & 077) != 0 && fchmod(f->fd, 0600) != 0)
    return strerror(errno);
  f->device = file.st_dev;
  f->inode = file.st_ino;
  f->size = file.st_size;
  switch (state_of(f, &h)) {
    case NEW: return fill(f, &h);
    case FOREIGN: return "it has other content; choose another path";
    case OTHER_FORMAT:
      *again = true;
      return unlink(f->path) == 0 ? NULL : strerror(errno);
    case READY: break;
  }
  return set_offset(f, &h);
}


/* Opens the path, but not as one of the three standard descriptors. */
static int open_path (const char *path, bool group) {
  int fd = open(
      path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
      group ? 0660 : 0600);
  if (fd >= 0 && fd <= STDERR_FILENO) {
    int other = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int code = errno;
    close(fd);
    errno = code;
    return other;
  }
  return fd;
}


/* Opens the file at the path of 'f', which is closed. */
static const char *open_file (rate_limit_file *f) {
  const char *why;
  struct rlimit limit;
  bool again = true;
  int i;
  f->max_size =
      getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
          ? (int64_t)limit.rlim_cur
          : 0;
  for (i = 0; again && i < MAX_TRIES; i++) {
    f->fd = open_path(f->path, f->group);
    if (f->fd < 0)
      return strerror(errno);
    again = false;
    why = LOCKED;
    if (file_lock_take(f->fd, OPEN_MS)) {
      why = prepare(f, &again);
      file_lock_release(f->fd);
    }
    if (why == NULL && !again)
      return NULL;
    close(f->fd);
    f->fd = -1;
    if (why != NULL)
      return why;
  }
  return "other processes keep replacing it";
}


/* The program may have closed the descriptor and opened another file with the
** same number: that file must not be written. This is not checked each time,
** because fstat makes the next write slower. */
static bool is_own_file (rate_limit_file *f) {
  struct stat file;
  if (f->fd < 0 || fstat(f->fd, &file) != 0 || file.st_ino != f->inode ||
      file.st_dev != f->device)
    return false;
  f->size = file.st_size;
  return true;
}


/* If the file was removed or replaced, opens the one that is now at its path.
** If that fails, the old one stays in use, which the processes that have it
** open still share. */
static const char *reopen_if_replaced (rate_limit_file *f) {
  int64_t now = clock_ms();
  struct stat there;
  rate_limit_file next;
  const char *why;
  if (f->fd >= 0 && now - f->checked < CHECK_INTERVAL_MS)
    return NULL;
  f->checked = now;
  f->unverified = true;
  if (!is_own_file(f))
    f->fd = -1;
  else if (lstat(f->path, &there) == 0 && there.st_ino == f->inode &&
           there.st_dev == f->device)
    return NULL;
  next = *f;
  memset(next.cached, 0, sizeof(next.cached));
  why = open_file(&next);
  if (why != NULL)
    return f->fd >= 0 ? NULL : why;
  if (f->fd >= 0)
    close(f->fd);
  next.unverified = false;
  *f = next;
  return NULL;
}

/* }====================================================== */


rate_limit_file *rate_limit_file_open (const char *path, bool group,
                                       const char **why) {
  rate_limit_file *f = calloc(1, sizeof(*f));
  *why = "not enough memory";
  if (f == NULL)
    return NULL;
  f->fd = -1;
  f->group = group;
  if (path == NULL) {
    f->size = MIN_SIZE;
    f->memory = calloc(1, MIN_SIZE);
    if (f->memory != NULL)
      return f;
  }
  else {
    f->path = text_copy(path, strlen(path));
    if (f->path != NULL)
      *why = reopen_if_replaced(f);
    /* the process that holds the lock may be stopped: this is temporary */
    if (*why == NULL || *why == LOCKED) {
      *why = NULL;
      return f;
    }
  }
  rate_limit_file_close(f);
  return NULL;
}


void rate_limit_file_close (rate_limit_file *f) {
  if (f == NULL)
    return;
  if (f->fd >= 0)
    close(f->fd);
  free(f->memory);
  free(f->path);
  free(f);
}


void rate_limit_file_forked (rate_limit_file *f) {
  if (f != NULL && f->fd >= 0) {
    close(f->fd);
    f->fd = -1;
  }
}


int64_t rate_limit_file_offset (const rate_limit_file *f) {
  return __atomic_load_n(&f->offset, __ATOMIC_RELAXED);
}


/* Writes a new header if another program truncated or overwrote the file. The
** caller holds the lock. */
static const char *restore (rate_limit_file *f) {
  header h;
  if (f->size >= MIN_SIZE && !f->unverified)
    return NULL;
  f->unverified = false;
  if (state_of(f, &h) == READY && f->size >= MIN_SIZE)
    return NULL;
  return fill(f, &h);
}


bool rate_limit_file_lock (rate_limit_file *f, long ms, const char **why) {
  *why = NULL;
  if (f->path == NULL)
    return true;
  *why = reopen_if_replaced(f);
  if (*why != NULL)
    return false;
  if (!file_lock_take(f->fd, ms)) {
    if (errno != EWOULDBLOCK)
      f->checked = 0;
    return false;
  }
  *why = restore(f);
  if (*why != NULL)
    file_lock_release(f->fd);
  return *why == NULL;
}


void rate_limit_file_unlock (rate_limit_file *f) {
  if (f->path != NULL)
    file_lock_release(f->fd);
}


/* {======================================================
** Records
** ======================================================= */

static int64_t group_offset (uint64_t key, int table) {
  uint64_t groups = (uint64_t)GROUPS << table;
  uint64_t before = groups - GROUPS; /* in the smaller tables */
  return FIRST_RECORD +
         (int64_t)((before + key % groups) * GROUP) * RATE_LIMIT_RECORD;
}


static bool is_kept (int64_t position, const int64_t *kept, int n) {
  while (n-- > 0)
    if (kept[n] == position)
      return true;
  return false;
}


/* Returns the position of the key, or 0 if it has none. Then '*free_offset' is
** where it may be stored: the first free or no longer busy position, or, if all
** are busy, the position whose record will be the first not to be busy. Returns
** -1 if the file cannot be read. */
static int64_t search (const rate_limit_file *f, uint64_t key, int64_t now,
                       const int64_t *kept, int n, int64_t *free_offset) {
  int64_t soonest = INT64_MAX;
  bool found = false; /* a position that replaces no busy record */
  record_head head;
  int table, i;
  *free_offset = 0;
  for (table = 0; table < TABLES; table++) {
    int64_t position = group_offset(key, table);
    if (position >= f->size && found)
      break; /* the records end here */
    for (i = 0; i < GROUP; i++, position += RATE_LIMIT_RECORD) {
      int64_t until;
      if (!read_at(f, position, &head, sizeof(head)))
        return -1;
      if (head.key == key)
        return position;
      until = head.key == 0 ? INT64_MIN : head.busy_until;
      if (found || until >= soonest || is_kept(position, kept, n))
        continue;
      soonest = until;
      *free_offset = position;
    }
    found = found || soonest <= now;
  }
  return 0;
}


/* Checks that the descriptor is still the file, and updates its size. */
static const char *verify (rate_limit_file *f) {
  if (f->path == NULL)
    return NULL;
  if (is_own_file(f))
    return restore(f);
  f->checked = 0;
  return "another part of the program has closed it";
}


/* Reads the record of a key. Returns its position, 0 if there is none, or -1
** and sets '*why'. The other parameters are those of 'search'. */
static int64_t find (rate_limit_file *f, uint64_t key, int64_t now,
                     const int64_t *kept, int n, int64_t *free_offset,
                     record_head *record, size_t size, const char **why) {
  int64_t position;
  *why = verify(f);
  if (*why != NULL)
    return -1;
  position = search(f, key, now, kept, n, free_offset);
  if (position >= 0 && (position == 0 || read_at(f, position, record, size)))
    return position;
  *why = "it cannot be read";
  return -1;
}


bool rate_limit_file_find (rate_limit_file *f, uint64_t key,
                           record_head *record, size_t size, const char **why) {
  int64_t free_offset;
  memset(record, 0, size);
  return find(f, key, 0, NULL, 0, &free_offset, record, size, why) >= 0;
}


int64_t rate_limit_file_read (rate_limit_file *f, uint64_t key, int64_t now,
                              const int64_t *kept, int n, record_head *record,
                              size_t size, const char **why) {
  int slot = (int)(key % CACHED);
  int64_t position = f->cached[slot].key == key ? f->cached[slot].position : 0;
  int64_t free_offset;
  if (key == 0)
    key = 1;
  /* a matching key shows that the file is still the same */
  if (position != 0 && read_at(f, position, record, size) && record->key == key)
    return position;
  position = find(f, key, now, kept, n, &free_offset, record, size, why);
  if (position < 0)
    return 0;
  if (position == 0) {
    memset(record, 0, size);
    record->key = key;
    record->used = now;
    record->busy_until = now + 1; /* reserve the position */
    position = free_offset;
    *why = write_at(f, position, record, size);
    if (*why != NULL)
      return 0;
  }
  f->cached[slot].key = key;
  f->cached[slot].position = position;
  return position;
}


bool rate_limit_file_write (rate_limit_file *f, int64_t position,
                            const record_head *record, size_t size,
                            const char **why) {
  *why = write_at(f, position, record, size);
  return *why == NULL;
}

/* }====================================================== */
