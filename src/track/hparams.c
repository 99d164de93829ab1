/* SPDX-License-Identifier: Apache-2.0 */
/* The messages behind TensorBoard's HParams page, from a run's configuration; see event_file.h.
 * What they point to is borrowed, so that one block of memory for each kind of message is all there
 * is to free. */
#include "track/event.pb-c.h"
#include "track/event_file.h"
#include "track/run_store.h"

#include <stdlib.h>

static const char what[] = "the hyper-parameters of an event file";

static status put(event_file *f, const char *tag, Tb__HParams *message, error *err)
{
    message->has_version = 1;
    size_t size = tb__hparams__get_packed_size(message);
    unsigned char *data = malloc(size);
    TRY(got_memory(data, err, what));
    tb__hparams__pack(message, data);
    status result = event_file_plugin(f, tag, HPARAMS_PLUGIN, data, size, err);
    free(data);
    return result;
}

static Tb__HParamInfo__Type type_of(const json_t *value)
{
    return json_is_boolean(value)  ? TB__HPARAM_INFO__TYPE__BOOL
           : json_is_number(value) ? TB__HPARAM_INFO__TYPE__FLOAT64
                                   : TB__HPARAM_INFO__TYPE__STRING;
}

/* Has room for all that config holds. */
static void list_parameters(const json_t *config, Tb__HParamInfo *infos, Tb__Experiment *e)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)config, key, value)
    {
        Tb__HParamInfo *info = &infos[e->n_hparam_infos];
        tb__hparam_info__init(info);
        info->name = (char *)key;
        info->has_type = 1;
        info->type = type_of(value);
        e->hparam_infos[e->n_hparam_infos++] = info;
    }
}

static void list_metrics(const char *const *metrics, size_t count, Tb__MetricInfo *infos,
                         Tb__MetricName *names, Tb__Experiment *e)
{
    for (size_t i = 0; i < count; i++) {
        tb__metric_name__init(&names[i]);
        names[i].tag = (char *)metrics[i];
        tb__metric_info__init(&infos[i]);
        infos[i].name = &names[i];
        e->metric_infos[e->n_metric_infos++] = &infos[i];
    }
}

static status put_experiment(event_file *f, const json_t *config, const char *const *metrics,
                             size_t metric_count, double time, error *err)
{
    size_t count = json_object_size(config);
    Tb__HParams message = TB__HPARAMS__INIT;
    Tb__Experiment e = TB__EXPERIMENT__INIT;
    Tb__HParamInfo *parameters = calloc(count + 1, sizeof *parameters);
    Tb__MetricInfo *infos = calloc(metric_count + 1, sizeof *infos);
    Tb__MetricName *names = calloc(metric_count + 1, sizeof *names);
    e.hparam_infos = calloc(count + 1, sizeof(Tb__HParamInfo *));
    e.metric_infos = calloc(metric_count + 1, sizeof(Tb__MetricInfo *));
    status result;
    TRY_OR_DONE(
        got_memory(parameters && infos && names && e.hparam_infos && e.metric_infos, err, what));
    list_parameters(config, parameters, &e);
    list_metrics(metrics, metric_count, infos, names, &e);
    e.has_time_created_secs = 1;
    e.time_created_secs = time;
    message.experiment = &e;
    result = put(f, HPARAMS_EXPERIMENT_TAG, &message, err);
done:
    free(e.metric_infos);
    free(e.hparam_infos);
    free(names);
    free(infos);
    free(parameters);
    return result;
}

static void set_value(Tb__AnyValue *to, const json_t *value)
{
    tb__any_value__init(to);
    if (json_is_boolean(value)) {
        to->has_bool_value = 1;
        to->bool_value = json_is_true(value);
    } else if (json_is_number(value)) {
        to->has_number_value = 1;
        to->number_value = json_number_value(value);
    } else {
        to->string_value = (char *)json_string_value(value);
    }
}

/* Has room for all that config holds. */
static void list_values(const json_t *config, Tb__HParamsEntry *entries, Tb__AnyValue *values,
                        Tb__SessionStart *start)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)config, key, value)
    {
        size_t i = start->n_hparams;
        if (!json_is_boolean(value) && !json_is_number(value) && !json_is_string(value))
            continue;
        set_value(&values[i], value);
        tb__hparams_entry__init(&entries[i]);
        entries[i].key = (char *)key;
        entries[i].value = &values[i];
        start->hparams[start->n_hparams++] = &entries[i];
    }
}

static status put_start(event_file *f, const json_t *config, double time, error *err)
{
    size_t count = json_object_size(config);
    Tb__HParams message = TB__HPARAMS__INIT;
    Tb__SessionStart start = TB__SESSION_START__INIT;
    Tb__HParamsEntry *entries = calloc(count + 1, sizeof *entries);
    Tb__AnyValue *values = calloc(count + 1, sizeof *values);
    start.hparams = calloc(count + 1, sizeof(Tb__HParamsEntry *));
    status result;
    TRY_OR_DONE(got_memory(entries && values && start.hparams, err, what));
    list_values(config, entries, values, &start);
    start.has_start_time_secs = 1;
    start.start_time_secs = time;
    message.session_start_info = &start;
    result = put(f, HPARAMS_START_TAG, &message, err);
done:
    free(start.hparams);
    free(values);
    free(entries);
    return result;
}

status event_file_hyperparameters(event_file *f, const json_t *config, const char *const *metrics,
                                  size_t metric_count, error *err)
{
    double now = run_store_now();
    TRY(put_experiment(f, config, metrics, metric_count, now, err));
    return put_start(f, config, now, err);
}

status event_file_end(event_file *f, int succeeded, error *err)
{
    Tb__HParams message = TB__HPARAMS__INIT;
    Tb__SessionEnd end = TB__SESSION_END__INIT;
    end.has_status = 1;
    end.status = succeeded ? TB__SESSION_END__STATUS__SUCCESS : TB__SESSION_END__STATUS__FAILURE;
    end.has_end_time_secs = 1;
    end.end_time_secs = run_store_now();
    message.session_end_info = &end;
    return put(f, HPARAMS_END_TAG, &message, err);
}
