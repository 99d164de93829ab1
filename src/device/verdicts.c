/* SPDX-License-Identifier: Apache-2.0 */
/* The verdicts of the self-test; see verdicts.h. */
#include "device/verdicts.h"
#include "base/json_values.h"
#include "device/device_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct verdicts {
    device_file file;
    json_t *checks; /* by name, as in the file */
    json_t *own;    /* those of this process, which take precedence over the file */
    bool retry;
    char tested[24];
};

static status take(verdicts *known, json_t *root, error *err)
{
    json_t *checks = json_object_get(root, "checks");
    if (!json_is_object(checks))
        checks = NULL;
    const char *tested = json_string_value(json_object_get(root, "tested"));
    if (!known->tested[0] && tested && strlen(tested) < sizeof known->tested)
        strcpy(known->tested, tested); /* whole, because a part may not be UTF-8 */
    bool merged = (!checks || json_object_update(known->checks, checks) == 0) &&
                  json_object_update(known->checks, known->own) == 0;
    return got_memory(merged, err, "the verdicts of the self-test");
}

static status merge(void *context, json_t *root, error *err)
{
    return take(context, root, err);
}

static json_t *make_members(void *context)
{
    const verdicts *known = context;
    return json_pack("{s:s, s:O}", "tested", known->tested, "checks", known->checks);
}

status verdicts_open(const device_info *info, verdicts **opened, error *err)
{
    status result;
    json_t *root = NULL;
    verdicts *known = *opened = calloc(1, sizeof *known);
    TRY(got_memory(known, err, "the verdicts of the self-test"));
    known->checks = json_object();
    known->own = json_object();
    TRY_OR_DONE(got_memory(known->checks && known->own, err, "the verdicts of the self-test"));
    TRY_OR_DONE(device_file_open(info, "selftest", "", 0, &known->file, err));
    TRY_OR_DONE(device_file_read(&known->file, &root, err));
    TRY_OR_DONE(take(known, root, err));
    result = got_memory(!json_lost_memory(), err, "the verdicts of the self-test");
done:
    json_decref(root);
    if (result == STATUS_OK)
        return STATUS_OK;
    verdicts_close(known);
    *opened = NULL;
    return result;
}

status verdicts_open_own(device *dev, error *err)
{
    return dev->verdicts ? STATUS_OK : verdicts_open(&dev->info, &dev->verdicts, err);
}

void verdicts_close(verdicts *known)
{
    if (!known)
        return;
    device_file_close(&known->file);
    json_decref(known->checks);
    json_decref(known->own);
    free(known);
}

const char *verdicts_path(const verdicts *known)
{
    return known->file.path;
}

void verdicts_retry(verdicts *known)
{
    known->retry = true;
}

static bool has(const json_t *from, const char *member)
{
    return json_is_true(json_object_get(from, member));
}

bool verdicts_find(const verdicts *known, const char *check, verdict *found)
{
    /* json_unpack would need memory, and a failed check would then count as an unknown one. */
    const json_t *from = json_object_get(known->checks, check);
    const json_t *passed = json_object_get(from, "passed");
    const json_t *error = json_object_get(from, "error"), *bound = json_object_get(from, "bound");
    const json_t *seconds = json_object_get(from, "seconds");
    const char *why = json_string_value(json_object_get(from, "why"));
    const bool suspected = has(from, "suspected");
    if (!json_is_boolean(passed) || !error || !bound || !seconds)
        return false;
    if (suspected && known->retry && !json_object_get(known->own, check))
        return false;
    *found = (verdict){.passed = json_is_true(passed),
                       .required = has(from, "required"),
                       .suspected = suspected,
                       .shapes = (int)json_integer_value(json_object_get(from, "shapes")),
                       .error = json_is_number(error) ? json_number_value(error) : NAN,
                       .bound = json_is_number(bound) ? json_number_value(bound) : NAN,
                       .seconds = json_number_value(seconds)};
    snprintf(found->why, sizeof found->why, "%s", why ? why : "");
    return true;
}

/* Whether a failure without a result is only suspected: it is unless an earlier start, or a result,
 * has shown a failure. */
static bool stays_suspected(const verdicts *known, const char *check)
{
    const json_t *before = json_object_get(known->checks, check);
    return !json_is_false(json_object_get(before, "passed")) ||
           (has(before, "suspected") && json_object_get(known->own, check));
}

status verdicts_put(verdicts *known, const char *check, const verdict *found, error *err)
{
    time_t now = time(NULL);
    struct tm utc;
    json_watch();
    json_t *why = found->passed ? NULL : text_to_json(found->why);
    json_t *suspected = found->suspected && stays_suspected(known, check) ? json_true() : NULL;
    json_t *made =
        json_pack("{s:b, s:b, s:i, s:o, s:o, s:o, s:o*, s:o*}", "passed", found->passed, "required",
                  found->required, "shapes", found->shapes, "error", number_to_json(found->error),
                  "bound", number_to_json(found->bound), "seconds", number_to_json(found->seconds),
                  "why", why, "suspected", suspected);
    if (gmtime_r(&now, &utc))
        strftime(known->tested, sizeof known->tested, "%Y-%m-%d %H:%M:%S", &utc);
    bool stored = made && json_object_set(known->own, check, made) == 0 &&
                  json_object_set(known->checks, check, made) == 0;
    json_decref(made);
    return got_memory(stored && !json_lost_memory(), err, "the verdicts of the self-test");
}

status verdicts_save(verdicts *known, error *err)
{
    const device_file_change change = {known, merge, make_members};
    status result = device_file_update(&known->file, &change, err);
    return result == STATUS_OK
               ? STATUS_OK
               : error_prefix(err, result, "the self-test's verdicts are not remembered");
}

verdict_totals verdicts_totals(const verdicts *known)
{
    static const char usual[] = "fp32 "; /* a device that fails only in fp16 is still of use */
    verdict_totals totals = {0};
    const char *name;
    json_t *check;
    json_object_foreach(known->checks, name, check)
    {
        totals.checks++;
        const bool failed = !has(check, "passed") && !has(check, "suspected");
        totals.failed += failed;
        totals.refused +=
            failed && has(check, "required") && strncmp(name, usual, strlen(usual)) == 0;
    }
    snprintf(totals.tested, sizeof totals.tested, "%s", known->tested);
    return totals;
}
