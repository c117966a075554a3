/*
** other_curl.c - to be preloaded: makes this machine's libcurl look like
** another one. $OTHER_CURL is "old" (version 7.80.0) or "plain" (built without
** HTTP/2 and without TLS, and refuses what such a libcurl refuses).
*/
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt

#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef curl_version_info_data *info_function (CURLversion age);
typedef CURLcode set_function (CURL *easy, CURLoption option, ...);


static bool is (const char *kind) {
  const char *asked = getenv("OTHER_CURL");
  return asked != NULL && strcmp(asked, kind) == 0;
}


static void *real (const char *name) {
  return dlsym(RTLD_NEXT, name);
}


__attribute__((visibility("default")))
curl_version_info_data *curl_version_info (CURLversion age) {
  static curl_version_info_data info;
  union {
    void *object;
    info_function *function;
  } next;
  next.object = real("curl_version_info");
  info = *next.function(age);
  if (is("old")) {
    info.version = "7.80.0";
    info.version_num = 0x075000;
  }
  if (is("plain"))
    info.features &= ~(CURL_VERSION_SSL | CURL_VERSION_HTTP2);
  return &info;
}


/* Every value fits a pointer on the machines that run the specs. */
__attribute__((visibility("default")))
CURLcode curl_easy_setopt (CURL *easy, CURLoption option, ...) {
  union {
    void *object;
    set_function *function;
  } next;
  va_list rest;
  const char *value;
  va_start(rest, option);
  value = va_arg(rest, const char *);
  va_end(rest);
  if (is("plain")) {
    if (option == CURLOPT_HTTP_VERSION)
      return CURLE_UNSUPPORTED_PROTOCOL;
    if (option == CURLOPT_PROTOCOLS_STR && strstr(value, "https") != NULL)
      return CURLE_UNSUPPORTED_PROTOCOL;
    if (option == CURLOPT_CAINFO)
      return CURLE_UNKNOWN_OPTION;
  }
  next.object = real("curl_easy_setopt");
  return next.function(easy, option, value);
}
