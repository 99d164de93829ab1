/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks devices, and finds and opens the one that a spec names; see device.h. */
#include "device/cache.h"
#include "device/device.h"
#include "device/verdicts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char own_name[] = "HCNN_DEVICE"; /* environment variable */
static const char install_hint[] =
    "Install an OpenCL driver: for any CPU `apt install pocl-opencl-icd`, for a GPU its vendor's "
    "(NVIDIA: the driver's libnvidia-opencl, AMD: rocm-opencl-icd or mesa-opencl-icd, Intel: "
    "intel-opencl-icd).";

/* ---- Ranks ---- */

status device_read_test(device_info *info, error *err)
{
    verdicts *known;
    TRY(verdicts_open(info, &known, err));
    verdict_totals totals = verdicts_totals(known);
    verdicts_close(known);
    info->tested = totals.checks == 0   ? DEVICE_UNTESTED
                   : totals.refused > 0 ? DEVICE_FAILED
                                        : DEVICE_PASSED;
    info->failed_checks = totals.failed;
    snprintf(info->tested_at, sizeof info->tested_at, "%s", totals.tested);
    return STATUS_OK;
}

/* Programs that act out a GPU on the processor. Some report other kinds than GPU. */
static bool is_software(const device_info *info)
{
    static const char *const names[] = {"llvmpipe", "softpipe", "swrast", "lavapipe", "oclgrind"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasestr(info->name, names[i]) || strcasestr(info->platform_name, names[i]))
            return true;
    return false;
}

/* The coarsest part of the rank. */
enum tier { TIER_GPU, TIER_CPU, TIER_ACCELERATOR, TIER_SOFTWARE, TIER_FAILED, TIER_UNAVAILABLE };

static enum tier tier_of(const device_info *info)
{
    if (!info->available)
        return TIER_UNAVAILABLE;
    if (info->tested == DEVICE_FAILED)
        return TIER_FAILED;
    if (is_software(info))
        return TIER_SOFTWARE;
    return info->type & CL_DEVICE_TYPE_GPU   ? TIER_GPU
           : info->type & CL_DEVICE_TYPE_CPU ? TIER_CPU
                                             : TIER_ACCELERATOR;
}

/* Negative if a ranks before b, 0 if neither. */
static int compare_ranks(const device_info *a, const device_info *b)
{
    const int tiers = (int)tier_of(a) - (int)tier_of(b);
    if (tiers != 0)
        return tiers;
    /* A device is tested when it is first used, so a test that it passed is the last thing to
     * count: otherwise the first device that was ever used would stay the default. */
    const int passed = (b->tested == DEVICE_PASSED) - (a->tested == DEVICE_PASSED);
    /* The drivers of a CPU all run on the same processor, whatever they report. */
    if (tier_of(a) == TIER_CPU)
        return passed;
    if (a->unified_memory != b->unified_memory)
        return (int)a->unified_memory - (int)b->unified_memory;
    const uint64_t speed_a = (uint64_t)a->compute_units * a->clock_mhz;
    const uint64_t speed_b = (uint64_t)b->compute_units * b->clock_mhz;
    return speed_a != speed_b ? (speed_a < speed_b) - (speed_a > speed_b) : passed;
}

int device_rank(const device_list *list, int index)
{
    int before = 0;
    for (int i = 0; i < list->count; i++) {
        const int order = compare_ranks(&list->devices[i], &list->devices[index]);
        before += order < 0 || (order == 0 && i < index);
    }
    return before;
}

/* ---- Specs ---- */

/* How a spec can match a device. */
enum way { BY_KIND, BY_INDEX, BY_NAME, BY_PLATFORM, WAYS };

static bool is_at(const device_info *info, const char *spec)
{
    char *colon, *end;
    const long platform = strtol(spec, &colon, 10);
    if (colon == spec || *colon != ':')
        return false;
    const long index = strtol(colon + 1, &end, 10);
    return end != colon + 1 && *end == '\0' && info->platform_index == platform &&
           info->device_index == index;
}

static bool fits(const device_info *info, enum way way, const char *spec, cl_device_type type)
{
    if (way == BY_KIND)
        return info->available && (info->type & type);
    if (way == BY_INDEX)
        return is_at(info, spec);
    return strcasestr(way == BY_NAME ? info->name : info->platform_name, spec) != NULL;
}

/* The device of this rank. */
static int index_of_rank(const device_list *list, int rank)
{
    int index = 0;
    while (device_rank(list, index) != rank)
        index++;
    return index;
}

/* The index of the device for `place` among those that match, in turn and the best first; -1 if
 * none matches. A kind means only the devices of the best tier that matches, so that no rank gets a
 * simulator beside a GPU. A name means all devices that work, if one does. */
static int pick(const device_list *list, enum way way, const char *spec, cl_device_type type,
                int place)
{
    int count = 0, worst = -1;
    for (int rank = 0; rank < list->count; rank++) {
        const device_info *info = &list->devices[index_of_rank(list, rank)];
        if (!fits(info, way, spec, type))
            continue;
        const int tier = (int)tier_of(info);
        if (worst < 0)
            worst = way == BY_KIND || tier >= TIER_FAILED ? tier : TIER_SOFTWARE;
        count += tier <= worst;
    }
    for (int rank = 0, left = count > 0 ? place % count : 0; count > 0; rank++) {
        const int index = index_of_rank(list, rank);
        if (fits(&list->devices[index], way, spec, type) && left-- == 0)
            return index;
    }
    return -1;
}

static int find_device(const device_list *list, const char *spec, int place)
{
    static const cl_device_type types[] = {CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_CPU,
                                           CL_DEVICE_TYPE_ACCELERATOR};
    if (!spec || !*spec)
        return pick(list, BY_KIND, spec, CL_DEVICE_TYPE_ALL, place);
    for (int i = 0; i < 3; i++)
        if (strcmp(spec, device_type_name(types[i])) == 0)
            return pick(list, BY_KIND, spec, types[i], place);
    int found = -1;
    for (enum way way = BY_INDEX; way < WAYS && found < 0; way++)
        found = pick(list, way, spec, 0, place);
    return found;
}

/* ---- Errors ---- */

/* Why PoCL, which is installed, offers no device. */
static void explain_pocl(error *reason)
{
    const char *allowed = getenv("POCL_DEVICES");
    if (cache_check_pocl(reason) != STATUS_OK)
        return;
    if (allowed && *allowed)
        error_set(reason, STATUS_USAGE,
                  "PoCL is installed but offers no device, with POCL_DEVICES=%s; unset that "
                  "variable",
                  allowed);
    else
        error_set(reason, STATUS_USAGE,
                  "PoCL is installed but offers no device; POCL_DEBUG=err prints why");
}

/* If PoCL offers no device, which may be why none was found, appends the reason to the error. */
static status add_pocl_reason(const device_list *list, error *err)
{
    error reason;
    if (!list->pocl_is_empty)
        return STATUS_USAGE;
    explain_pocl(&reason);
    return error_suffix(err, STATUS_USAGE, "\n%s", reason.message);
}

/* The loader passes over a driver that it has no memory to load. */
static bool memory_is_limited(uint64_t *mebibytes)
{
    struct rlimit limit;
    bool limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    *mebibytes = limited ? (uint64_t)limit.rlim_cur >> 20 : 0;
    return limited;
}

static status refuse_empty(const device_list *list, error *err)
{
    error reason;
    uint64_t mebibytes;
    if (memory_is_limited(&mebibytes))
        return error_set(err, STATUS_USAGE,
                         "no OpenCL device was found within this process's limit of %" PRIu64
                         " MiB of memory, which drivers may need more than; raise it (ulimit -v). "
                         "If that does not help: %s",
                         mebibytes, install_hint);
    if (list->pocl_is_empty)
        explain_pocl(&reason);
    return error_set(err, STATUS_USAGE, "no OpenCL device on this machine. %s",
                     list->pocl_is_empty ? reason.message : install_hint);
}

static status refuse_unavailable(const device_info *info, error *err)
{
    return error_set(err, STATUS_USAGE,
                     "the device %s is not available%s%s; choose another one (`hcnn-cl devices` "
                     "lists them)",
                     info->name[0] ? info->name : "without a name", info->fault[0] ? ": " : "",
                     info->fault);
}

status device_choose(const device_list *list, const char *spec, int place, int *index, error *err)
{
    *index = list->count > 0 ? find_device(list, spec, place) : -1;
    if (*index >= 0 && list->devices[*index].available)
        return STATUS_OK;
    if (list->count == 0)
        return refuse_empty(list, err);
    if (*index >= 0)
        return refuse_unavailable(&list->devices[*index], err);

    char lines[4096] = "";
    size_t used = 0;
    for (int i = 0; i < list->count && used < sizeof lines; i++) {
        const device_info *info = &list->devices[i];
        used += (size_t)snprintf(lines + used, sizeof lines - used,
                                 "\n  %d:%d  %-11s %s (%s)%s%s%s", info->platform_index,
                                 info->device_index, device_type_name(info->type), info->name,
                                 info->platform_name, info->available ? "" : ", not available",
                                 info->fault[0] ? ": " : "", info->fault);
    }
    error_set(
        err, STATUS_USAGE,
        "no device matches '%s'; expected gpu, cpu, accelerator, PLATFORM:DEVICE or a part of "
        "a name, or for several ranks a list of these separated by commas. The devices "
        "are:%s",
        spec ? spec : "", lines);
    return add_pocl_reason(list, err);
}

/* ---- Opening ---- */

/* The spec in the environment; NULL if there is none. */
static const char *own_spec(void)
{
    const char *spec = getenv(own_name);
    return spec && *spec ? spec : NULL;
}

/* Calls device_choose. If there are devices but none can be chosen, the error begins with `whose`,
 * unless that is NULL. */
static status choose_for(const device_list *list, const char *spec, int place, const char *whose,
                         int *index, error *err)
{
    status result = device_choose(list, spec, place, index, err);
    return result != STATUS_OK && whose && list->count > 0 ? error_prefix(err, result, "%s", whose)
                                                           : result;
}

status device_choose_own(const device_list *list, int *index, error *err)
{
    const char *spec = own_spec();
    return choose_for(list, spec, 0, spec ? own_name : NULL, index, err);
}

static status open_choice(const char *spec, int place, const char *whose, device **opened,
                          error *err)
{
    device_list list;
    TRY(device_list_all(&list, err));
    int index;
    status result = choose_for(&list, spec, place, whose, &index, err);
    if (result == STATUS_OK)
        result = device_open_info(&list.devices[index], opened, err);
    device_list_free(&list);
    return result;
}

/* The entry for `place` in a list separated by commas; the caller frees it. *round becomes the
 * number of times that places before this one have gone through the whole list. NULL if memory is
 * exhausted. */
static char *entry_of(const char *spec, int place, int *round)
{
    int entries = 1;
    for (const char *at = spec; *at; at++)
        entries += *at == ',';
    *round = place / entries;
    for (int skip = place % entries; skip > 0; skip--)
        spec = strchr(spec, ',') + 1;
    return strndup(spec, strcspn(spec, ","));
}

static status open_place(const char *spec, int place, const char *whose, device **opened,
                         error *err)
{
    *opened = NULL;
    if (!spec || !strchr(spec, ','))
        return open_choice(spec, place, whose, opened, err);
    int round;
    char *entry = entry_of(spec, place, &round);
    status result = entry ? open_choice(entry, round, whose, opened, err)
                          : error_memory(err, "the device's name");
    free(entry);
    return result;
}

status device_open_place(const char *spec, int place, device **opened, error *err)
{
    return open_place(spec, place, NULL, opened, err);
}

status device_open_own(int place, device **opened, error *err)
{
    const char *spec = own_spec();
    return open_place(spec, place, spec ? own_name : NULL, opened, err);
}

status device_open(device **opened, error *err)
{
    return device_open_own(0, opened, err);
}
