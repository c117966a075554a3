/*
** http/loop_states.c - the states of a transfer in a loop: queued, running,
** waiting for a retry, done.
*/
#include "http/inside.h"

#include "base/clock.h"
#include "http/background_stats.h"
#include "http/completion_queue.h"
#include "http/counting.h"


/* Atomic, because other threads may call loop_stats. */
void loop_count (size_t *count, int by) {
  __atomic_store_n(count, *count + (size_t)by, __ATOMIC_RELAXED);
}


void loop_add_queue (loop *l, request_queue *q) {
  if (q->listed)
    return;
  q->listed = true;
  q->next = NULL;
  *l->last_queue = request_queue_share(q);
  l->last_queue = &q->next;
}


request_queue *loop_take_queue (loop *l) {
  request_queue *q = l->queues;
  l->queues = q->next;
  if (l->queues == NULL)
    l->last_queue = &l->queues;
  q->listed = false;
  return q;
}


void loop_enqueue (loop *l, transfer *t, bool first, int64_t now) {
  t->delayed = false;
  t->waits_since = now;
  transfer_set_wait(t, WAIT_RATE_LIMIT, 0);
  request_queue_adopt(t->request_queue, l->pid);
  if (t->deadline != CLOCK_NEVER)
    timers_set(&l->timers, &t->timer, t->deadline);
  if (first)
    request_queue_prepend(t->request_queue, &t->node);
  else
    request_queue_append(t->request_queue, &t->node);
  loop_add_queue(l, t->request_queue);
}


void loop_schedule_retry (loop *l, transfer *t, int64_t until, int64_t now) {
  t->delayed = true;
  t->waits_since = now;
  transfer_set_wait(t, t->retry_wait_reason, until);
  timers_set(&l->timers, &t->timer, until);
}


void loop_detach (loop *l, transfer *t) {
  if (t->easy == NULL)
    return;
  curl_multi_remove_handle(l->multi, t->easy);
  request_free_mime(&t->request);
  easy_pool_put(&l->easy_pool, t->easy, &t->request, t->response.status == 0);
  t->easy = NULL;
  request_queue_count_running(t->request_queue, -1);
  loop_count(&l->running, -1);
  if (t->background)
    background_set_running(false);
}


/* Notifies all that asked to be notified. The transfer may belong to another
** thread once it is marked as finished. */
static void notify_done (loop *l, transfer *t) {
  if (t->background) {
    background_finish(t);
    l->background--;
  }
  if (t->announced)
    completions_add(&l->completions, t->serial);
  if (t->watched && l->watched_done++ == 0)
    poller_signal(l->poller, true);
  transfer_finish(t);
  if (t->completion_queue != NULL)
    completion_queue_push(t->completion_queue, t->serial);
}


void loop_finish (loop *l, transfer *t) {
  double now = clock_now();
  counting_end_wait(t, (int64_t)(now * 1000));
  loop_detach(l, t);
  timers_clear(&l->timers, &t->timer);
  if (t->node.queued)
    request_queue_remove(t->request_queue, &t->node);
  t->response.elapsed = now - t->submitted;
  counting_finish(t);
  loop_count(&l->pending, -1);
  notify_done(l, t);
  transfer_release(t);
}


void loop_abort (loop *l, transfer *t, failure kind, const char *reason) {
  transfer_set_failure(t, kind, reason);
  if (t->easy != NULL) {
    transfer_record_aborted(t, reason, clock_now());
    counting_end_attempt(t);
    t->budget_time = request_queue_renew(t->request_queue, t->budget_time);
  }
  loop_finish(l, t);
}
