/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the cache of compiled kernels (device/program.c): the first byte chooses whether the rest
 * is the whole file, or the binary after a valid header. The driver, whose calls are replaced here,
 * must only get memory inside the file, and must get the binary of a valid file. */
#include "device/program.h"
#include "base/hash.h"
#include "base/text.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static const char source[] = "kernel void none() {}", options[] = "-DNONE";

/* The binary that the driver got; 0 bytes: none. */
static uint64_t handed_hash;
static size_t handed_bytes;

/* The linker uses these instead of those of the OpenCL loader. */
cl_program clCreateProgramWithBinary(cl_context context, cl_uint count, const cl_device_id *devices,
                                     const size_t *lengths, const unsigned char **binaries,
                                     cl_int *binary_codes, cl_int *code)
{
    (void)context, (void)count, (void)devices;
    handed_bytes = lengths[0];
    handed_hash = hash_more(HASH_START, binaries[0], lengths[0]);
    *binary_codes = *code = CL_INVALID_BINARY;
    return NULL;
}

cl_program clCreateProgramWithSource(cl_context context, cl_uint count, const char **texts,
                                     const size_t *lengths, cl_int *code)
{
    (void)context, (void)count, (void)texts, (void)lengths;
    *code = CL_INVALID_VALUE;
    return NULL;
}

/* The names of the entry and of the key, as in program.c. */
static char *make_key(const device *dev)
{
    const device_info *info = &dev->info;
    return text_format("%s\n%s\n%s\n%s\n%s\n%s", info->platform_name, info->name, info->version,
                       info->driver, options, source);
}

static void put_entry(const char *key, bool whole, const uint8_t *data, size_t size)
{
    size_t key_bytes = strlen(key);
    const uint64_t numbers[] = {key_bytes, size, hash_more(HASH_START, data, size)};
    char *name = text_format("hcnn-cl/fuzz-%016llx.bin",
                             (unsigned long long)hash_more(HASH_START, key, key_bytes));
    if (whole) {
        free(fuzz_file(name, data, size));
    } else {
        size_t head = 8 + sizeof numbers;
        uint8_t *entry = calloc(1, head + key_bytes + size);
        FUZZ_HOLDS(entry != NULL);
        memcpy(entry, "hcnncl1", 8);
        memcpy(entry + 8, numbers, sizeof numbers);
        memcpy(entry + head, key, key_bytes);
        if (size > 0)
            memcpy(entry + head + key_bytes, data, size);
        free(fuzz_file(name, entry, head + key_bytes + size));
        free(entry);
    }
    free(name);
}

int fuzz_program(const uint8_t *data, size_t size)
{
    error err;
    cl_program built;
    device dev = {.info = {.name = "fuzz", .driver = "1"}};
    bool whole = fuzz_take_byte(&data, &size) & 1;
    setenv("XDG_CACHE_HOME", fuzz_directory(), 1);
    char *key = make_key(&dev);
    put_entry(key, whole, data, size);
    handed_bytes = 0;
    FUZZ_HOLDS(program_build(&dev, "fuzz", source, options, &built, &err) == STATUS_FAILED);
    FUZZ_HOLDS(whole || (handed_bytes == size &&
                         (size == 0 || handed_hash == hash_more(HASH_START, data, size))));
    free(key);
    return 0;
}
