/*
** sealed.c - encrypted texts: a key, a line with the context, then a text. What
** was sealed is opened as it was, and not with one bit changed, shortened, or
** with another context. The input itself, which nobody sealed, is not opened.
*/
#include "fuzz.h"

#include "digest/cipher.h"

typedef struct input {
  unsigned char key[CIPHER_KEY_SIZE];
  char *context;
  size_t context_size;
  const uint8_t *text;
  size_t size;
} input;


/* Opens a copy that has no byte more, so that a step beyond it is seen. */
static bool opens (const input *in, const unsigned char *bytes, size_t size,
                   size_t context_size, const uint8_t *expected) {
  unsigned char *copy = malloc(size + 1), *out = malloc(size + 1);
  size_t room = size >= CIPHER_OVERHEAD ? size - CIPHER_OVERHEAD : 0, i;
  unsigned char *whole = copy + 1; /* unaligned */
  bool ok;
  CHECK(copy != NULL && out != NULL);
  if (size > 0)
    memcpy(whole, bytes, size);
  memset(out, 'x', size + 1);
  ok = cipher_open(out, in->key, whole, size, in->context, context_size);
  if (ok)
    CHECK(size >= CIPHER_OVERHEAD &&
          (room == 0 || memcmp(out, expected, room) == 0));
  else if (size >= CIPHER_OVERHEAD)
    for (i = 0; i < room; i++)
      CHECK(out[i] == 0);
  free(copy);
  free(out);
  return ok;
}


static void check_changed (const input *in, unsigned char *sealed, size_t size,
                           size_t at) {
  size_t i = at % size;
  unsigned char bit = (unsigned char)(1u << (at % 8));
  sealed[i] ^= bit;
  CHECK(!opens(in, sealed, size, in->context_size, NULL));
  sealed[i] ^= bit;
  CHECK(!opens(in, sealed, i, in->context_size, NULL));
  if (in->context_size > 0)
    CHECK(!opens(in, sealed, size, in->context_size - 1, NULL));
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  feed f = feed_of(data, size);
  input in;
  unsigned char *sealed;
  size_t i, at;
  for (i = 0; i < sizeof(in.key); i++)
    in.key[i] = (unsigned char)feed_byte(&f);
  at = feed_byte(&f) * 256u + feed_byte(&f);
  in.context = feed_until(&f, '\n', &in.context_size);
  in.text = f.at;
  in.size = (size_t)(f.end - f.at);
  CHECK(!opens(&in, in.text, in.size, in.context_size, NULL));
  sealed = malloc(in.size + CIPHER_OVERHEAD);
  CHECK(sealed != NULL && cipher_seal(sealed, in.key, in.text, in.size,
                                      in.context, in.context_size));
  CHECK(opens(&in, sealed, in.size + CIPHER_OVERHEAD, in.context_size,
              in.text));
  check_changed(&in, sealed, in.size + CIPHER_OVERHEAD, at);
  free(sealed);
  free(in.context);
  return 0;
}
