/*
** api/resources.c - where the resources of a JSON:API page are in its text.
*/
#include "api/resources.h"

#include <string.h>


void resources_clear (resources *r) {
  r->list.size = 0;
  r->has_others = false;
}


void resources_free (resources *r) {
  buffer_free(&r->list);
  resources_clear(r);
}


size_t resources_count (const resources *r) {
  return r->list.size / sizeof(resource);
}


const resource *resources_get (const resources *r, size_t i) {
  return (const resource *)(const void *)r->list.data + i;
}


static span span_of (const json_reader *json, const json_text *text) {
  span s;
  s.at = (size_t)((const unsigned char *)text->bytes - json->start);
  s.size = text->size;
  return s;
}


/* Escapes in these names are valid, but no server writes them. */
static resources_status is_named (const json_text *name, const char *wanted,
                                  bool *is_it) {
  buffer plain = {NULL, 0, 0};
  size_t size = strlen(wanted);
  if (!name->has_escapes) {
    *is_it = name->size == size && memcmp(name->bytes, wanted, size) == 0;
    return RESOURCES_OK;
  }
  if (!json_unescape(&plain, name)) {
    buffer_free(&plain);
    return RESOURCES_NO_MEMORY;
  }
  *is_it = plain.size == size && memcmp(plain.data, wanted, size) == 0;
  buffer_free(&plain);
  return RESOURCES_OK;
}


/* Reads the value of a member. If there are two of a name, the last counts. */
static resources_status read_member (resource *one, bool *has_id,
                                     json_reader *json, json_kind kind) {
  bool is_id, is_type = false;
  if (is_named(&json->name, "id", &is_id) != RESOURCES_OK ||
      is_named(&json->name, "type", &is_type) != RESOURCES_OK)
    return RESOURCES_NO_MEMORY;
  if (is_id) {
    *has_id = kind == JSON_STRING;
    if (*has_id)
      one->id = span_of(json, &json->string);
  }
  else if (is_type) {
    one->has_type = kind == JSON_STRING;
    if (one->has_type)
      one->type = span_of(json, &json->string);
  }
  if ((kind == JSON_OBJECT || kind == JSON_LIST) && !json_skip(json))
    return RESOURCES_INVALID;
  return RESOURCES_OK;
}


/* Reads an object whose opening brace was read. */
static resources_status read_resource (resources *r, json_reader *json) {
  resource one;
  json_kind kind;
  bool has_id = false;
  memset(&one, 0, sizeof(one));
  one.text.at = (size_t)(json->at - json->start) - 1;
  while ((kind = json_next(json)) != JSON_CLOSE) {
    resources_status status = kind == JSON_ERROR
                                  ? RESOURCES_INVALID
                                  : read_member(&one, &has_id, json, kind);
    if (status != RESOURCES_OK)
      return status;
  }
  one.text.size = (size_t)(json->at - json->start) - one.text.at;
  r->has_others = r->has_others || !has_id;
  return buffer_add(&r->list, &one, sizeof(one)) ? RESOURCES_OK
                                                 : RESOURCES_NO_MEMORY;
}


static resources_status read_item (resources *r, json_reader *json,
                                   json_kind kind) {
  if (kind == JSON_ERROR)
    return RESOURCES_INVALID;
  if (kind == JSON_OBJECT)
    return read_resource(r, json);
  r->has_others = true;
  return kind != JSON_LIST || json_skip(json) ? RESOURCES_OK
                                              : RESOURCES_INVALID;
}


resources_status resources_read (resources *r, json_reader *json,
                                 json_kind kind) {
  resources_status status = RESOURCES_OK;
  resources_clear(r);
  if (kind == JSON_NULL)
    return RESOURCES_OK;
  if (kind != JSON_LIST)
    return read_item(r, json, kind);
  while (status == RESOURCES_OK && (kind = json_next(json)) != JSON_CLOSE)
    status = read_item(r, json, kind);
  return status;
}
