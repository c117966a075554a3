/*
** http/socket.c - sockets that programs started by this process do not inherit.
*/
#include "http/socket.h"

#include <fcntl.h>
#include <sys/socket.h>


int socket_open (int family, int type, int protocol) {
#if defined(SOCK_CLOEXEC) && !defined(KLAVIYO_PORTABLE)
  return socket(family, type | SOCK_CLOEXEC, protocol);
#else
  int fd = socket(family, type, protocol);
  if (fd >= 0)
    socket_set_options(fd);
  return fd;
#endif
}


void socket_set_options (int fd) {
#if defined(SO_NOSIGPIPE) /* for systems whose send has no MSG_NOSIGNAL */
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
  fcntl(fd, F_SETFD, FD_CLOEXEC);
}
