/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl devices`: lists every OpenCL device with the properties that matter for training, marks
 * the one that HCNN_DEVICE chooses, and prints what is known about the drivers. */
#include "base/json_values.h"
#include "base/terminal.h"
#include "commands/commands.h"
#include "device/device.h"
#include "device/driver_hints.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct devices_options {
    bool json;
} devices_options;

static void format_size(uint64_t bytes, char *text, size_t capacity)
{
    double mebibytes = (double)bytes / (1 << 20);
    if (mebibytes < 1024)
        snprintf(text, capacity, "%.0f MiB", mebibytes);
    else
        snprintf(text, capacity, "%.1f GiB", mebibytes / 1024);
}

/* The index of each device in the order of their ranks. The caller frees it. */
static status order_devices(const device_list *list, int **order, error *err)
{
    *order = calloc((size_t)list->count + 1, sizeof **order);
    TRY(got_memory(*order, err, "the order of the devices"));
    for (int i = 0; i < list->count; i++)
        (*order)[device_rank(list, i)] = i;
    return STATUS_OK;
}

/* "no", "2026-11-29" or "2 failed". */
static void format_test(const device_info *info, char *text, size_t capacity)
{
    if (info->tested == DEVICE_UNTESTED)
        snprintf(text, capacity, "no");
    else if (info->failed_checks > 0)
        snprintf(text, capacity, "%d failed", info->failed_checks);
    else
        snprintf(text, capacity, "%.10s", info->tested_at);
}

static void print_device(const device_info *info, bool chosen)
{
    char index[32], memory[32], largest[32], test[32];
    snprintf(index, sizeof index, "%d:%d", info->platform_index, info->device_index);
    format_size(info->memory_bytes, memory, sizeof memory);
    format_size(info->max_allocation_bytes, largest, sizeof largest);
    format_test(info, test, sizeof test);
    terminal_print(stdout, "%c %-6s %-11s %5u  %9s  %9s  %-4s  %-10s  %s (%s)%s%s%s\n",
                   chosen ? '*' : ' ', index, device_type_name(info->type), info->compute_units,
                   memory, largest, info->fp16 ? "yes" : "no", test, info->name,
                   info->platform_name, info->available ? "" : ", not available",
                   info->fault[0] ? ": " : "", info->fault);
}

/* What is known about the drivers, one line each. */
static void print_hints(const device_list *list, const int *order)
{
    for (int i = 0; i < list->count; i++) {
        const device_info *info = &list->devices[order[i]];
        const char *hint;
        for (size_t at = 0; (hint = driver_hint(info, &at));)
            terminal_print(stdout, "\n%d:%d: %s.\n", info->platform_index, info->device_index,
                           hint);
    }
}

/* Prints the devices in the order of their ranks. Marks the one at index `chosen` with a star; a
 * negative index marks none. */
static void print_table(const device_list *list, const int *order, int chosen)
{
    printf("  %-6s %-11s %5s  %9s  %9s  %-4s  %-10s  %s\n", "DEVICE", "TYPE", "UNITS", "MEMORY",
           "LARGEST", "FP16", "TESTED", "NAME (PLATFORM)");
    for (int i = 0; i < list->count; i++)
        print_device(&list->devices[order[i]], order[i] == chosen);
    if (chosen >= 0)
        printf(
            "\n* is used now; choose another with HCNN_DEVICE=gpu, cpu, accelerator, %d:%d or part "
            "of a name.\n",
            list->devices[chosen].platform_index, list->devices[chosen].device_index);
    print_hints(list, order);
}

static json_t *describe_hints(const device_info *info)
{
    json_t *hints = json_array();
    const char *hint;
    for (size_t at = 0; (hint = driver_hint(info, &at));)
        hints = array_with(hints, json_string(hint));
    return hints;
}

static json_t *describe_device(const device_info *info, int rank, bool chosen)
{
    char index[32];
    snprintf(index, sizeof index, "%d:%d", info->platform_index, info->device_index);
    json_t *tested = info->tested == DEVICE_UNTESTED ? json_null() : json_string(info->tested_at);
    return json_pack(
        "{s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:I, s:I, s:I, s:I, "
        "s:i, s:b, s:b, s:b, s:b, s:o?, s:i, s:o}",
        "device", index, "rank", rank, "type", device_type_name(info->type), "name",
        text_to_json(info->name), "platform", text_to_json(info->platform_name), "vendor",
        text_to_json(info->vendor), "version", text_to_json(info->version), "driver",
        text_to_json(info->driver), "compute_units", (int)info->compute_units, "clock_mhz",
        (int)info->clock_mhz, "memory_bytes", (json_int_t)info->memory_bytes,
        "max_allocation_bytes", (json_int_t)info->max_allocation_bytes, "local_memory_bytes",
        (json_int_t)info->local_memory_bytes, "max_group_size", (json_int_t)info->max_group_size,
        "vector_width", (int)info->vector_width, "unified_memory", info->unified_memory, "fp16",
        info->fp16, "available", info->available, "chosen", chosen, "tested", tested,
        "failed_checks", info->failed_checks, "hints", describe_hints(info));
}

static status print_json(const device_list *list, const int *order, int chosen, error *err)
{
    json_t *devices = json_array();
    for (int i = 0; i < list->count; i++)
        devices = array_with(devices,
                             describe_device(&list->devices[order[i]], i + 1, order[i] == chosen));
    return command_print_json(devices, JSON_INDENT(2), err);
}

static status run(void *values, const operands *rest, error *err)
{
    (void)rest;
    const devices_options *o = values;
    device_list list;
    int chosen, *order = NULL;
    error why;
    command_warn_cache(); /* it holds what the self-test found */
    TRY(device_list_all(&list, err));
    status choice = device_choose_own(&list, &chosen, &why);
    status result = order_devices(&list, &order, err);
    if (result == STATUS_OK && o->json)
        result = print_json(&list, order, choice == STATUS_OK ? chosen : -1, err);
    else if (result == STATUS_OK && choice == STATUS_OK)
        print_table(&list, order, chosen); /* otherwise the error message lists them */
    free(order);
    device_list_free(&list);
    TRY(result);
    if (choice != STATUS_OK)
        *err = why;
    return choice;
}

static const option_row rows[] = {
    OPTION_ROW_FLAG("json", devices_options, json, "print JSON"),
    {0},
};

static const command_line line = {
    .usage = "devices [OPTION]...",
    .summary =
        "Lists all OpenCL devices, the best first, and marks the one that would be used: the "
        "first that HCNN_DEVICE names, else the first.",
    .example = "HCNN_DEVICE=cpu hcnn-cl devices    # which device is \"cpu\"?",
    .rows = rows,
};

COMMAND(devices, devices_options, 0)
