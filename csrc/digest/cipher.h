/*
** digest/cipher.h - encryption with AES-256-GCM, from libcrypto.
**
** The caller owns all memory. Any thread may call these functions. They leave
** nothing in libcrypto's error queue.
*/
#ifndef KLAVIYO_CIPHER_H
#define KLAVIYO_CIPHER_H

#include <stdbool.h>
#include <stddef.h>

#define CIPHER_KEY_SIZE 32
#define CIPHER_NONCE_SIZE 12
#define CIPHER_TAG_SIZE 16
#define CIPHER_OVERHEAD (CIPHER_NONCE_SIZE + CIPHER_TAG_SIZE)
#define CIPHER_MAX_SIZE (64L * 1024 * 1024)

/* Writes a random nonce, the encrypted text and its tag: 'size' and
** CIPHER_OVERHEAD bytes. 'context' is not encrypted, but cipher_open needs the
** same one. Both sizes are at most CIPHER_MAX_SIZE. Returns false if libcrypto
** fails. */
bool cipher_seal (unsigned char *out, const unsigned char key[CIPHER_KEY_SIZE],
                  const void *text, size_t size, const void *context,
                  size_t context_size);

/* Writes the text of what cipher_seal wrote: 'size' less CIPHER_OVERHEAD bytes.
** Returns false if it has another key or context, or was changed; 'out' is then
** all zero. */
bool cipher_open (unsigned char *out, const unsigned char key[CIPHER_KEY_SIZE],
                  const unsigned char *sealed, size_t size, const void *context,
                  size_t context_size);

#endif
