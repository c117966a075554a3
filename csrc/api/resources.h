/*
** api/resources.h - where the resources of a JSON:API page are in its text.
**
** The struct owns its memory, and does not keep the text: one thread at a time
** may use it.
*/
#ifndef KLAVIYO_RESOURCES_H
#define KLAVIYO_RESOURCES_H

#include "base/buffer.h"
#include "json/reader.h"

/* Bytes of the text. Those of a string are without its quotes. */
typedef struct span {
  size_t at, size;
} span;

typedef struct resource {
  span text, id, type;
  bool has_type; /* it is a string */
} resource;

typedef struct resources {
  buffer list;     /* of resource */
  bool has_others; /* values that are not objects with an id */
} resources;

typedef enum resources_status {
  RESOURCES_OK,
  RESOURCES_INVALID, /* the reader has an error */
  RESOURCES_NO_MEMORY
} resources_status;

void resources_clear (resources *r);
void resources_free (resources *r);

/* Reads and checks the value that 'json' has just read, of that kind: a list of
** resources, one, or null. Replaces the resources that were there before. */
resources_status resources_read (resources *r, json_reader *json,
                                 json_kind kind);

size_t resources_count (const resources *r);
const resource *resources_get (const resources *r, size_t i); /* from 0 */

#endif
