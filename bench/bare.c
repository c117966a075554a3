/*
** bare.c - the same requests by libcurl alone, for comparison: a plain loop
** on a multi handle, each easy handle used again, what comes is counted.
**
**   bare posts URL COUNT IN_FLIGHT CA_FILE BODY_FILE HEADER ...
**   bare pages URL COUNT CA_FILE HEADER ...
**
** Each body is another: it has its number, and that of this process, where
** the file has "@@@@@@@@@@@@". 'pages' asks for one after the other, each by
** the link that stands first in the one before. Prints "answers bytes seconds
** connections".
*/
#define _GNU_SOURCE 1

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>
#include <unistd.h>

#define MOST_IN_FLIGHT 512
#define MARK "@@@@@@@@@@@@"

typedef struct answer {
  char *data;
  size_t size, room;
  char *body;
} answer;

static struct curl_slist *headers = NULL;
static const char *ca_file;
static char body[1 << 20];
static size_t body_size = 0;

static long good = 0, connections = 0;
static double bytes = 0;


static double seconds (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


static size_t take (char *data, size_t one, size_t size, void *self) {
  answer *a = self;
  (void)one;
  if (a->size + size + 1 > a->room) {
    char *more = realloc(a->data, (a->size + size + 1) * 2);
    if (more == NULL)
      return 0;
    a->data = more;
    a->room = (a->size + size + 1) * 2;
  }
  memcpy(a->data + a->size, data, size);
  a->size += size;
  a->data[a->size] = '\0';
  bytes += (double)size;
  return size;
}


static size_t pass_over (char *data, size_t one, size_t size, void *self) {
  (void)data;
  (void)self;
  return one * size;
}


/* What the core sets, too. */
static void prepare (CURL *easy, const char *url, answer *a) {
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30000L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 65536L);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, pass_over);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, a);
  if (a->body != NULL) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body_size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, a->body);
  }
}


static void write_body (answer *a, long number) {
  char text[sizeof(MARK)];
  char *at;
  if (a->body == NULL)
    a->body = malloc(body_size + 1);
  if (a->body == NULL)
    exit(3);
  memcpy(a->body, body, body_size + 1);
  snprintf(text, sizeof(text), "%06u%06u", (unsigned)getpid() % 1000000u,
           (unsigned)number % 1000000u);
  while ((at = strstr(a->body, MARK)) != NULL)
    memcpy(at, text, sizeof(MARK) - 1);
}


static void note (CURL *easy) {
  long status = 0, opened = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &opened);
  good += status >= 200 && status < 300;
  connections += opened;
}


static void posts (const char *url, long count, int in_flight) {
  static answer answers[MOST_IN_FLIGHT];
  CURLM *multi = curl_multi_init();
  long started = 0, ended = 0;
  int i, left, running;
  for (i = 0; i < in_flight && started < count; i++, started++) {
    CURL *easy = curl_easy_init();
    write_body(&answers[i], started);
    prepare(easy, url, &answers[i]);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &answers[i]);
    curl_multi_add_handle(multi, easy);
  }
  while (ended < count) {
    CURLMsg *message;
    curl_multi_perform(multi, &running);
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
      CURL *easy = message->easy_handle;
      answer *a;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&a);
      note(easy);
      ended++;
      a->size = 0;
      curl_multi_remove_handle(multi, easy);
      if (started < count) {
        write_body(a, started++);
        curl_multi_add_handle(multi, easy);
      }
      else
        curl_easy_cleanup(easy);
    }
    if (ended < count)
      curl_multi_poll(multi, NULL, 0, 1000, NULL);
  }
  curl_multi_cleanup(multi);
}


/* Puts the links.next of a page behind the origin of 'url', which is 'origin'
** bytes long. False at the end. */
static bool next_link (const char *page, char *url, size_t origin,
                       size_t room) {
  const char *at = page != NULL ? strstr(page, "\"next\"") : NULL;
  const char *from = at != NULL ? strstr(at + 6, "\"") : NULL;
  const char *end = from != NULL ? strchr(from + 1, '"') : NULL;
  const char *path = from != NULL ? strstr(from, "api/") : NULL;
  size_t size = origin;
  if (end == NULL || path == NULL || path > end)
    return false;
  url[size++] = '/';
  for (from = path; from < end && size + 1 < room; from++)
    if (*from != '\\')  /* of \/ */
      url[size++] = *from;
  url[size] = '\0';
  return true;
}


static void pages (const char *first, long count) {
  static char url[65536];
  answer a = {NULL, 0, 0, NULL};
  CURL *easy = curl_easy_init();
  size_t origin = (size_t)(strchr(strstr(first, "://") + 3, '/') - first);
  snprintf(url, sizeof(url), "%s", first);
  while (count-- > 0) {
    a.size = 0;
    prepare(easy, url, &a);
    if (curl_easy_perform(easy) != CURLE_OK)
      break;
    note(easy);
    if (!next_link(a.data, url, origin, sizeof(url)))
      break;
  }
  curl_easy_cleanup(easy);
  free(a.data);
}


static void read_body (const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL)
    exit(2);
  body_size = fread(body, 1, sizeof(body) - 1, file);
  fclose(file);
}


int main (int count, char **words) {
  bool is_posts = count > 1 && strcmp(words[1], "posts") == 0;
  int i = is_posts ? 7 : 5;
  double began;
  if (count < i)
    return 2;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  ca_file = words[is_posts ? 5 : 4];
  if (is_posts)
    read_body(words[6]);
  for (; i < count; i++)
    headers = curl_slist_append(headers, words[i]);
  began = seconds();
  if (is_posts)
    posts(words[2], atol(words[3]), atoi(words[4]));
  else
    pages(words[2], atol(words[3]));
  printf("%ld %.0f %.4f %ld\n", good, bytes, seconds() - began, connections);
  curl_slist_free_all(headers);
  return 0;
}
