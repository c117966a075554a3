/*
** redis/connection.h - a connection to Redis that never waits. libcurl
** connects, because it resolves names in a thread of its own and speaks TLS;
** hiredis reads the replies.
**
** One thread uses a connection.
*/
#ifndef KLAVIYO_REDIS_CONNECTION_H
#define KLAVIYO_REDIS_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#define REDIS_SERVERS 8

/* Where Redis is. The texts belong to a source, which is never freed, or to the
** caller of redis/calls.h that has the address. */
typedef struct redis_address {
  char *servers[REDIS_SERVERS]; /* host:port; with 'sentinel': of sentinels */
  int server_count;
  char *unix_path; /* NULL: by TCP */
  char *sentinel;  /* the name of the primary; NULL: no sentinels */
  char *user, *password, *ca_file;
  char *sentinel_user, *sentinel_password; /* NULL: they require none */
  int database;
  bool tls;
} redis_address;

typedef struct connection connection;

typedef struct connection_limits {
  size_t elements; /* of lists in replies */
  size_t bytes;    /* of replies */
  long connect_ms;
} connection_limits;

/* The address must outlive the connection. 'script', if it is not NULL, is
** loaded when it is connected. NULL: not enough memory. */
connection *connection_new (const redis_address *address, const char *script);
void connection_free (connection *c);

/* Sets other limits than those of one exchange. They are for all replies that
** arrive until connection_expect is called again. */
void connection_limit (connection *c, const connection_limits *limits);
void connection_expect (connection *c);

/* In a forked child: closes the descriptor that the parent uses, and nothing
** else. The connection must not be used any more, and its memory is lost. */
void connection_abandon (connection *c);

/* Begins to connect, unless it is connected. */
void connection_open (connection *c);
void connection_close (connection *c, const char *why);

/* Goes on without waiting: connects, reads, writes. Returns false if it was
** closed by this, and not if it was idle; connection_problem tells why. If the
** server closed it, it is closed when its replies were taken. */
bool connection_run (connection *c);
const char *connection_problem (const connection *c);

/* Returns whether it is an error reply of the server. */
bool connection_was_refused (const connection *c);

bool connection_is_ready (const connection *c); /* commands may be sent */
bool connection_is_closed (const connection *c);
bool connection_is_connecting (const connection *c);

/* Returns the socket, or -1, and whether it must be watched for output. */
int connection_socket (const connection *c, bool *output);

/* Returns the SHA-1 of the script; empty: Redis refused to load it. */
const char *connection_sha (const connection *c);
void connection_forget_sha (connection *c); /* the script is sent each time */

/* Queues a command. Returns false if there is not enough memory. */
bool connection_send (connection *c, int count, const char **words,
                      const size_t *sizes);

/* Queues the bytes of commands, and counts again what is written. Returns false
** if there is not enough memory. */
bool connection_send_bytes (connection *c, const char *bytes, size_t size);

/* Returns how many of these bytes were written. */
size_t connection_written (const connection *c);

/* Returns the next reply, which the caller frees; NULL: none arrived. The
** connection may be closed then. */
redisReply *connection_next (connection *c);

/* Closes it because of this reply, to no command or to one of the first. */
void connection_refuse (connection *c, const redisReply *r);

/* Returns whether the text of an error begins with a code. */
bool error_begins (const char *text, const char *code);

/* Returns whether another server may be the primary, after this error. */
bool error_is_of_server (const char *text);

/* Returns whether a node of a cluster does not have the keys of a command. */
bool error_is_of_node (const char *text);

/* Returns what to do after this error; NULL: its text is enough. */
const char *error_hint (const char *text);

#endif
