/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the reader of .tar, .tar.gz and .tar.xz (data/archive.c): the input is the archive. A
 * member that is read must not be longer than its limit and must end in a zero byte; after an error
 * there must be none. */
#include "data/archive.h"
#include "fuzz.h"

#include <stdlib.h>

int fuzz_archive(const uint8_t *data, size_t size)
{
    error err;
    archive_member members[] = {{.name = "train.bin", .limit = 1 << 16},
                                {.name = "meta", .limit = 1 << 12}};
    char *path = fuzz_file("input.tar", data, size);
    status result = archive_read_members(path, members, 2, &err);
    for (int i = 0; i < 2; i++) {
        const archive_member *m = &members[i];
        FUZZ_HOLDS(result == STATUS_OK || !m->data);
        FUZZ_HOLDS(!m->data || (m->size <= m->limit && m->data[m->size] == '\0'));
        free(m->data);
    }
    free(path);
    return 0;
}
