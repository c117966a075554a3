/*
** outbox/holder.h - which process holds a slot, without taking it.
*/
#ifndef KLAVIYO_OUTBOX_HOLDER_H
#define KLAVIYO_OUTBOX_HOLDER_H

#include <stdbool.h>

/* Returns whether a process holds the slot of this lock file. '*pid' is its
** id, or 0 if that is not known: on other systems than Linux, or if it is in
** another container. */
bool slot_holder (const char *path, long *pid);

#endif
