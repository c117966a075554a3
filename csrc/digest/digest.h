/*
** digest/digest.h - SHA-256, HMAC, a comparison and randomness, from libcrypto.
**
** Only one-shot calls are used and no struct of libcrypto is kept, so the same
** object works with 1.1.1 and 3, whichever the process has loaded. The caller
** owns all memory. Any thread may call these functions.
*/
#ifndef KLAVIYO_DIGEST_H
#define KLAVIYO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_SIZE 32
#define DIGEST_HEX_SIZE (2 * DIGEST_SIZE)

/* These return false if libcrypto fails: out of memory, no provider, no random
** bytes. They leave nothing in libcrypto's error queue. */
bool digest_sha256 (unsigned char out[DIGEST_SIZE], const void *message,
                    size_t size);
bool digest_hmac_sha256 (unsigned char out[DIGEST_SIZE], const void *key,
                         size_t key_size, const void *message, size_t size);
bool digest_random (unsigned char *out, size_t size);

#define UNIQUE_SIZE 16

/* The same for random bytes that need not be secret. It takes many of them from
** libcrypto at a time and erases those that it returned. A process that was
** forked gets others than its parent. */
bool digest_unique (unsigned char out[UNIQUE_SIZE]);

/* Compares in a time that depends only on the sizes. */
bool digest_equal (const void *a, size_t a_size, const void *b, size_t b_size);

/* Writes lower-case digits, without a terminating zero. */
void digest_hex (char out[DIGEST_HEX_SIZE],
                 const unsigned char digest[DIGEST_SIZE]);

#endif
