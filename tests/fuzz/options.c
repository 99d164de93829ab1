/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the command line (base/options.c) and the texts within options: each line of the input is
 * an argument of `train`. Nothing is trained. */
#include "base/options.h"
#include "data/augment.h"
#include "fuzz.h"
#include "train/loss_schedule.h"
#include "train/schedule.h"
#include "train/train_options.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ARGUMENTS = 64 };

static void check_augment(const char *text)
{
    error err;
    augment_list list;
    if (augment_parse(text, &list, &err) != STATUS_OK)
        return;
    for (uint32_t position = 0; position < 4; position++) {
        const augment_place at = {1, 0, position, 32};
        pixel_source picture = {.width = 40, .height = 30, .cosine = 1};
        batch_mix mix = {0};
        augment_image(&list, &at, &picture);
        augment_batch(&list, &at, &mix);
        FUZZ_HOLDS(mix.partner_share >= 0 && mix.partner_share <= 1);
    }
}

static void check_schedule(const train_options *o)
{
    error err;
    schedule s;
    const schedule_terms terms = {o->schedule, o->lr, o->min_lr, o->warmup, o->milestones};
    if (schedule_start(&s, &terms, &err) != STATUS_OK)
        return;
    schedule_span(&s, o->epochs, 10);
    FUZZ_HOLDS(s.milestone_count >= 0 && s.milestone_count <= SCHEDULE_MILESTONES);
    for (uint64_t step = 1; step < 40; step++)
        FUZZ_HOLDS(schedule_rate(&s, step) >= 0);
}

static void check_losses(const char *text)
{
    error err;
    loss_schedule losses;
    const loss_weights before = {1, 1};
    if (loss_schedule_parse(text, before, true, &losses, &err) != STATUS_OK)
        return;
    FUZZ_HOLDS(losses.count >= 0 && losses.count <= LOSS_SCHEDULE_STAGES);
    for (uint32_t epoch = 0; epoch < 40; epoch++)
        FUZZ_HOLDS(loss_schedule_at(&losses, epoch).fine >= 0);
}

int fuzz_options(const uint8_t *data, size_t size)
{
    error err;
    operands rest;
    train_options options = train_defaults();
    const command_line line = {.rows = train_rows, .operand = "FILE"};
    char *text = fuzz_text(data, size), *at = text, *argv[MOST_ARGUMENTS + 1] = {"train"};
    int argc = 1;
    while (argc < MOST_ARGUMENTS && (argv[argc] = strsep(&at, "\n")) != NULL)
        argc++;
    argv[argc] = NULL;
    if (options_parse(&line, &options, argc, argv, &rest, &err) == STATUS_OK) {
        FUZZ_HOLDS(rest.help || rest.count + rest.given_count < argc);
        check_augment(options.augment);
        check_schedule(&options);
        check_losses(options.loss_schedule);
        options_free(&rest);
    }
    free(text);
    return 0;
}
