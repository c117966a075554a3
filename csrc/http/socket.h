/*
** http/socket.h - sockets that programs started by this process do not inherit.
*/
#ifndef KLAVIYO_SOCKET_H
#define KLAVIYO_SOCKET_H

/* Returns a new socket; -1: see errno. */
int socket_open (int family, int type, int protocol);

/* Sets the same options on a socket that accept returned. */
void socket_set_options (int fd);

#endif
