/*
** resources.c - where the resources of a page are. Each line of an input is the
** data of a page: to find its resources must end where reading it ends, or with
** the same error; and each resource must be a whole object, with the id and the
** type that reading it finds.
*/
#include "fuzz.h"

#include "api/resources.h"


static bool is_there (span s, size_t size) {
  return s.at <= size && s.size <= size - s.at;
}


static void unescaped (buffer *out, const json_text *text) {
  out->size = 0;
  CHECK(text->has_escapes ? json_unescape(out, text)
                          : buffer_add(out, text->bytes, text->size));
}


/* The last string of that name in an object, or whether there is none. */
static bool find_string (const char *text, size_t size, const char *wanted,
                         span *where) {
  json_reader r;
  json_kind kind;
  buffer name = {NULL, 0, 0};
  bool found = false;
  json_reader_init(&r, text, size);
  CHECK(json_next(&r) == JSON_OBJECT);
  while ((kind = json_next(&r)) != JSON_CLOSE) {
    CHECK(kind != JSON_ERROR && kind != JSON_END);
    unescaped(&name, &r.name);
    if (same(name.data, name.size, wanted, strlen(wanted))) {
      found = kind == JSON_STRING;
      where->at = found ? (size_t)(r.string.bytes - text) : 0;
      where->size = found ? r.string.size : 0;
    }
    if (kind == JSON_OBJECT || kind == JSON_LIST)
      CHECK(json_skip(&r));
  }
  CHECK(json_next(&r) == JSON_END);
  buffer_free(&name);
  return found;
}


static void check_resource (const resource *one, const char *text, size_t size,
                            bool has_others) {
  span where;
  const char *own = text + one->text.at;
  CHECK(is_there(one->text, size));
  if (find_string(own, one->text.size, "id", &where))
    CHECK(one->id.at == one->text.at + where.at && one->id.size == where.size);
  else
    CHECK(has_others);
  CHECK(find_string(own, one->text.size, "type", &where) == one->has_type);
  if (one->has_type)
    CHECK(one->type.at == one->text.at + where.at &&
          one->type.size == where.size);
}


static void check_data (resources *found, const char *text, size_t size) {
  json_reader r, other;
  json_kind kind;
  resources_status status;
  size_t i;
  json_reader_init(&r, text, size);
  kind = json_next(&r);
  if (kind == JSON_ERROR)
    return;
  other = r;
  status = resources_read(found, &r, kind);
  CHECK(status != RESOURCES_NO_MEMORY);
  if (kind == JSON_OBJECT || kind == JSON_LIST)
    CHECK(json_skip(&other) == (status == RESOURCES_OK));
  CHECK(r.at == other.at && r.error == other.error);
  if (status == RESOURCES_OK)
    CHECK(r.depth == 0);
  for (i = 0; status == RESOURCES_OK && i < resources_count(found); i++)
    check_resource(resources_get(found, i), text, size, found->has_others);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  feed f = feed_of(data, size);
  resources found;
  memset(&found, 0, sizeof(found));
  while (!feed_over(&f)) {
    size_t length;
    char *text = feed_until(&f, '\n', &length);
    check_data(&found, text, length);
    free(text);
  }
  resources_free(&found);
  return 0;
}
