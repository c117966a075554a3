/*
** thread.c - the life of transfers, with an engine that works in a thread.
*/
#define THREADED true
#include "engine.c"
