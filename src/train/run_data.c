/* SPDX-License-Identifier: Apache-2.0 */
/* The data of a run; see run_data.h. */
#include "train/run_data.h"

/* mirrored: images that are mixed with each other get into the same share. */
static share_of own_share(const train_options *o, bool mirrored)
{
    const ranks *r = o->ranks;
    return r ? (share_of){r->rank, r->count, mirrored} : (share_of){0};
}

share_of run_data_share(const run_data *d, const train_options *o)
{
    return own_share(o, augment_mixes(&d->augment));
}

int run_data_input_size(const run_data *d, const train_options *o)
{
    return o->image_size ? o->image_size : d->set.native_size;
}

status run_data_open_part(const run_data *d, const train_options *o, const image_subset *part,
                          loader **opened, error *err)
{
    const loader_options plain = {.batch_size = o->batch_size,
                                  .share = own_share(o, false),
                                  .threads = o->threads,
                                  .crop = o->crop_boxes,
                                  .bad = d->bad};
    return loader_create(*part, &plain, opened, err);
}

status run_data_open(run_data *d, const train_options *o, void (*note)(void *, const char *),
                     void *context, error *err)
{
    TRY(dataset_open(o->data, &d->set, err));
    if (o->crop_boxes && !d->set.train.boxes)
        return error_set(err, STATUS_USAGE,
                         "--crop-boxes: %s has no boxes; use DeepFashion, which has "
                         "Anno/list_bbox.txt, or leave the option out",
                         dataset_is_sample(&d->set) ? "the sample" : d->set.source);
    TRY(dataset_divide(&d->set, o->seed, &d->parts, err));
    TRY(bad_images_create(o->max_bad, note, context, &d->bad, err));
    const loader_options training = {.batch_size = o->batch_size,
                                     .share = run_data_share(d, o),
                                     .threads = o->threads,
                                     .seed = o->seed,
                                     .shuffle = !o->no_shuffle,
                                     .augment = d->augment,
                                     .image_size = run_data_input_size(d, o),
                                     .balance = o->balance,
                                     .crop = o->crop_boxes,
                                     .bad = d->bad,
                                     .replace = true};
    TRY(loader_create(d->parts.train, &training, &d->train, err));
    return run_data_open_part(d, o, &d->parts.validation, &d->validate, err);
}

void run_data_close(run_data *d)
{
    loader_free(d->train);
    loader_free(d->validate);
    bad_images_free(d->bad);
    dataset_division_free(&d->parts);
    dataset_close(&d->set);
}
