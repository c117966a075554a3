/*
** digest/l_digest.c - klaviyo.digest, for Lua 5.3 to 5.5 and LuaJIT from one
** source. It is an object apart from the core, which needs no libcrypto.
*/
#include <lua.h>
#include <lauxlib.h>

#include <openssl/crypto.h>

#include "lua/build.h"
#include "digest/cipher.h"
#include "digest/digest.h"

#define MAX_RANDOM 1024


static int failed (lua_State *L) {
  return luaL_error(L, "libcrypto failed");
}


static int push_hex (lua_State *L, const unsigned char digest[DIGEST_SIZE]) {
  char hex[DIGEST_HEX_SIZE];
  digest_hex(hex, digest);
  lua_pushlstring(L, hex, sizeof(hex));
  return 1;
}


/* digest.sha256(message) -> hex */
static int sha256 (lua_State *L) {
  size_t size;
  const char *message = luaL_checklstring(L, 1, &size);
  unsigned char digest[DIGEST_SIZE];
  if (!digest_sha256(digest, message, size))
    return failed(L);
  return push_hex(L, digest);
}


/* digest.hmac_sha256(key, message) -> hex */
static int hmac_sha256 (lua_State *L) {
  size_t key_size, size;
  const char *key = luaL_checklstring(L, 1, &key_size);
  const char *message = luaL_checklstring(L, 2, &size);
  unsigned char digest[DIGEST_SIZE];
  if (!digest_hmac_sha256(digest, key, key_size, message, size))
    return failed(L);
  return push_hex(L, digest);
}


/* digest.equal(a, b) -> boolean, in a time that tells only the sizes */
static int equal (lua_State *L) {
  size_t a_size, b_size;
  const char *a = luaL_checklstring(L, 1, &a_size);
  const char *b = luaL_checklstring(L, 2, &b_size);
  lua_pushboolean(L, digest_equal(a, a_size, b, b_size));
  return 1;
}


/* digest.random(size) -> that many bytes, fit for secrets */
static int random_bytes (lua_State *L) {
  lua_Integer size = luaL_checkinteger(L, 1);
  unsigned char bytes[MAX_RANDOM];
  luaL_argcheck(L, size >= 0 && size <= MAX_RANDOM, 1, "0 to 1024 expected");
  if (!digest_random(bytes, (size_t)size))
    return failed(L);
  lua_pushlstring(L, (const char *)bytes, (size_t)size);
  OPENSSL_cleanse(bytes, sizeof(bytes));
  return 1;
}


#define UUID_SIZE 36

/* digest.uuid() -> a random UUID (RFC 9562, version 4), as text */
static int uuid (lua_State *L) {
  static const char digits[] = "0123456789abcdef";
  unsigned char bytes[UNIQUE_SIZE];
  char text[UUID_SIZE], *p = text;
  int i;
  if (!digest_unique(bytes))
    return failed(L);
  bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40); /* the version */
  bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80); /* the variant */
  for (i = 0; i < UNIQUE_SIZE; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      *p++ = '-';
    *p++ = digits[bytes[i] >> 4];
    *p++ = digits[bytes[i] & 0x0F];
  }
  lua_pushlstring(L, text, sizeof(text));
  return 1;
}


static const unsigned char *check_key (lua_State *L) {
  size_t size;
  const char *key = luaL_checklstring(L, 1, &size);
  luaL_argcheck(L, size == CIPHER_KEY_SIZE, 1, "32 bytes expected");
  return (const unsigned char *)key;
}


/* The most that a text or its context may have. */
static const char *check_text (lua_State *L, int index, size_t *size) {
  const char *text = luaL_checklstring(L, index, size);
  luaL_argcheck(L, *size <= (size_t)CIPHER_MAX_SIZE, index, "too long");
  return text;
}


/*
** digest.seal(key, text, context) -> sealed. Encrypts with AES-256-GCM and a
** key of 32 bytes.
*/
static int seal (lua_State *L) {
  size_t size, context_size;
  const unsigned char *key = check_key(L);
  const char *text = check_text(L, 2, &size);
  const char *context = check_text(L, 3, &context_size);
  unsigned char *out = lua_newuserdata(L, size + CIPHER_OVERHEAD);
  if (!cipher_seal(out, key, text, size, context, context_size))
    return failed(L);
  lua_pushlstring(L, (const char *)out, size + CIPHER_OVERHEAD);
  return 1;
}


/* digest.open(key, sealed, context) -> text | nil (another key, or changed) */
static int open_sealed (lua_State *L) {
  size_t size, context_size;
  const unsigned char *key = check_key(L);
  const char *sealed = check_text(L, 2, &size);
  const char *context = check_text(L, 3, &context_size);
  unsigned char *out = lua_newuserdata(L, size + 1);
  if (!cipher_open(out, key, (const unsigned char *)sealed, size, context,
                   context_size)) {
    lua_pushnil(L);
    return 1;
  }
  size -= CIPHER_OVERHEAD;
  lua_pushlstring(L, (const char *)out, size);
  OPENSSL_cleanse(out, size);
  return 1;
}


OPEN_API int luaopen_klaviyo_digest (lua_State *L);

OPEN_API int luaopen_klaviyo_digest (lua_State *L) {
  static const struct {
    const char *name;
    lua_CFunction call;
  } functions[] = {
      {"sha256", sha256},    {"hmac_sha256", hmac_sha256},
      {"equal", equal},      {"random", random_bytes},
      {"uuid", uuid},        {"seal", seal},
      {"open", open_sealed},
  };
  size_t i;
  lua_newtable(L);
  for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
    lua_pushcfunction(L, functions[i].call);
    lua_setfield(L, -2, functions[i].name);
  }
  lua_pushstring(L, OpenSSL_version(OPENSSL_VERSION));
  lua_setfield(L, -2, "libcrypto");
  set_build(L);
  keep_loaded();
  return 1;
}
