/* SPDX-License-Identifier: Apache-2.0 */
/* Scores as JSON and CSV; see scores_output.h. */
#include "measure/scores_output.h"
#include "base/file.h"
#include "base/json_values.h"

#include <errno.h>

/* ---- JSON ---- */

static json_t *head_to_object(const head_scores *h, char *const *names)
{
    head_summary all = scores_head(h);
    json_t *images = json_array(), *precision = json_array(), *recall = json_array(),
           *f1 = json_array();
    for (int i = 0; i < h->classes; i++) {
        class_scores c = scores_class(h, i);
        images = array_with(images, json_integer((json_int_t)c.images));
        precision = array_with(precision, number_to_json(c.precision));
        recall = array_with(recall, number_to_json(c.recall));
        f1 = array_with(f1, number_to_json(c.f1));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "macro_f1",
                     number_to_json(all.macro_f1), "nll", number_to_json(all.nll), "ece",
                     number_to_json(all.ece), "mce", number_to_json(all.mce), "undecided",
                     (json_int_t)h->undecided, "names", texts_to_json(names, h->classes), "support",
                     images, "precision", precision, "recall", recall, "f1", f1, "confusion",
                     matrix_to_json(h->confusion, h->classes));
}

static json_t *tree_to_object(const scores *s)
{
    tree_summary t = scores_tree(s);
    json_t *o = json_object();
#define PUT(member, sum, by, ...)                                                                  \
    if ((by) != TREE_HEADS || s->has_coarse_head)                                                  \
        o = object_put(o, #member, number_to_json(t.member));
    TREE_FIGURES(PUT)
    return o;
}

/* The device's accuracies are those of argmax; this replaces them by the decision's. */
static json_t *put_accuracies(json_t *o, const scores *s)
{
    head_summary coarse = scores_head(&s->coarse), fine = scores_head(&s->fine);
    o = object_put(o, "fine_top1", number_to_json(fine.top1));
    o = object_put(o, "fine_top5", number_to_json(fine.top5));
    if (!s->has_coarse_head)
        return o;
    o = object_put(o, "coarse_top1", number_to_json(coarse.top1));
    o = object_put(o, "coarse_top5", number_to_json(coarse.top5));
    return object_put(o, "agreement", number_to_json(scores_tree(s).agreement));
}

json_t *scores_to_object(const measured *m)
{
    metric_line line = {0};
    const scores *s = &m->scores;
    metrics_log(&m->sums, NULL, m->weights, !s->has_coarse_head, &line);
    json_t *o = put_accuracies(metric_line_to_json(&line), s);
    o = object_put(o, "split", json_string(m->split));
    o = object_put(o, "decision", json_string(decider_name(&m->decide)));
    o = object_put(o, "coarse", head_to_object(&s->coarse, s->classes->coarse_names));
    o = object_put(o, "fine", head_to_object(&s->fine, s->classes->fine_names));
    return object_put(o, "hierarchy", tree_to_object(s));
}

/* ---- CSV ---- */

/* Puts the name in quotes, with quotes in it doubled (RFC 4180). */
static void put_name(FILE *to, const char *name)
{
    fputs(",\"", to);
    for (const char *at = name; *at; at++) {
        if (*at == '"')
            putc('"', to);
        putc(*at, to);
    }
    putc('"', to);
}

/* answer -1: images that are undecided. */
static status put_row(const file_writer *w, const char *level, char *const *names, int label,
                      int answer, uint64_t images, error *err)
{
    FILE *to = w->stream;
    fprintf(to, "%s,%d", level, label);
    put_name(to, names[label]);
    if (answer >= 0) {
        fprintf(to, ",%d", answer);
        put_name(to, names[answer]);
    } else {
        fputs(",,", to);
    }
    fprintf(to, ",%llu\n", (unsigned long long)images);
    return ferror(to) ? file_write_error(err, w->path, errno) : STATUS_OK;
}

static status put_matrix(const file_writer *to, const char *level, const head_scores *h,
                         char *const *names, error *err)
{
    for (int label = 0; label < h->classes; label++) {
        uint64_t decided = 0;
        for (int answer = 0; answer < h->classes; answer++) {
            uint32_t images = h->confusion[(size_t)label * (size_t)h->classes + (size_t)answer];
            decided += images;
            TRY(put_row(to, level, names, label, answer, images, err));
        }
        if (decided < h->labelled[label])
            TRY(put_row(to, level, names, label, -1, h->labelled[label] - decided, err));
    }
    return STATUS_OK;
}

status scores_write_confusion(const scores *s, const char *path, error *err)
{
    file_writer to;
    TRY(file_writer_open(&to, path, err));
    status result;
    fputs("level,label,label_name,answer,answer_name,images\n", to.stream);
    TRY_OR_DONE(put_matrix(&to, "coarse", &s->coarse, s->classes->coarse_names, err));
    TRY_OR_DONE(put_matrix(&to, "fine", &s->fine, s->classes->fine_names, err));
done:
    return file_writer_end(&to, result, err);
}
