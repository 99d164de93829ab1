/* SPDX-License-Identifier: Apache-2.0 */
/* The table of metrics: what is measured for each image, and the names that people know it by. */
#pragma once

/* All metrics, in the order in which they are written. All code that adds, sends, stores, prints or
 * names metrics uses this table, so that a new metric is a new row and nothing else. A row:
 *
 * - the member of `metrics` (measure/metrics.h) with the sum, also its key in a checkpoint;
 * - its name in metrics.jsonl, the run store, event files, reports and sweeps;
 * - LOSS, a double whose mean over the images is reported, or HITS, a count whose share of the
 *   images is reported;
 * - ALWAYS; COARSE_HEAD, if only results with a coarse part have it; or IF_ANY, if 0 is not
 *   reported;
 * - FIRST; or LATER, if older checkpoints lack it, which means 0. Every new metric is LATER;
 * - how a terminal shows it, given a percentage; NULL: not at all;
 * - what one image adds, computed from `fine` and `coarse` (head_result) and `parents` (the coarse
 *   class of each fine class). */
#define METRICS(ROW)                                                                               \
    ROW(marginal_loss, "marginal_loss", LOSS, IF_ANY, LATER, NULL, fine->marginal_loss)            \
    ROW(coarse_loss, "coarse_loss", LOSS, COARSE_HEAD, FIRST, NULL, coarse->loss)                  \
    ROW(coarse_top1, "coarse_top1", HITS, COARSE_HEAD, FIRST, "  coarse top-1 %5.2f%%",            \
        coarse->rank < 1)                                                                          \
    ROW(coarse_top5, "coarse_top5", HITS, COARSE_HEAD, FIRST, " top-5 %6.2f%%", coarse->rank < 5)  \
    ROW(fine_loss, "fine_loss", LOSS, ALWAYS, FIRST, NULL, fine->loss)                             \
    ROW(fine_top1, "fine_top1", HITS, ALWAYS, FIRST, "  fine top-1 %5.2f%%", fine->rank < 1)       \
    ROW(fine_top5, "fine_top5", HITS, ALWAYS, FIRST, " top-5 %6.2f%%", fine->rank < 5)             \
    ROW(agree, "agreement", HITS, COARSE_HEAD, FIRST, "  agree %5.2f%%",                           \
        parents[fine->guess] == coarse->guess)

#define METRICS_ONE(...) +1
enum { METRICS_ROWS = 0 METRICS(METRICS_ONE) };
