/* SPDX-License-Identifier: Apache-2.0 */
/* A parent for a rank, that outlives it.
 *
 * A process that a signal kills (the kernel's, for want of memory; a driver's fault) can say
 * nothing, and what a launcher makes of it differs. So where there are several ranks the process
 * that the launcher started stays behind as the parent of the one that works, and turns its death
 * into a message and the exit code 1, upon which the launcher ends the other ranks. */
#pragma once

/* Before threads are started. Returns in a child, which ends when its parent does; the parent exits
 * with the child's code. Signals that ask for an end are passed on. Where no process can be made,
 * it returns in this one. */
void guard_process(void);
