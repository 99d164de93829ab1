#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The built library: it exports exactly what include/hcnn.h declares, does not print, does not end the
# program, keeps no state except that of the drivers and what watches Jansson, and a program needs only
# the header and -lhcnn.
set -u
. "${srcdir:-.}/tests/tap.sh"

# ---- What its objects call and keep ----

# Functions that a library must not call, as `nm` prints them. It may write to files that it opened.
forbidden='stdout|stderr|printf|vprintf|puts|putchar|perror|exit|_exit|_Exit|quick_exit|abort|atexit'
forbidden="$forbidden|err|errx|warn|warnx|error|psignal|syslog|setlocale|setenv|putenv|chdir|srand"

# find_calls ARCHIVE: prints "OBJECT NAME" for each forbidden call. One is allowed: _exit in a child
# process of a sweep or of a self-test whose exec failed.
find_calls() {
    nm -A -u "$1" | sed -E 's/^[^:]*:([^:]*): *U +([^@ ]*).*/\1 \2/' |
        grep -E " (__)?($forbidden)(_chk)?\$" | grep -Ev '^(child|worker)\.o _exit$'
}

# find_state ARCHIVE: prints "OBJECT NAME" for each writable variable. Names with two underscores
# belong to sanitizers and gcov. stb_image, in image.o, has settings that are never set, two tables
# that are only read, a string for unknown PNG chunks, which never reach it, and for each thread a
# reason of failure and whether an allocation failed. driver_state, in device.o, lets only one
# thread at a time open a device and tells open devices apart, because the state of a driver belongs
# to the process. Jansson's functions belong to the process too: json_values.o keeps the two that it
# replaced, and for each thread whether one of its allocations failed.
find_state() {
    nm -A -f sysv "$1" | awk -F'|' '
        $4 ~ /OBJECT|TLS/ && $7 ~ /^\.t?(data|bss)/ && $7 !~ /^\.data\.rel\.ro/ {
            object = $1; sub(/:[^:]*$/, "", object); sub(/.*:/, "", object)
            name = $1; sub(/.*:/, "", name); sub(/ *$/, "", name)
            if (object == "image.o" && name ~ /^(stbi_|firstmap|mapping|invalid_chunk)/)
                next
            if (object == "device.o" && name == "driver_state")
                next
            if (object == "json_values.o" && name ~ /^(allocate|release|lost|parsing|reserve)$/)
                next
            if (name !~ /^(__|\.L)/)
                print object, name
        }'
}

objects=.libs/libfloors.a
[ -f "$objects" ] || objects=libfloors.a # configured without a shared library
check "it neither prints nor ends the program" says_nothing find_calls "$objects"
if is_short; then
    skip "it keeps no state" "sanitizers add names for read-only tables of stb_image"
else
    check "it keeps no state" says_nothing find_state "$objects"
fi

# Both checks can fail.
cat >"$scratch/bad.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
static int calls;
_Thread_local int mine = 1;
const char *const fixed[] = {"a", "b"};
void bad(void);
void bad(void)
{
    static const int table[] = {3, 4};
    printf("%s %d\n", fixed[calls & 1], table[mine & 1]);
    if (++calls > 2)
        abort();
}
END
# shellcheck disable=SC2086 # a command with its flags
$HCNN_CC -fPIC -c "$scratch/bad.c" -o "$scratch/bad.o" && ar cr "$scratch/bad.a" "$scratch/bad.o"
check "calls that print or end the program are found" \
    says 'bad.o abort bad.o printf' words_of find_calls "$scratch/bad.a"
check "variables are found, and constants are not" \
    says 'bad.o calls bad.o mine' words_of find_state "$scratch/bad.a"

# ---- What it exports ----

library=.libs/libhcnn.so
if [ ! -f "$library" ]; then
    echo "1..0 # SKIP configured without a shared library"
    exit 0
fi

sed -n 's/^HCNN_API.*[ *]\(hcnn_[a-z0-9_]*\)(.*/\1/p' "${srcdir:-.}/include/hcnn.h" | sort \
    >"$scratch/declared"
nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$scratch/exported"

check "the header declares functions" [ -s "$scratch/declared" ]
check "exactly the declared functions are exported" diff "$scratch/declared" "$scratch/exported"

cat >"$scratch/use.c" <<'END'
#include <hcnn.h>
#include <stdio.h>
int main(void)
{
    char message[4096];
    hcnn_device *device = hcnn_device_open("nonsense", message, sizeof message);
    printf("%d %s\n", device == NULL, message);
    hcnn_device_close(device);
    device = hcnn_device_open(HCNN_TEST_DEVICE, NULL, 0);
    printf("%d %s\n", device != NULL, device ? hcnn_device_name(device) : "");
    hcnn_device_close(device);
    return 0;
}
END
# shellcheck disable=SC2086 # a command with its flags
check "a program needs only the header and the library" \
    $HCNN_CC -I"${srcdir:-.}/include" -DHCNN_TEST_DEVICE="\"$HCNN_DEVICE\"" \
    "$scratch/use.c" -o "$scratch/use" -L.libs -lhcnn
LD_LIBRARY_PATH=$PWD/.libs "$scratch/use" >"$scratch/out" 2>"$scratch/err"
check "a missing device is refused" \
    grep -q "^1 no device matches 'nonsense'; expected gpu" "$scratch/out"
check "the tests' device opens" grep -Eq '^1 [^ ]' "$scratch/out"

# ---- The examples ----

here=$(cd "${srcdir:-.}" && pwd)
library=$PWD/.libs
LD_LIBRARY_PATH=$library
export LD_LIBRARY_PATH
for name in train classify threads; do
    # shellcheck disable=SC2086
    check "examples/$name.c builds" $HCNN_CC -I"$here/include" "$here/examples/$name.c" \
        -o "$scratch/$name" -L"$library" -lhcnn -pthread
done
cd "$scratch" || exit 1

# run_example NAME ARGUMENT...: runs an example as run_program runs hcnn-cl.
run_example() {
    code=0
    "./$@" >out 2>err || code=$?
}

run_example train backbone=tiny batch_size=40 epochs=1 run=runs/a
check "the example trains" answered 0 'epoch 1 of 1, step 30: validation loss [0-9.]+, [0-9.]+% right'
check "... a run like any other" [ -s runs/a/best.safetensors ] && [ -s runs/runs.db ]
run_example train lr=fast
check "an invalid value" answered 2 "--lr 'fast': is not a number"
run_example train speed=1
check "an unknown option" answered 2 "'speed' is not an option of a training run"
{ printf 'P6\n32 32\n255\n' && head -c 3072 /dev/zero; } >black.ppm
run_example classify runs/a/best.safetensors black.ppm
check "the example classifies" answered 0 '^[a-z ]+ [0-9.]+%$'
check "... with both heads" [ "$(wc -l <out)" = 2 ]
sed -n '$s/ [0-9.]*%$//p' out >black
run_example threads runs/a/best.safetensors
check "four threads classify" [ "$code $(wc -l <out)" = "0 4" ]
check "... with the same result as one" [ "$(sort -u out)" = "$(cat black)" ]
head -c 3000 black.ppm >short.ppm
run_example classify runs/a/best.safetensors short.ppm
check "a truncated picture" answered 1 'short.ppm: not a binary PPM'
run_example classify runs/a/config.json black.ppm
check "a file that is not a checkpoint" answered 1 'runs/a/config.json: '

# ---- Functions that the examples do not use ----

cat >more.c <<'END'
#include <hcnn.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char message[4096];

static int stop_after(void *context, const hcnn_progress *p)
{
    return !p->epoch_ended && p->step == *(unsigned *)context;
}

/* Compares pictures of several sizes in batches of 2 with one at a time. */
static int compare(hcnn_device *device, const char *checkpoint)
{
    static unsigned char pixels[5][40 * 30 * 3];
    hcnn_image images[5];
    hcnn_classifier *two = hcnn_classifier_open(device, checkpoint, 2, message, sizeof message);
    hcnn_classifier *one = hcnn_classifier_open(device, checkpoint, 1, message, sizeof message);
    if (!one || !two)
        return 1;
    int fines = hcnn_classifier_fine_count(one), coarses = hcnn_classifier_coarse_count(one);
    float *fine = calloc((size_t)fines * 6, sizeof *fine);
    float *coarse = calloc((size_t)coarses * 6, sizeof *coarse);
    int bad = 0;
    srand(1);
    for (int i = 0; i < 5; i++) {
        for (size_t k = 0; k < sizeof pixels[i]; k++)
            pixels[i][k] = (unsigned char)rand();
        images[i] = (hcnn_image){pixels[i], 40 - 7 * i, 6 * i + 1};
    }
    bad |= hcnn_classify(two, images, 5, coarse, fine, message, sizeof message);
    for (int i = 0; i < 5; i++) {
        double sum = 0;
        bad |= hcnn_classify(one, &images[i], 1, coarse + 5 * coarses, fine + 5 * fines, message,
                             sizeof message);
        for (int k = 0; k < fines; k++) {
            sum += fine[i * fines + k];
            bad |= fabs(fine[i * fines + k] - fine[5 * fines + k]) > 1e-5;
        }
        for (int k = 0; k < coarses; k++)
            bad |= fabs(coarse[i * coarses + k] - coarse[5 * coarses + k]) > 1e-5;
        bad |= fabs(sum - 1) > 1e-4;
    }
    images[3].width = 0;
    bad |= hcnn_classify(two, images, 5, NULL, fine, message, sizeof message) != HCNN_FAILED;
    bad |= strncmp(message, "image 3: 0x19 pixels", 20) != 0;
    images[4].pixels = NULL;
    bad |= hcnn_classify(one, images + 2, 3, NULL, fine, message, sizeof message) != HCNN_FAILED;
    bad |= strncmp(message, "image 1: 0x19 pixels", 20) != 0;
    bad |= hcnn_classify(two, images + 4, 1, NULL, fine, message, sizeof message) != HCNN_FAILED;
    bad |= strcmp(message, "image 0: its pixels are NULL") != 0;
    hcnn_classifier_close(one);
    hcnn_classifier_close(two);
    free(fine);
    free(coarse);
    return bad;
}

/* Class numbers out of range, and the first and last one. */
static int compare_names(hcnn_device *device, const char *checkpoint)
{
    hcnn_classifier *c = hcnn_classifier_open(device, checkpoint, 1, message, sizeof message);
    if (!c)
        return 1;
    int fines = hcnn_classifier_fine_count(c), coarses = hcnn_classifier_coarse_count(c);
    const int outside[] = {-1, INT_MIN, INT_MAX};
    int bad = hcnn_classifier_fine_name(c, fines) || hcnn_classifier_coarse_name(c, coarses) ||
              hcnn_classifier_parent(c, fines) != -1;
    for (int i = 0; i < 3; i++)
        bad |= hcnn_classifier_fine_name(c, outside[i]) ||
               hcnn_classifier_coarse_name(c, outside[i]) ||
               hcnn_classifier_parent(c, outside[i]) != -1;
    bad |= !hcnn_classifier_fine_name(c, fines - 1) || !hcnn_classifier_coarse_name(c, coarses - 1);
    bad |= hcnn_classifier_parent(c, 0) < 0;
    hcnn_classifier_close(c);
    return bad;
}

static int set_precision(hcnn_device *device, const char *precision, int expected)
{
    return hcnn_device_set_precision(device, precision, message, sizeof message) != expected;
}

/* A classifier in bf16 answers about as in fp32. A precision is not changed after that. */
static int compare_precisions(const char *checkpoint)
{
    static const unsigned char grey[16 * 16 * 3];
    const hcnn_image image = {grey, 16, 16};
    float fine[2][16] = {{0}};
    int bad = 0;
    for (int i = 0; i < 2; i++) {
        hcnn_device *device = hcnn_device_open(HCNN_TEST_DEVICE, NULL, 0);
        bad |= strcmp(hcnn_device_precision(device), "fp32") != 0;
        bad |= set_precision(device, "fp8", HCNN_USAGE) || !strstr(message, "auto");
        bad |= set_precision(device, "auto", HCNN_OK);
        bad |= strcmp(hcnn_device_precision(device), "auto") == 0;
        bad |= set_precision(device, i ? "bf16" : "fp32", HCNN_OK);
        hcnn_classifier *c = hcnn_classifier_open(device, checkpoint, 1, message, sizeof message);
        bad |= !c || hcnn_classifier_fine_count(c) > 16;
        bad |= hcnn_classify(c, &image, 1, NULL, fine[i], message, sizeof message);
        bad |= set_precision(device, "fp16", HCNN_USAGE) || !strstr(message, "first classifier");
        bad |= strcmp(hcnn_device_precision(device), i ? "bf16" : "fp32") != 0;
        hcnn_classifier_close(c);
        hcnn_device_close(device);
    }
    bad |= memcmp(fine[0], fine[1], sizeof fine[0]) == 0;
    for (int k = 0; k < 16; k++)
        bad |= !(fabs(fine[0][k] - fine[1][k]) < 0.05);
    return bad;
}

static int is_null(int code, const char *name)
{
    char expected[64];
    snprintf(expected, sizeof expected, "the argument '%s' is NULL", name);
    return code == HCNN_USAGE && strncmp(message, expected, strlen(expected)) == 0;
}

/* Arguments that are NULL and may not be. */
static int pass_nulls(hcnn_device *device, const char *checkpoint)
{
    const size_t size = sizeof message;
    hcnn_options *options = hcnn_options_create();
    hcnn_classifier *c = hcnn_classifier_open(device, checkpoint, 1, message, size);
    int good = c && options;
    good &= is_null(hcnn_options_set(NULL, "epochs", "1", message, size), "options");
    good &= is_null(hcnn_options_set(options, NULL, "1", message, size), "name");
    good &= is_null(hcnn_options_set(options, "epochs", NULL, message, size), "value");
    good &= is_null(hcnn_options_load(NULL, "original", message, size), "options");
    good &= is_null(hcnn_options_load(options, NULL, message, size), "recipe");
    good &= is_null(hcnn_train(NULL, NULL, NULL, NULL, message, size), "options");
    good &= is_null(hcnn_resume(NULL, NULL, 0, NULL, NULL, message, size), "run");
    good &= is_null(hcnn_device_set_precision(NULL, "fp32", message, size), "device");
    good &= is_null(hcnn_device_set_precision(device, NULL, message, size), "precision");
    good &= !hcnn_classifier_open(NULL, checkpoint, 1, message, size);
    good &= is_null(HCNN_USAGE, "device");
    good &= !hcnn_classifier_open(device, NULL, 1, message, size);
    good &= is_null(HCNN_USAGE, "checkpoint");
    good &= is_null(hcnn_classify(NULL, NULL, 0, NULL, NULL, message, size), "classifier");
    good &= is_null(hcnn_classify(c, NULL, 1, NULL, NULL, message, size), "images");
    good &= hcnn_classify(c, NULL, 0, NULL, NULL, message, size) == HCNN_OK;
    good &= hcnn_options_load(options, NULL, NULL, size) == HCNN_USAGE;
    hcnn_classifier_close(c);
    hcnn_options_free(options);
    return good;
}

int main(int argc, char **argv)
{
    unsigned last = 3;
    char small[8] = "xxxxxxx";
    hcnn_options *options = hcnn_options_create();
    int code = hcnn_options_load(options, "original", message, sizeof message);
    code = code ? code : hcnn_options_set(options, "backbone", "tiny", message, sizeof message);
    code = code ? code : hcnn_options_set(options, "epochs", "1", message, sizeof message);
    code = code ? code : hcnn_options_set(options, "run", "runs/stopped", message, sizeof message);
    printf("options %d\n", code);
    code = hcnn_train(HCNN_TEST_DEVICE, options, stop_after, &last, message, sizeof message);
    printf("train %d %s\n", code, message);
    code = hcnn_resume(HCNN_TEST_DEVICE, "runs/stopped", 0, NULL, NULL, message, sizeof message);
    printf("resume %d %s\n", code, message);
    code = hcnn_resume("nonsense", "runs/stopped", 0, NULL, NULL, small, sizeof small);
    printf("short %d %s\n", code, small);
    hcnn_options_free(options);
    hcnn_device *device = hcnn_device_open(HCNN_TEST_DEVICE, message, sizeof message);
    printf("compare %d\n", compare(device, "runs/stopped/best.safetensors"));
    printf("names %d\n", compare_names(device, "runs/stopped/best.safetensors"));
    printf("nulls %d\n", pass_nulls(device, "runs/stopped/best.safetensors"));
    printf("none %d\n", hcnn_classifier_open(device, "runs", 0, message, sizeof message) == NULL);
    hcnn_device_close(device);
    printf("precisions %d\n", compare_precisions("runs/stopped/best.safetensors"));
    return argc == 0 || !argv;
}
END
# shellcheck disable=SC2086
check "another program builds" $HCNN_CC -I"$here/include" -DHCNN_TEST_DEVICE="\"$HCNN_DEVICE\"" \
    more.c -o more -L"$library" -lhcnn -lm
run_example more
check "options from a recipe and by name" answered 0 '^options 0$'
check "training stops where the callback says so" answered 0 '^train 130 stopped after step [34]; '
check "... and is resumed from there" answered 0 '^resume 0 $'
check "a message that does not fit is truncated" answered 0 '^short 2 no devi$'
check "batches answer as single images do" answered 0 '^compare 0$'
check "out-of-range classes have no names" answered 0 '^names 0$'
check "what may not be NULL is named" answered 0 '^nulls 1$'
check "a batch size of 0 is refused" answered 0 '^none 1$'
check "a device's precision is set before it is used" answered 0 '^precisions 0$'

finish
