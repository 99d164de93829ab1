/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a metrics file is the one that a run left. */
#pragma once

#include "track/journal.h"

/* Reads a regular file that is not empty. The bytes before the mark must be those of the
 * checkpoint; if its checksum is not known, they must be lines that a run could have written up to
 * `step`. The bytes after the mark must be lines of later steps; a kill may have truncated the last
 * one, and a power cut may have left zero bytes. *crc32c is the checksum of the bytes before the
 * mark. Anything else is STATUS_FAILED. */
status journal_check(const char *path, const journal_mark *mark, uint64_t step, uint32_t *crc32c,
                     error *err);
