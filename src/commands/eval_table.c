/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that `hcnn-cl eval` prints for people. docs/metrics.md explains every number. */
#include "commands/commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONFUSED_PAIRS = 10 };

/* "12.34%", or "-" for NaN, which means that there was nothing to divide by. */
typedef struct cell {
    char text[32];
} cell;

static cell decimal(const char *format, double value)
{
    cell made = {"-"};
    if (!isnan(value))
        snprintf(made.text, sizeof made.text, format, value);
    return made;
}

static cell percent(double share)
{
    return decimal("%.2f%%", 100 * share);
}

static void print_head(const char *name, const head_scores *h)
{
    head_summary all = scores_head(h);
    printf("%-10s %8s %8s %9s %8s %8s %8s\n", name, percent(all.top1).text, percent(all.top5).text,
           percent(all.macro_f1).text, decimal("%.4f", all.nll).text, percent(all.ece).text,
           percent(all.mce).text);
    if (h->undecided > 0)
        printf("%10s %llu images have logits that are not finite; they count as wrong\n", "",
               (unsigned long long)h->undecided);
}

static void print_share(const char *what, double share)
{
    printf("  %-36s %8s\n", what, percent(share).text);
}

static void print_height(const char *what, double height)
{
    printf("  %-36s %8s\n", what, decimal("%.4f", height).text);
}

static void print_tree(const scores *s)
{
    tree_summary t = scores_tree(s);
#define PRINT(member, sum, by, form, shown)                                                        \
    if ((by) != TREE_HEADS || s->has_coarse_head)                                                  \
        print_##form(shown, t.member);
    puts("\ncoarse class right");
    TREE_ACCURACIES(PRINT)
    puts("height of the fine answer: 0 right, 1 in the right coarse class, 2 in another");
    TREE_HEIGHTS(PRINT)
}

/* One level of the classes, and the width of the column of its names. */
typedef struct naming {
    const hierarchy *classes;
    bool fine;
    int width;
} naming;

static naming name_level(const hierarchy *classes, bool fine)
{
    char name[COMMAND_CLASS_NAME];
    naming n = {classes, fine, 0};
    for (int i = 0; i < (fine ? classes->fine_count : classes->coarse_count); i++) {
        command_class_name(classes, fine, i, name);
        n.width = command_width(name) > n.width ? command_width(name) : n.width;
    }
    return n;
}

static void print_class(const head_scores *h, const naming *n, int class)
{
    char name[COMMAND_CLASS_NAME];
    class_scores c = scores_class(h, class);
    command_class_name(n->classes, n->fine, class, name);
    printf("  ");
    command_put(name, n->width);
    printf(" %7llu %7llu %9s %8s %8s\n", (unsigned long long)c.images,
           (unsigned long long)c.answers, percent(c.precision).text, percent(c.recall).text,
           percent(c.f1).text);
}

static status print_classes(const head_scores *h, const naming *n, int most, error *err)
{
    int *order = malloc((size_t)h->classes * sizeof *order);
    TRY(got_memory(order, err, "the order of classes"));
    int shown = most < h->classes ? most : h->classes;
    scores_worst_first(h, order);
    printf("\n%s classes, worst F1 first (%d of %d)\n", n->fine ? "fine" : "coarse", shown,
           h->classes);
    printf("  %-*s %7s %7s %9s %8s %8s\n", n->width, "", "images", "answers", "precision", "recall",
           "F1");
    for (int i = 0; i < shown; i++)
        print_class(h, n, order[i]);
    free(order);
    return STATUS_OK;
}

/* As many pairs as classes are listed, but at most CONFUSED_PAIRS; there can be thousands. */
static void print_confused(const head_scores *h, const naming *n, int most)
{
    confused_pair pairs[CONFUSED_PAIRS];
    char label[COMMAND_CLASS_NAME], answer[COMMAND_CLASS_NAME];
    int count = scores_confused(h, pairs, most < CONFUSED_PAIRS ? most : CONFUSED_PAIRS);
    if (count == 0)
        return;
    printf("\n%s classes most often confused with another\n", n->fine ? "fine" : "coarse");
    for (int i = 0; i < count; i++) {
        command_class_name(n->classes, n->fine, pairs[i].label, label);
        command_class_name(n->classes, n->fine, pairs[i].answer, answer);
        printf("  ");
        command_put(label, n->width);
        printf(" %7u of %-7llu %s\n", (unsigned)pairs[i].images,
               (unsigned long long)h->labelled[pairs[i].label], answer);
    }
}

static void print_loss(const measured *m)
{
    const metrics *sums = &m->sums;
    printf("loss %.4f", metrics_loss(sums, m->weights));
    if (m->scores.has_coarse_head)
        printf(", coarse %.4f", metrics_mean(sums, sums->coarse_loss));
    printf(", fine %.4f", metrics_mean(sums, sums->fine_loss));
    if (sums->marginal_loss != 0)
        printf(", coarse by the fine head %.4f", metrics_mean(sums, sums->marginal_loss));
    putchar('\n');
}

status command_print_scores(const measured *m, int most_classes, error *err)
{
    const scores *s = &m->scores;
    printf("%llu images (%s), decision %s\n", (unsigned long long)s->fine.images, m->split,
           decider_name(&m->decide));
    print_loss(m);
    printf("\n%-10s %8s %8s %9s %8s %8s %8s\n", "", "top-1", "top-5", "macro F1", "NLL", "ECE",
           "MCE");
    print_head(s->has_coarse_head ? "coarse" : "from fine", &s->coarse);
    print_head("fine", &s->fine);
    print_tree(s);
    for (int level = 0; level < 2 && most_classes > 0; level++) {
        const head_scores *h = level ? &s->fine : &s->coarse;
        const naming n = name_level(s->classes, level);
        TRY(print_classes(h, &n, most_classes, err));
        print_confused(h, &n, most_classes);
    }
    return STATUS_OK;
}
