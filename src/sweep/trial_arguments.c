/* SPDX-License-Identifier: Apache-2.0 */
/* See trial_arguments.h. */
#include "sweep/trial_arguments.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static status add_parameter(const sweep_parameter *p, double place, words *arguments, error *err)
{
    char *value = sweep_parameter_text(p, place);
    status result = value ? words_take(arguments, text_format("--%s=%s", p->option, value), err)
                          : error_memory(err, "a run");
    free(value);
    return result;
}

status trial_arguments(const sweep_file *file, const words *extra, const double *places,
                       const char *directory, words *arguments, error *err)
{
    TRY(words_take(arguments, strdup("train"), err));
    for (size_t i = 0; extra && i < extra->count; i++)
        TRY(words_take(arguments, strdup(extra->texts[i]), err));
    for (size_t i = 0; i < file->parameter_count; i++)
        TRY(add_parameter(&file->parameters[i], places[i], arguments, err));
    return directory ? words_take(arguments, text_format("--run=%s", directory), err) : STATUS_OK;
}

/* Appends the words that give --max-steps, the only option that is not stored with a run and so has
 * to be given again when it is resumed. */
static status add_limit(const words *all, words *arguments, error *err)
{
    static const char dashed[] = "--max-steps", joined[] = "--max_steps";
    const size_t length = sizeof dashed - 1;
    for (size_t i = 0; i < all->count; i++) {
        const char *text = all->texts[i];
        if (strncmp(text, dashed, length) != 0 && strncmp(text, joined, length) != 0)
            continue;
        TRY(words_take(arguments, strdup(text), err));
        if (text[length] == '\0' && i + 1 < all->count)
            TRY(words_take(arguments, strdup(all->texts[++i]), err));
    }
    return STATUS_OK;
}

status trial_resume_arguments(const sweep_file *file, const words *extra, const double *places,
                              const char *directory, words *arguments, error *err)
{
    words all = {0};
    status result;
    TRY_OR_DONE(trial_arguments(file, extra, places, NULL, &all, err));
    TRY_OR_DONE(words_take(arguments, text_format("train"), err));
    TRY_OR_DONE(words_take(arguments, text_format("--resume=%s", directory), err));
    TRY_OR_DONE(add_limit(&all, arguments, err));
done:
    words_free(&all);
    return result;
}

char *trial_describe(const sweep_file *file, const double *places)
{
    char *text = strdup("");
    for (size_t i = 0; i < file->parameter_count; i++) {
        const sweep_parameter *p = &file->parameters[i];
        char *value = sweep_parameter_text(p, places[i]);
        if (!value) {
            free(text);
            return NULL;
        }
        text_append(&text, "%s%s=%s", i ? " " : "", p->name, value);
        free(value);
    }
    return text;
}
