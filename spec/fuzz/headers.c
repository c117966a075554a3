/*
** headers.c - a block of header fields as a server may send it; and each of
** its fields once more as a field of a request.
*/
#include "fuzz.h"

#include <strings.h>

#include <curl/curl.h>

#include "http/headers.c"


static bool is_rfc_token (const char *name, size_t size) {
  static const char others[] = "!#$%&'*+-.^_`|~";
  size_t i;
  for (i = 0; i < size; i++) {
    unsigned c = (unsigned char)name[i];
    bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
    if (!letter && !(c >= '0' && c <= '9') &&
        memchr(others, (int)c, sizeof(others) - 1) == NULL)
      return false;
  }
  return size > 0;
}


static bool has_any_control (const char *value, size_t size) {
  size_t i;
  for (i = 0; i < size; i++)
    if ((unsigned char)value[i] < 32 || value[i] == 127)
      return true;
  return false;
}


/* To libcurl it must be the one line that was meant, or none. */
static void check_add (const char *name, const char *value, size_t size) {
  struct curl_slist *list = NULL;
  header_status status = headers_add(&list, name, value, size);
  if (!is_rfc_token(name, strlen(name)))
    CHECK(status == HEADER_BAD_NAME && list == NULL);
  else if (has_any_control(value, size))
    CHECK(status == HEADER_BAD_VALUE && list == NULL);
  else {
    size_t n = strlen(name);
    CHECK(status == HEADER_OK && list != NULL && list->next == NULL);
    CHECK(strncmp(list->data, name, n) == 0);
    if (size == 0)
      CHECK(strcmp(list->data + n, ";") == 0);
    else
      CHECK(strncmp(list->data + n, ": ", 2) == 0 &&
            same(list->data + n + 2, strlen(list->data + n + 2), value, size));
  }
  curl_slist_free_all(list);
}


static void check_field (const char *block, size_t size,
                         const header_field *field, size_t at) {
  CHECK(field->name >= block && field->name + field->name_size < block + at);
  CHECK(field->value > field->name + field->name_size);
  CHECK(field->value + field->value_size <= block + at && at <= size);
  CHECK(field->name[field->name_size] == ':');
  CHECK(memchr(field->name, ':', field->name_size) == NULL);
  CHECK(memchr(field->name, '\n', field->name_size) == NULL);
  if (field->value_size > 0) {
    CHECK(memchr(field->value, '\n', field->value_size) == NULL);
    CHECK(strchr(" \t\r", field->value[0]) == NULL || field->value[0] == 0);
  }
}


/* The first field of that name is what is found by it. */
static void check_find (const char *block, size_t size,
                        const header_field *wanted) {
  char *name = text_copy(wanted->name, wanted->name_size);
  header_field field;
  size_t at = 0, found_size;
  const char *found;
  CHECK(name != NULL);
  if (strlen(name) == wanted->name_size) {
    CHECK(find_field(block, size, name, &found, &found_size));
    do
      CHECK(headers_next(block, size, &at, &field));
    while (field.name_size != wanted->name_size ||
           strncasecmp(field.name, name, field.name_size) != 0);
    CHECK(field.value == found && field.value_size == found_size);
    check_add(name, wanted->value, wanted->value_size);
  }
  free(name);
}


/* The fields of a block that is made of them are the same. */
static void check_again (const buffer *block, const char *first,
                         size_t first_size) {
  header_field one, other;
  size_t at = 0, first_at = 0;
  while (headers_next(first, first_size, &first_at, &one)) {
    CHECK(headers_next(block->data, block->size, &at, &other));
    CHECK(same(one.name, one.name_size, other.name, other.name_size));
    CHECK(same(one.value, one.value_size, other.value, other.value_size));
  }
  CHECK(!headers_next(block->data, block->size, &at, &other));
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  const char *block = (const char *)data;
  buffer again = {NULL, 0, 0};
  header_field field;
  size_t at = 0;
  while (headers_next(block, size, &at, &field)) {
    check_field(block, size, &field, at);
    check_find(block, size, &field);
    CHECK(buffer_add(&again, field.name, field.name_size) &&
          buffer_add_text(&again, ": ") &&
          buffer_add(&again, field.value, field.value_size) &&
          buffer_add_text(&again, "\r\n"));
  }
  CHECK(at == size);
  check_again(&again, block, size);
  buffer_free(&again);
  return 0;
}
