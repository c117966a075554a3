/*
** slow_names.c - to be preloaded: looking up the name of a host that ends in
** ".slow" takes as many seconds as $SLOW_NAMES says, and fails.
*/
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dlfcn.h>

typedef int lookup (const char *node, const char *service,
                    const struct addrinfo *hints, struct addrinfo **found);


__attribute__((visibility("default")))
int getaddrinfo (const char *node, const char *service,
                 const struct addrinfo *hints, struct addrinfo **found) {
  const char *end = node != NULL ? strrchr(node, '.') : NULL;
  union {
    void *object;
    lookup *function;
  } real;
  if (end != NULL && strcmp(end, ".slow") == 0) {
    struct timespec pause = {atoi(getenv("SLOW_NAMES")), 0};
    nanosleep(&pause, NULL);
    return EAI_AGAIN;
  }
  real.object = dlsym(RTLD_NEXT, "getaddrinfo");
  return real.function(node, service, hints, found);
}
