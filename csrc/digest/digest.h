/*
** digest.h - SHA-256, HMAC, a comparison and randomness, from libcrypto.
**
** Only its one-shot calls: no struct of it is ever held, so that the same
** object serves 1.1.1 and 3, whichever of them the process has loaded.
*/
#ifndef KLAVIYO_DIGEST_H
#define KLAVIYO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE (2 * DIGEST_SIZE)

/* These say false when libcrypto would not: out of memory, no provider, no
** randomness. Nothing is then left in libcrypto's queue of errors. */
bool digest_sha256 (unsigned char out[DIGEST_SIZE], const void *message,
                    size_t size);
bool digest_hmac_sha256 (unsigned char out[DIGEST_SIZE], const void *key,
                         size_t key_size, const void *message, size_t size);
bool digest_random (unsigned char *out, size_t size);

/* In a time that depends on the sizes alone. */
bool digest_equal (const void *a, size_t a_size, const void *b, size_t b_size);

/* Lower case, not zero-terminated. */
void digest_hex (char out[DIGEST_HEX_SIZE],
                 const unsigned char digest[DIGEST_SIZE]);

#endif
