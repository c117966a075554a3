/*
** http/libcurl.c - which libcurl is in use at run time.
*/
#include "http/libcurl.h"


bool libcurl_is_too_old (void) {
  return curl_version_info(CURLVERSION_NOW)->version_num <
         LIBCURL_MINIMUM_NUMBER;
}


bool libcurl_has_tls (void) {
  return (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_SSL) != 0;
}


const char *libcurl_version (void) {
  return curl_version_info(CURLVERSION_NOW)->version;
}


const char *libcurl_tls (void) {
  return curl_version_info(CURLVERSION_NOW)->ssl_version;
}


bool libcurl_has_http2 (void) {
  return (curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_HTTP2) !=
         0;
}


/* Kept, because libcurl composes all of its names for each call. */
unsigned libcurl_number (void) {
  static unsigned number = 0;
  unsigned known = __atomic_load_n(&number, __ATOMIC_RELAXED);
  if (known == 0) {
    known = curl_version_info(CURLVERSION_NOW)->version_num;
    __atomic_store_n(&number, known, __ATOMIC_RELAXED);
  }
  return known;
}
