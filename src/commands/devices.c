/* SPDX-License-Identifier: Apache-2.0 */
/* `hcnn-cl devices`: lists every OpenCL device with the properties that matter for training, and
 * marks the one that HCNN_DEVICE chooses. */
#include "base/terminal.h"
#include "commands/commands.h"
#include "device/device.h"

#include <jansson.h>
#include <stdio.h>

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

/* Marks the device at index `chosen` with a star; a negative index marks none. */
static void print_table(const device_list *list, int chosen)
{
    printf("  %-6s %-11s %5s  %9s  %9s  %-4s  %s\n", "DEVICE", "TYPE", "UNITS", "MEMORY", "LARGEST",
           "FP16", "NAME (PLATFORM)");
    for (int i = 0; i < list->count; i++) {
        const device_info *info = &list->devices[i];
        char index[32], memory[32], largest[32];
        snprintf(index, sizeof index, "%d:%d", info->platform_index, info->device_index);
        format_size(info->memory_bytes, memory, sizeof memory);
        format_size(info->max_allocation_bytes, largest, sizeof largest);
        terminal_print(stdout, "%c %-6s %-11s %5u  %9s  %9s  %-4s  %s (%s)%s\n",
                       i == chosen ? '*' : ' ', index, device_type_name(info->type),
                       info->compute_units, memory, largest, info->fp16 ? "yes" : "no", info->name,
                       info->platform_name, info->available ? "" : ", not available");
    }
    if (chosen >= 0)
        printf(
            "\n* is used now; choose another with HCNN_DEVICE=gpu, cpu, accelerator, %d:%d or part "
            "of a name.\n",
            list->devices[chosen].platform_index, list->devices[chosen].device_index);
}

static json_t *describe_device(const device_info *info, bool chosen)
{
    char index[32];
    snprintf(index, sizeof index, "%d:%d", info->platform_index, info->device_index);
    /* A driver may put any bytes into a name. For bytes that are not UTF-8, jansson gives NULL, and
     * the key is null. */
    return json_pack("{s:s, s:s, s:o?, s:o?, s:o?, s:o?, s:o?, s:i, s:i, s:I, s:I, s:I, s:I, s:i, "
                     "s:b, s:b, s:b}",
                     "device", index, "type", device_type_name(info->type), "name",
                     json_string(info->name), "platform", json_string(info->platform_name),
                     "vendor", json_string(info->vendor), "version", json_string(info->version),
                     "driver", json_string(info->driver), "compute_units", (int)info->compute_units,
                     "clock_mhz", (int)info->clock_mhz, "memory_bytes",
                     (json_int_t)info->memory_bytes, "max_allocation_bytes",
                     (json_int_t)info->max_allocation_bytes, "local_memory_bytes",
                     (json_int_t)info->local_memory_bytes, "max_group_size",
                     (json_int_t)info->max_group_size, "vector_width", (int)info->vector_width,
                     "fp16", info->fp16, "available", info->available, "chosen", chosen);
}

static status print_json(const device_list *list, int chosen, error *err)
{
    json_t *devices = json_array();
    for (int i = 0; i < list->count; i++)
        json_array_append_new(devices, describe_device(&list->devices[i], i == chosen));
    return command_print_json(devices, JSON_INDENT(2), err);
}

static status run(void *values, const operands *rest, error *err)
{
    (void)rest;
    const devices_options *o = values;
    device_list list;
    int chosen;
    error why;
    TRY(device_list_all(&list, err));
    status choice = device_choose_own(&list, &chosen, &why), result = STATUS_OK;
    if (o->json)
        result = print_json(&list, choice == STATUS_OK ? chosen : -1, err);
    else if (choice == STATUS_OK)
        print_table(&list, chosen); /* otherwise the error message lists them */
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
    .summary = "Lists all OpenCL devices and marks the one that would be used: the one that "
               "HCNN_DEVICE names, else the first GPU, else the first CPU.",
    .example = "HCNN_DEVICE=cpu hcnn-cl devices    # which device is \"cpu\"?",
    .rows = rows,
};

COMMAND(devices, devices_options, 0)
