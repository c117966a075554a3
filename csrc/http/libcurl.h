/*
** http/libcurl.h - which libcurl the core works with. All of csrc/http includes
** this, so that the sentence below is the first error.
**
** It needs 7.87.0, the first with CURLOPT_QUICK_EXIT. An older one waits at the
** end of a transfer for the thread that looks up its host name, which may take
** seconds longer than the deadline, and in nginx all other transfers would wait
** as well. With OpenSSL an older one may also end the process by SIGPIPE,
** because OpenSSL then writes to the socket on its own.
*/
#ifndef KLAVIYO_LIBCURL_H
#define KLAVIYO_LIBCURL_H

#include <stdbool.h>

#include <curl/curl.h>

#define LIBCURL_MINIMUM "7.87.0"
#define LIBCURL_MINIMUM_NUMBER 0x075700

/* cppcheck does not read libcurl's headers */
#if defined(LIBCURL_VERSION_NUM) && LIBCURL_VERSION_NUM < LIBCURL_MINIMUM_NUMBER
#error "klaviyo needs libcurl 7.87.0 or later: install it with its headers"
#endif

/* These ask the libcurl in use at run time, which may be another one than that
** of the headers. */
bool libcurl_is_too_old (void);
bool libcurl_has_tls (void);
const char *libcurl_version (void);
const char *libcurl_tls (void); /* "OpenSSL/3.0.15"; NULL: it has none */
bool libcurl_has_http2 (void);
unsigned libcurl_number (void); /* 0x075801 is 7.88.1; fast */

#endif
