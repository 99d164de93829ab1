/* Processes by a name that holds across restarts and, as far as can be known, across machines. */
#ifndef HCNN_BASE_PROCESS_H
#define HCNN_BASE_PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct process_name {
    char host[HOST_NAME_MAX + 1];
    int64_t id;     /* the kernel's number, which comes again */
    char began[32]; /* when it started, in the kernel's ticks; "" where that cannot be known */
} process_name;

process_name process_this(void);

/* Whether the process of that name lives. Of another host's it is believed for PROCESS_PATIENCE
 * seconds after its last sign of life; beat and now: seconds since 1970. */
enum { PROCESS_PATIENCE = 60 };
bool process_lives(const char *host, int64_t id, const char *began, double beat, double now);

#endif
