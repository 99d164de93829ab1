/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C, SIGTERM and SIGUSR2, which mpirun passes on to its ranks, as a flag, for commands that
 * finish a piece of work before they end. */
#include "commands/commands.h"

/* A handler can reach nothing but a global. */
static volatile sig_atomic_t stop_requested;

static void request_stop(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

/* Not SIGUSR1: LLVM, in whose hands PoCL compiles, takes that one over and keeps it; the others it
 * hands on. */
const volatile sig_atomic_t *command_catch_stop(void)
{
    signal(SIGINT, request_stop);
    signal(SIGTERM, request_stop);
    signal(SIGUSR2, request_stop);
    return &stop_requested;
}

void command_release_stop(void)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}
