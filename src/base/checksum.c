/* SPDX-License-Identifier: Apache-2.0 */
/* A file's checksum inside it; see checksum.h. */
#include "base/checksum.h"
#include "base/crc32c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 18 };

size_t checksum_find(const char *text, size_t length)
{
    /* Inside a string the quotes would be escaped: this is a key, and its value a string. */
    static const char before[] = "\"" CHECKSUM_KEY "\":\"";
    const char *found = memmem(text, length, before, sizeof before - 1);
    size_t at = found ? (size_t)(found - text) + sizeof before - 1 : 0;
    return found && length - at > CHECKSUM_DIGITS && text[at + CHECKSUM_DIGITS] == '"' ? at : 0;
}

void checksum_write(uint32_t sum, char digits[CHECKSUM_DIGITS + 1])
{
    snprintf(digits, CHECKSUM_DIGITS + 1, "%08x", (unsigned)sum);
}

status checksum_mismatch(const char *path, error *err)
{
    return error_set(err, STATUS_FAILED,
                     "%s: its checksum does not match: it was changed or damaged after it was "
                     "written; take the run's other checkpoint, best.safetensors or "
                     "last.safetensors, which --weights goes on from in a new run, or a copy of "
                     "this one",
                     path);
}

/* The part of the block, which begins at byte `start`, that holds digits becomes zeros. */
static void blank(char *block, uint64_t start, size_t size, uint64_t at)
{
    for (uint64_t i = at; i < at + CHECKSUM_DIGITS; i++)
        if (i >= start && i < start + size)
            block[i - start] = '0';
}

static status add_stream(FILE *stream, const char *path, uint64_t at, char *block, uint32_t *sum,
                         error *err)
{
    size_t got;
    uint64_t start = 0;
    rewind(stream);
    while ((got = fread(block, 1, BLOCK_BYTES, stream)) > 0) {
        blank(block, start, got, at);
        *sum = crc32c_more(*sum, block, got);
        start += got;
    }
    return ferror(stream)
               ? error_set(err, STATUS_FAILED, "%s: cannot be read: %s", path, strerror(errno))
               : STATUS_OK;
}

status checksum_verify(FILE *stream, const char *path, uint64_t at, error *err)
{
    char kept[CHECKSUM_DIGITS], digits[CHECKSUM_DIGITS + 1];
    uint32_t sum = 0;
    if (fseeko(stream, (off_t)at, SEEK_SET) != 0 ||
        fread(kept, 1, sizeof kept, stream) != sizeof kept)
        return error_set(err, STATUS_FAILED, "%s: its checksum cannot be read", path);
    char *block = malloc(BLOCK_BYTES);
    status result =
        block ? add_stream(stream, path, at, block, &sum, err) : error_memory(err, path);
    free(block);
    TRY(result);
    checksum_write(sum, digits);
    return memcmp(digits, kept, sizeof kept) == 0 ? STATUS_OK : checksum_mismatch(path, err);
}
