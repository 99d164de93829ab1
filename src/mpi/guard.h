/* SPDX-License-Identifier: Apache-2.0 */
/* A parent process that outlives a rank.
 *
 * A process that is killed by a signal (by the kernel if memory is out, or by a fault in a driver)
 * cannot report anything, and launchers react differently. So if there are several ranks, the
 * process that the launcher started stays as the parent of the process that works. It turns the
 * child's death into a message and the exit code 1, and the launcher then ends the other ranks. */
#pragma once

/* Call it before threads are started. It returns in a child process, which ends when its parent
 * ends; the parent exits with the child's code and passes on signals that ask for an end. If no
 * process can be created, it returns in this one. */
void guard_process(void);
