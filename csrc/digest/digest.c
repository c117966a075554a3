/*
** digest/digest.c - SHA-256, HMAC, a comparison and randomness, from libcrypto.
*/
#include "digest/digest.h"

#include <limits.h>
#include <string.h>

#include <pthread.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#define BLOCK_SIZE 64 /* of SHA-256 */


/* Restores libcrypto's error queue to the mark and returns 'ok'. Inside nginx
** its TLS code shares the queue and would take our errors for its own. */
static bool restore_errors (bool ok) {
  ERR_pop_to_mark();
  return ok;
}


static bool sha256 (unsigned char out[DIGEST_SIZE], const void *message,
                    size_t size) {
  return EVP_Digest(message, size, out, NULL, EVP_sha256(), NULL) == 1;
}


bool digest_sha256 (unsigned char out[DIGEST_SIZE], const void *message,
                    size_t size) {
  ERR_set_mark();
  return restore_errors(sha256(out, message, size));
}


/* HMAC hashes a key that is longer than a block first. It is done here, so that
** its size always fits libcrypto's int. */
bool digest_hmac_sha256 (unsigned char out[DIGEST_SIZE], const void *key,
                         size_t key_size, const void *message, size_t size) {
  unsigned char hashed[DIGEST_SIZE];
  bool ok = true;
  ERR_set_mark();
  if (key_size > BLOCK_SIZE) {
    ok = sha256(hashed, key, key_size);
    key = hashed;
    key_size = DIGEST_SIZE;
  }
  ok = ok &&
       HMAC(EVP_sha256(), key, (int)key_size, message, size, out, NULL) != NULL;
  OPENSSL_cleanse(hashed, sizeof(hashed));
  return restore_errors(ok);
}


bool digest_random (unsigned char *out, size_t size) {
  ERR_set_mark();
  return restore_errors(size <= INT_MAX && RAND_bytes(out, (int)size) == 1);
}


/* {======================================================
** Identifiers
** ======================================================= */

/* libcrypto takes as long for one identifier as for 64 of them: 14,000
** instructions, 8 % of a POST of an event. */
#define POOL_SIZE 1024

static __thread struct {
  unsigned char bytes[POOL_SIZE];
  size_t left; /* the last 'left' bytes are unused */
} pool;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool sees_forks = false;


/* A child process must not use the bytes of its parent. Only the thread that
** forked runs in it. */
static void after_fork_in_child (void) {
  OPENSSL_cleanse(pool.bytes, sizeof(pool.bytes));
  pool.left = 0;
}


static void watch_forks (void) {
  sees_forks = pthread_atfork(NULL, NULL, after_fork_in_child) == 0;
}


bool digest_unique (unsigned char out[UNIQUE_SIZE]) {
  unsigned char *next;
  pthread_once(&once, watch_forks);
  if (!sees_forks)
    return digest_random(out, UNIQUE_SIZE);
  if (pool.left == 0) {
    if (!digest_random(pool.bytes, sizeof(pool.bytes)))
      return false;
    pool.left = sizeof(pool.bytes);
  }
  next = pool.bytes + sizeof(pool.bytes) - pool.left;
  memcpy(out, next, UNIQUE_SIZE);
  OPENSSL_cleanse(next, UNIQUE_SIZE);
  pool.left -= UNIQUE_SIZE;
  return true;
}

/* }====================================================== */


bool digest_equal (const void *a, size_t a_size, const void *b, size_t b_size) {
  return a_size == b_size && CRYPTO_memcmp(a, b, a_size) == 0;
}


void digest_hex (char out[DIGEST_HEX_SIZE],
                 const unsigned char digest[DIGEST_SIZE]) {
  static const char digits[] = "0123456789abcdef";
  int i;
  for (i = 0; i < DIGEST_SIZE; i++) {
    *out++ = digits[digest[i] >> 4];
    *out++ = digits[digest[i] & 15];
  }
}
