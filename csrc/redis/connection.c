/*
** redis/connection.c - a connection to Redis that never waits.
*/
#include "redis/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/buffer.h"

#define MAX_CONNECT_MS 2000L
#define MAX_PROBLEM 160
#define MAX_ELEMENTS 4096               /* of a list in a reply */
#define MAX_REPLY ((size_t)1024 * 1024) /* bytes */
#define MAX_PRIMARY 300
#define MAX_IDLE_ROOM ((size_t)1024 * 1024) /* bytes that the output keeps */

typedef enum connection_state {
  CLOSED,
  CONNECTING,
  SETUP, /* connected; the replies to the first commands are not there */
  READY
} connection_state;

/* The first commands, in the order in which they are sent. */
typedef enum setup_step {
  SETUP_AUTH = 1,
  SETUP_SELECT = 2,
  SETUP_ROLE = 4,
  SETUP_SCRIPT = 8,
  SETUP_SENTINEL = 16
} setup_step;

/* The type of a number of elements, which hiredis changed. */
#if HIREDIS_MAJOR < 1
typedef int element_count;
#else
typedef size_t element_count;
#endif

struct connection {
  const redis_address *address;
  const char *script;
  connection_limits limits;
  bool limits_all; /* the replies since connection_expect, not one */
  connection_state state;
  CURLM *multi;
  CURL *easy; /* NULL: closed */
  int fd;
  redisReader *replies;
  redisReplyObjectFunctions functions; /* of the replies */
  void *(*create_array)(const redisReadTask *, element_count);
  size_t unread;   /* bytes since the last reply, or connection_expect */
  size_t elements; /* of lists, since then */
  buffer output;
  size_t sent;    /* bytes of the output */
  size_t written; /* bytes since connection_send_bytes */
  unsigned steps; /* replies that are awaited, a set of setup_step */
  int server;     /* which of the address's */
  bool asks_sentinel;
  char primary[MAX_PRIMARY]; /* host:port as a sentinel named it; empty: ask */
  char sha[41];
  bool
      has_ended; /* the server closed it: only the replies that came are left */
  CURLcode end;  /* how */
  char problem[MAX_PROBLEM];
  bool refused; /* the problem is an error reply */
};


connection *connection_new (const redis_address *address, const char *script) {
  connection *c = calloc(1, sizeof(*c));
  if (c == NULL)
    return NULL;
  c->address = address;
  c->script = script;
  c->limits.elements = MAX_ELEMENTS;
  c->limits.bytes = MAX_REPLY;
  c->limits.connect_ms = MAX_CONNECT_MS;
  c->fd = -1;
  c->multi = curl_multi_init();
  if (c->multi == NULL) {
    free(c);
    return NULL;
  }
  return c;
}


void connection_limit (connection *c, const connection_limits *limits) {
  c->limits = *limits;
  c->limits_all = true;
}


void connection_expect (connection *c) {
  c->unread = c->elements = 0;
}


void connection_abandon (connection *c) {
  if (c->fd >= 0)
    close(c->fd);
}


static void disconnect (connection *c) {
  if (c->easy != NULL) {
    curl_multi_remove_handle(c->multi, c->easy);
    curl_easy_cleanup(c->easy);
  }
  if (c->replies != NULL)
    redisReaderFree(c->replies);
  buffer_free(&c->output);
  c->easy = NULL;
  c->replies = NULL;
  c->fd = -1;
  c->sent = 0;
  c->steps = 0;
  c->has_ended = false;
  c->state = CLOSED;
}


void connection_free (connection *c) {
  disconnect(c);
  curl_multi_cleanup(c->multi);
  free(c);
}


/* Next time another server is tried. */
void connection_close (connection *c, const char *why) {
  (void)snprintf(c->problem, sizeof(c->problem), "%s",
                 why[0] != 0 ? why : "an error without a text");
  c->refused = false;
  disconnect(c);
  c->primary[0] = 0;
  if (c->address->server_count > 0)
    c->server = (c->server + 1) % c->address->server_count;
}


void connection_refuse (connection *c, const redisReply *r) {
  if (r->type != REDIS_REPLY_ERROR)
    connection_close(c, "there was a reply to no command");
  else {
    connection_close(c, r->str);
    c->refused = true;
  }
}


const char *connection_problem (const connection *c) {
  return c->problem;
}


bool connection_was_refused (const connection *c) {
  return c->refused;
}


bool connection_is_ready (const connection *c) {
  return c->state == READY;
}


bool connection_is_closed (const connection *c) {
  return c->state == CLOSED;
}


bool connection_is_connecting (const connection *c) {
  return c->state == CONNECTING;
}


const char *connection_sha (const connection *c) {
  return c->sha;
}


void connection_forget_sha (connection *c) {
  c->sha[0] = 0;
}


int connection_socket (const connection *c, bool *output) {
  *output = c->sent < c->output.size;
  return c->fd;
}


/* {======================================================
** Connecting
** ======================================================= */

/* Returns whether all options could be set. A scheme of libcurl stands for TCP,
** with or without TLS: libcurl only connects. */
static bool configure (const connection *c, const char *server) {
  const redis_address *a = c->address;
  char url[MAX_PRIMARY + 16];
  CURL *e = c->easy;
  (void)snprintf(url, sizeof(url), "%s://%s/", a->tls ? "https" : "http",
                 server);
  return curl_easy_setopt(e, CURLOPT_URL, url) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
         /* do not wait for a resolver thread */
         curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK &&
         curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, c->limits.connect_ms) ==
             CURLE_OK &&
         (a->ca_file == NULL ||
          curl_easy_setopt(e, CURLOPT_CAINFO, a->ca_file) == CURLE_OK) &&
         (a->unix_path == NULL || curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH,
                                                   a->unix_path) == CURLE_OK);
}


/* hiredis would allocate as many elements as a server names. */
static void *create_array (const redisReadTask *task, element_count n) {
  connection *c = task->privdata;
  if ((size_t)n > c->limits.elements - c->elements)
    return NULL;
  c->elements += (size_t)n;
  return c->create_array(task, n);
}


static redisReader *new_reader (connection *c) {
  redisReader *r = redisReaderCreate();
  if (r == NULL)
    return NULL;
  c->functions = *r->fn;
  c->create_array = c->functions.createArray;
  c->functions.createArray = create_array;
  c->unread = c->elements = 0;
  r->fn = &c->functions;
  r->privdata = c;
  return r;
}


void connection_open (connection *c) {
  const char *server = "redis";
  if (c->state != CLOSED)
    return;
  c->asks_sentinel = c->address->sentinel != NULL && c->primary[0] == 0;
  if (c->primary[0] != 0)
    server = c->primary;
  else if (c->address->unix_path == NULL)
    server = c->address->servers[c->server];
  c->easy = curl_easy_init();
  c->replies = new_reader(c);
  if (c->easy == NULL || c->replies == NULL || !configure(c, server) ||
      curl_multi_add_handle(c->multi, c->easy) != CURLM_OK) {
    connection_close(c, "not enough memory");
    return;
  }
  c->state = CONNECTING;
}


bool connection_send (connection *c, int count, const char **words,
                      const size_t *sizes) {
  char *text;
  bool done;
  long long size = redisFormatCommandArgv(&text, count, words, sizes);
  if (size < 0)
    return false;
  done = buffer_add(&c->output, text, (size_t)size);
  redisFreeCommand(text);
  return done;
}


bool connection_send_bytes (connection *c, const char *bytes, size_t size) {
  c->written = 0;
  return buffer_add(&c->output, bytes, size);
}


size_t connection_written (const connection *c) {
  return c->written;
}


static void send_setup (connection *c, setup_step step, int count,
                        const char *first, const char *second,
                        const char *third) {
  const char *words[3];
  words[0] = first;
  words[1] = second;
  words[2] = third;
  if (connection_send(c, count, words, NULL))
    c->steps |= step;
}


static void send_auth (connection *c, const char *user, const char *password) {
  if (password != NULL && user != NULL)
    send_setup(c, SETUP_AUTH, 3, "AUTH", user, password);
  else if (password != NULL)
    send_setup(c, SETUP_AUTH, 2, "AUTH", password, NULL);
}


static void start_setup (connection *c) {
  const redis_address *a = c->address;
  char number[16];
  c->state = SETUP;
  if (c->asks_sentinel) {
    send_auth(c, a->sentinel_user, a->sentinel_password);
    send_setup(c, SETUP_SENTINEL, 3, "SENTINEL", "get-master-addr-by-name",
               a->sentinel);
    return;
  }
  send_auth(c, a->user, a->password);
  (void)snprintf(number, sizeof(number), "%d", a->database);
  if (a->database != 0)
    send_setup(c, SETUP_SELECT, 2, "SELECT", number, NULL);
  if (a->sentinel != NULL)
    send_setup(c, SETUP_ROLE, 1, "ROLE", NULL, NULL);
  c->sha[0] = 0;
  if (c->script != NULL)
    send_setup(c, SETUP_SCRIPT, 3, "SCRIPT", "LOAD", c->script);
  if (c->steps == 0)
    c->state = READY;
}


static bool continue_connecting (connection *c) {
  int left;
  CURLMsg *message;
  CURLcode code;
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_multi_perform(c->multi, &left);
  message = curl_multi_info_read(c->multi, &left);
  if (message == NULL || message->msg != CURLMSG_DONE)
    return true;
  code = message->data.result;
  if (code == CURLE_OK)
    code = curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd);
  if (code == CURLE_OK && fd != CURL_SOCKET_BAD) {
    c->fd = (int)fd;
    start_setup(c);
    return true;
  }
  connection_close(
      c, curl_easy_strerror(code != CURLE_OK ? code : CURLE_COULDNT_CONNECT));
  return false;
}


/* The sentinel's reply: host and port of the primary. */
static bool take_primary (connection *c, const redisReply *r) {
  const char *host;
  int n;
  if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
      r->element[0]->type != REDIS_REPLY_STRING ||
      r->element[1]->type != REDIS_REPLY_STRING) {
    connection_close(c, "the sentinel does not know this primary");
    return false;
  }
  host = r->element[0]->str;
  n = snprintf(c->primary, sizeof(c->primary),
               strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host,
               r->element[1]->str);
  disconnect(c);
  if (n < 0 || (size_t)n >= sizeof(c->primary))
    c->primary[0] = 0;
  connection_open(c);
  return true;
}


/* Returns whether an error is not only of this command. */
static bool refuses_all (const char *text) {
  static const char too_many[] = "ERR max number of clients";
  return strncmp(text, "NOAUTH", 6) == 0 ||
         strncmp(text, too_many, sizeof(too_many) - 1) == 0;
}


/* An error in place of the reply to a first command. It is shown without the
** words of that command, one of which may be the password: servers repeat those
** of a command that they do not know. */
static void refuse_setup (connection *c, setup_step step, const redisReply *r) {
  char text[MAX_PROBLEM];
  const char *words = strstr(r->str, ", with args");
  bool is_access = step == SETUP_AUTH || error_begins(r->str, "NOAUTH") ||
                   error_begins(r->str, "NOPERM");
  (void)snprintf(text, sizeof(text), "%.*s%s",
                 words != NULL ? (int)(words - r->str) : MAX_PROBLEM / 2,
                 r->str,
                 is_access && c->asks_sentinel
                     ? " (a sentinel: see sentinel_password in the URL)"
                     : "");
  connection_close(c, text);
  c->refused = true;
}


/* Handles the reply to the first of the steps that are awaited. */
static bool setup_reply (connection *c, const redisReply *r) {
  setup_step step = (setup_step)(c->steps & -c->steps);
  c->steps &= ~step;
  if (step == SETUP_SCRIPT) { /* an error: the script is sent each time */
    if (r->type == REDIS_REPLY_STRING && r->len == 40)
      memcpy(c->sha, r->str, 41);
    if (r->type == REDIS_REPLY_ERROR && (c->has_ended || refuses_all(r->str))) {
      refuse_setup(c, SETUP_SCRIPT, r);
      return false;
    }
  }
  else if (r->type == REDIS_REPLY_ERROR) {
    refuse_setup(c, step, r);
    return false;
  }
  else if (step == SETUP_SENTINEL)
    return take_primary(c, r);
  else if (step == SETUP_ROLE &&
           (r->type != REDIS_REPLY_ARRAY || r->elements == 0 ||
            r->element[0]->type != REDIS_REPLY_STRING ||
            strcmp(r->element[0]->str, "master") != 0)) {
    connection_close(c, "the sentinel named a server that is not the primary");
    return false;
  }
  if (c->steps == 0)
    c->state = READY;
  return true;
}

/* }====================================================== */


static void write_output (connection *c) {
  CURLcode code = CURLE_OK;
  while (c->sent < c->output.size && code == CURLE_OK) {
    size_t n = 0;
    code = curl_easy_send(c->easy, c->output.data + c->sent,
                          c->output.size - c->sent, &n);
    c->sent += n;
    c->written += n;
  }
  if (c->sent == c->output.size) {
    c->output.size = 0;
    c->sent = 0;
    if (c->output.room > MAX_IDLE_ROOM)
      buffer_free(&c->output);
  }
  if (code != CURLE_OK && code != CURLE_AGAIN) { /* replies may be there */
    c->has_ended = true;
    c->end = code;
  }
}


static void close_exceeded (connection *c, bool bytes) {
  char text[80];
  size_t limit = bytes ? c->limits.bytes : c->limits.elements;
  (void)snprintf(text, sizeof(text), "the replies have more than %zu %s", limit,
                 bytes ? "bytes" : "elements");
  connection_close(c, text);
}


static redisReply *read_reply (connection *c) {
  void *reply = NULL;
  if (c->replies == NULL)
    return NULL;
  if (redisReaderGetReply(c->replies, &reply) != REDIS_OK) {
    if (c->replies->err == REDIS_ERR_OOM)
      close_exceeded(c, false);
    else
      connection_close(c, "it does not speak the protocol of Redis");
    return NULL;
  }
  if (reply != NULL && !c->limits_all)
    c->unread = c->elements = 0;
  return reply;
}


static bool read_input (connection *c) {
  char bytes[16384];
  for (;;) {
    size_t n = 0;
    CURLcode code = curl_easy_recv(c->easy, bytes, sizeof(bytes), &n);
    if (code == CURLE_AGAIN)
      return true;
    if (code != CURLE_OK || n == 0) {
      c->has_ended = true;
      c->end = code;
      return true;
    }
    c->unread += n;
    if (redisReaderFeed(c->replies, bytes, n) != REDIS_OK) {
      connection_close(c, "not enough memory");
      return false;
    }
    if (c->unread > c->limits.bytes) {
      close_exceeded(c, true);
      return false;
    }
  }
}


/* All replies were taken. Returns whether it is closed now because the server
** closed it. */
static bool close_ended (connection *c) {
  if (!c->has_ended || c->state == CLOSED)
    return false;
  connection_close(c, c->end != CURLE_OK ? curl_easy_strerror(c->end)
                                         : "the connection was closed");
  return true;
}


static bool continue_setup (connection *c) {
  redisReply *r;
  bool ok = true;
  while (ok && c->state == SETUP && (r = read_reply(c)) != NULL) {
    ok = setup_reply(c, r);
    freeReplyObject(r);
  }
  return ok && c->state != CLOSED && (c->state == READY || !close_ended(c));
}


bool connection_run (connection *c) {
  if (c->state == CLOSED)
    return true;
  if (c->state == CONNECTING && !continue_connecting(c))
    return false;
  if (c->state == CONNECTING)
    return true;
  if (!c->has_ended)
    write_output(c);
  if (!read_input(c))
    return false;
  return c->state != SETUP || continue_setup(c);
}


redisReply *connection_next (connection *c) {
  redisReply *r = c->state == READY ? read_reply(c) : NULL;
  if (r == NULL && c->state == READY)
    close_ended(c);
  return r;
}


bool error_begins (const char *text, const char *code) {
  return strncmp(text, code, strlen(code)) == 0;
}


bool error_is_of_server (const char *text) {
  return error_begins(text, "READONLY") || error_begins(text, "LOADING") ||
         error_begins(text, "MASTERDOWN") || error_begins(text, "NOAUTH");
}


bool error_is_of_node (const char *text) {
  return error_begins(text, "MOVED") || error_begins(text, "ASK ") ||
         error_begins(text, "TRYAGAIN");
}


const char *error_hint (const char *text) {
  if (error_is_of_node(text))
    return "a Redis Cluster of several nodes, which are not followed: use a "
           "server without cluster mode";
  if (error_begins(text, "CROSSSLOT"))
    return "in a Redis Cluster the name of a stream needs a hash tag, such as "
           "{shop}:events";
  return NULL;
}
