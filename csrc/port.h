/*
** port.h - where the ends of transfers arrive for one Lua state, when the
** engine runs in a thread of its own.
**
** The engine notes the serials here and sends one byte to whoever reads the
** port's socket, an "n": not another one until the port was drained, and it
** says nothing but that there may be something. An "l" says that it may leave.
*/
#ifndef KLAVIYO_PORT_H
#define KLAVIYO_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct port port;

port *port_new (void);  /* NULL when memory is out */
port *port_share (port *p);
void port_release (port *p);

/* Nobody will ask it any more. */
void port_close (port *p);

/* How many ports of this process are open. */
int ports_open (void);

/* A child process has none of its parent's, whatever thread was at them. */
void ports_forget (void);

/* A transfer more will tell its end here. False when memory is out. */
bool port_expect (port *p);

/* Its end. */
void port_tell (port *p, long serial);

/* The serials that were told since the last time, '*count' of them, valid
** until the next time. Never waits. */
const long *port_drain (port *p, size_t *count);

/* How many are to be told, or told and not drained. */
size_t port_load (port *p);

/* {======================================================
** The reader
** ======================================================= */

#define PORT_ADDRESS 64

/* Opens the door: its address, for who wants to connect; or false, and
** '*why'. No file is left behind. */
bool port_listen (port *p, char address[PORT_ADDRESS], const char **why);

/* Lets in whoever stands at the door, if it is this very process, and shuts
** it; NULL, or why not. */
const char *port_accept (port *p);

/* The reader is gone. */
void port_leave (port *p);

/* Tells it to leave, in any case. */
void port_knock (port *p);

/* For who has no loop: waits until there is something to drain, up to 'ms'. */
void port_wait (port *p, long ms);

/* How long nothing is to be under way before the reader may go. */
void port_stay (port *p, int64_t ms);

/* Tells the readers of all ports that may. After how many milliseconds to
** ask again; -1: when there is another transfer. */
int64_t ports_rest (int64_t now);

/* }====================================================== */

#endif
