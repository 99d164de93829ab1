/* SPDX-License-Identifier: Apache-2.0 */
/* See share.h. */
#include "data/share.h"

#include <stdint.h>

/* Where the part of a rank begins if `total` things are divided. */
static int begin_of(int total, int rank, int ranks)
{
    return (int)((int64_t)total * rank / ranks);
}

static share contiguous(const share_of *of, int total)
{
    int begin = begin_of(total, of->rank, of->ranks);
    int count = begin_of(total, of->rank + 1, of->ranks) - begin;
    return (share){begin, count, begin + count, count};
}

/* Pairs are divided; the middle image of an odd batch goes to the last rank. */
static share mirrored(const share_of *of, int total)
{
    int begin = begin_of(total / 2, of->rank, of->ranks);
    int end = begin_of(total / 2, of->rank + 1, of->ranks);
    int middle = of->rank == of->ranks - 1 ? total % 2 : 0;
    return (share){begin, end - begin, total - end - middle, 2 * (end - begin) + middle};
}

share share_take(const share_of *of, int total)
{
    if (of->ranks <= 1)
        return (share){0, total, total, total};
    return of->mirrored ? mirrored(of, total) : contiguous(of, total);
}

int share_position(const share *part, int index)
{
    return index < part->head ? part->first + index : part->tail + index - part->head;
}

/* The size of the largest part, or of the smallest. */
static int extreme(const share_of *of, int total, bool largest)
{
    int found = share_take(&(share_of){0, of->ranks, of->mirrored}, total).count;
    for (int rank = 1; rank < of->ranks; rank++) {
        int count = share_take(&(share_of){rank, of->ranks, of->mirrored}, total).count;
        found = (count > found) == largest ? count : found;
    }
    return found;
}

int share_most(const share_of *of, int total)
{
    return extreme(of, total, true);
}

int share_least(const share_of *of, int total)
{
    return extreme(of, total, false);
}
