/*
** digest/cipher.c - encryption with AES-256-GCM, from libcrypto.
*/
#include "digest/cipher.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "digest/digest.h"


static bool fits (size_t size, size_t context_size) {
  return size <= (size_t)CIPHER_MAX_SIZE &&
         context_size <= (size_t)CIPHER_MAX_SIZE;
}


/* With a nonce of 12 random bytes a key may encrypt 2^32 texts (NIST SP
** 800-38D): more than a program ever stores tokens. */
static bool seal (EVP_CIPHER_CTX *c, unsigned char *out,
                  const unsigned char *key, const void *text, size_t size,
                  const void *context, size_t context_size) {
  unsigned char *encrypted = out + CIPHER_NONCE_SIZE;
  int n = 0;
  return digest_random(out, CIPHER_NONCE_SIZE) &&
         EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
         EVP_EncryptUpdate(c, NULL, &n, context, (int)context_size) == 1 &&
         EVP_EncryptUpdate(c, encrypted, &n, text, (int)size) == 1 &&
         EVP_EncryptFinal_ex(c, encrypted + size, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, CIPHER_TAG_SIZE,
                             encrypted + size) == 1;
}


bool cipher_seal (unsigned char *out, const unsigned char key[CIPHER_KEY_SIZE],
                  const void *text, size_t size, const void *context,
                  size_t context_size) {
  EVP_CIPHER_CTX *c;
  bool ok;
  ERR_set_mark();
  c = EVP_CIPHER_CTX_new();
  ok = c != NULL && fits(size, context_size) &&
       seal(c, out, key, text, size, context, context_size);
  EVP_CIPHER_CTX_free(c);
  ERR_pop_to_mark();
  return ok;
}


static bool unseal (EVP_CIPHER_CTX *c, unsigned char *out,
                    const unsigned char *key, const unsigned char *sealed,
                    size_t size, const void *context, size_t context_size) {
  const unsigned char *encrypted = sealed + CIPHER_NONCE_SIZE;
  unsigned char tag[CIPHER_TAG_SIZE], end[CIPHER_TAG_SIZE];
  int n = 0;
  memcpy(tag, encrypted + size, sizeof(tag));
  return EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
         EVP_DecryptUpdate(c, NULL, &n, context, (int)context_size) == 1 &&
         EVP_DecryptUpdate(c, out, &n, encrypted, (int)size) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, sizeof(tag), tag) == 1 &&
         EVP_DecryptFinal_ex(c, end, &n) == 1;
}


bool cipher_open (unsigned char *out, const unsigned char key[CIPHER_KEY_SIZE],
                  const unsigned char *sealed, size_t size, const void *context,
                  size_t context_size) {
  EVP_CIPHER_CTX *c;
  bool ok;
  if (size < CIPHER_OVERHEAD)
    return false;
  size -= CIPHER_OVERHEAD;
  ERR_set_mark();
  c = EVP_CIPHER_CTX_new();
  ok = c != NULL && fits(size, context_size) &&
       unseal(c, out, key, sealed, size, context, context_size);
  EVP_CIPHER_CTX_free(c);
  ERR_pop_to_mark();
  if (!ok) /* a text that was not authenticated must not be used */
    OPENSSL_cleanse(out, size);
  return ok;
}
