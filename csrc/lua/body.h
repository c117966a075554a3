/*
** lua/body.h - the bytes of a request body in a userdata. LuaJIT interns every
** string, and bodies that differ in an id only have one hash: with 100,000 of
** them alive a new one takes 170 us.
*/
#ifndef KLAVIYO_BODY_H
#define KLAVIYO_BODY_H

#include <stddef.h>

#define BODY "klaviyo.body"

typedef struct body {
  size_t size;
  char bytes[1];
} body;

#endif
