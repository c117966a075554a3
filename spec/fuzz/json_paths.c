/*
** json_paths.c - the paths of wanted members, and skipping what is not wanted.
** The first line of an input has the paths; each other line is a text. What the
** tree says of each member must be what the paths as text say; and to skip an
** object or list must end where reading it ends, or with the same error.
*/
#include "fuzz.h"

#include "json/paths.h"
#include "json/reader.h"

#define PATHS 8
#define DEPTH 16

typedef struct asked {
  char *paths[PATHS];
  size_t sizes[PATHS];
  int count;
} asked;


static bool starts_with (const char *text, size_t size, const buffer *start) {
  return size >= start->size &&
         same(text, start->size, start->data, start->size);
}


/* What the paths say of the member 'name' of an object whose own path, with a
** dot behind it, is 'prefix'. */
static int expected (const asked *a, const buffer *prefix, const char *name,
                     size_t size) {
  buffer path = {NULL, 0, 0};
  int i, wanted = JSON_UNWANTED;
  if (size > 0 && memchr(name, '.', size) != NULL)
    return JSON_UNWANTED;
  CHECK(buffer_add(&path, prefix->data, prefix->size) &&
        buffer_add(&path, name, size));
  for (i = 0; i < a->count; i++)
    if (same(path.data, path.size, a->paths[i], a->sizes[i]))
      wanted = JSON_WHOLE;
  CHECK(buffer_add_byte(&path, '.'));
  for (i = 0; i < a->count && wanted == JSON_UNWANTED; i++)
    if (starts_with(a->paths[i], a->sizes[i], &path))
      wanted = 1; /* any node */
  buffer_free(&path);
  return wanted;
}


/* Skips what was opened in a copy of the reader, and reads it in another. */
static void check_skip (const json_reader *opened) {
  json_reader skipped = *opened, read = *opened;
  char one[JSON_ERROR_SIZE], other[JSON_ERROR_SIZE];
  bool ok = json_skip(&skipped);
  json_kind kind = JSON_NULL;
  while (read.depth >= opened->depth && kind != JSON_ERROR)
    kind = json_next(&read);
  CHECK(ok == (kind != JSON_ERROR));
  CHECK(skipped.at == read.at);
  if (ok) {
    CHECK(skipped.depth == read.depth && skipped.is_first == read.is_first);
    CHECK(json_next(&skipped) == json_next(&read));
  }
  if (skipped.error != NULL || read.error != NULL) {
    json_error(&skipped, one);
    json_error(&read, other);
    CHECK(strcmp(one, other) == 0);
  }
}


static int wanted_of (const asked *a, const json_paths *p, int node,
                      const buffer *prefix, const buffer *name) {
  int found = json_paths_find(p, node, name->data, name->size);
  int wanted = expected(a, prefix, name->data, name->size);
  CHECK(found < p->count);
  CHECK(wanted == (found > 0 ? 1 : found));
  return found;
}


static void unescaped (buffer *out, const json_text *text) {
  out->size = 0;
  CHECK(text->has_escapes ? json_unescape(out, text)
                          : buffer_add(out, text->bytes, text->size));
}


static void check_text (const asked *a, const json_paths *p, const char *text,
                        size_t size) {
  json_reader r;
  json_kind kind;
  int nodes[DEPTH];
  size_t sizes[DEPTH];
  buffer prefix = {NULL, 0, 0}, name = {NULL, 0, 0};
  json_reader_init(&r, text, size);
  while ((kind = json_next(&r)) != JSON_END && kind != JSON_ERROR) {
    bool opens = kind == JSON_OBJECT || kind == JSON_LIST;
    int above = r.depth - opens, node = 0;
    if (kind == JSON_CLOSE) {
      prefix.size = sizes[r.depth];
      continue;
    }
    if (opens) {
      check_skip(&r);
      sizes[above] = prefix.size;
    }
    if (above > 0 && r.closers[above - 1] == '}') {
      unescaped(&name, &r.name);
      node = wanted_of(a, p, nodes[above - 1], &prefix, &name);
      if (opens)
        CHECK(buffer_add(&prefix, name.data, name.size) &&
              buffer_add_byte(&prefix, '.'));
    }
    else if (above > 0)
      node = nodes[above - 1];
    if (opens && (node < 0 || r.depth == DEPTH)) {
      prefix.size = sizes[above];
      if (!json_skip(&r))
        break;
    }
    else if (opens)
      nodes[above] = node;
  }
  CHECK(r.at >= r.start && r.at <= r.end);
  buffer_free(&prefix);
  buffer_free(&name);
}


/* Nothing is behind the end: a step beyond it is seen. */
static char *copy_of (const char *text, size_t size) {
  char *copy = malloc(size);
  CHECK(copy != NULL || size == 0);
  if (size > 0)
    memcpy(copy, text, size);
  return copy;
}


static void read_paths (feed *f, asked *a, json_paths *p) {
  size_t size;
  char *line = feed_until(f, '\n', &size);
  feed names = feed_of((const uint8_t *)line, size);
  a->count = 0;
  CHECK(json_paths_init(p));
  while (!feed_over(&names) && a->count < PATHS) {
    int i = a->count++, node;
    a->paths[i] = feed_until(&names, ' ', &a->sizes[i]);
    node = json_paths_add(p, 0, a->paths[i], a->sizes[i]);
    CHECK(node > 0);
    json_paths_end(p, node);
  }
  free(line);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  feed f = feed_of(data, size);
  asked a;
  json_paths p;
  size_t length;
  read_paths(&f, &a, &p);
  while (!feed_over(&f)) {
    char *text = feed_until(&f, '\n', &length);
    char *copy = copy_of(text, length);
    check_text(&a, &p, copy, length);
    free(copy);
    free(text);
  }
  json_paths_free(&p);
  while (a.count > 0)
    free(a.paths[--a.count]);
  return 0;
}
