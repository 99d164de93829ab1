#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A device that stops answering, acted out by tests/driver_faults.c: every command, and the library,
# end with an error that names the driver and the kernel, and the run can be resumed. A device that
# is only slow does not count as stuck.
set -u
. "${srcdir:-.}/tests/tap.sh"
here=$(cd "${srcdir:-.}" && pwd)
library=$PWD/.libs
cd "$scratch" || exit 1
# The self-test would launch the kernels that are counted here; it has a limit of its own.
HCNN_SELFTEST=0
export HCNN_SELFTEST
# What a stuck device may still use is not freed.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

# Seconds, in which a busy machine compiles any kernel; and the seconds after which a command that has
# failed is ended if its driver blocks the exit (command_fail).
timeout=15 last=60
tiny="--backbone tiny --batch-size 40 --seed 3 --momentum 0.9 --epochs 1"
stuck() {
    echo "the device .*, driver .*\) has stopped answering: it made no progress for $timeout seconds at the kernel $1;"
}
# start_stuck KERNEL COUNT COMMAND ARGUMENT...: runs hcnn-cl in the background; that launch of the
# kernel never ends.
start_stuck() {
    stuck_kernel=$1 stuck_count=$2
    shift 2
    (
        begun=$(date +%s) code=0
        OPENCL_LAYERS=$scratch/faults.so HCNN_FAULT=stop:$stuck_kernel:$stuck_count \
            "${HCNN_CL:-hcnn-cl}" "$@" --device-timeout $timeout >"$1.out" 2>"$1.err" || code=$?
        echo "$code $(($(date +%s) - begun))" >"$1.end"
    ) &
}
# check_stuck KERNEL COMMAND: a case that checks what it did.
check_stuck() {
    read -r code took <"$2.end"
    mv "$2.out" out && mv "$2.err" err
    check "$2" answered 1 "$(stuck "$1")"
    check "... once" [ "$(cat out err | grep -c 'has stopped answering')" -eq 1 ]
    check "... soon" [ "$took" -lt $((timeout + last)) ]
}

check "the layer that acts out faults builds" $HCNN_CC -shared -fPIC "$here/tests/driver_faults.c" \
    -o faults.so
check_run "an undisturbed run" 0 'whole test +loss' train $tiny --run whole

start_stuck input 6 train $tiny --checkpoint-every 1 --run broken
wait
check_stuck input train
check "... that says how to continue" \
    grep -q 'hcnn-cl train --resume broken. continues from the last checkpoint' "$scratch/err"
check "... has trained" grep -q '^step 4 ' "$scratch/out"
check_run "... and its last checkpoint is whole" 0 '^400 images' \
    eval --checkpoint broken/last.safetensors
check_run "... and it is resumed" 0 'whole test +loss' train --resume broken --device-timeout 600
check "... to the same end" same_tensors whole/last.safetensors broken/last.safetensors

# Each step launches this kernel some 30 times.
begun=$(date +%s)
OPENCL_LAYERS=$scratch/faults.so HCNN_FAULT=slow:batchnorm_normalise:800 \
    check_run "a slow device" 0 '^stopped after step 1' \
    train $tiny --max-steps 1 --run slow --device-timeout $timeout
check "... takes longer than that for a step" [ $(($(date +%s) - begun)) -gt $timeout ]

best=whole/best.safetensors
# A 3x2 picture as BMP: PPM is not supported.
bmp() {
    printf 'BM\116\0\0\0\0\0\0\0\066\0\0\0\050\0\0\0\003\0\0\0\002\0\0\0\001\0\030\0\0\0\0\0\030\0\0\0'
    printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
    printf '\377\0\0\0\377\0\0\0\377\0\0\0\020\040\060\100\120\140\160\0\0\0\0\0'
}
bmp >picture.bmp
start_stuck input 2 eval --checkpoint $best
start_stuck input 1 classify --checkpoint $best picture.bmp
start_stuck peak_multiply 2 bench --backbone tiny --batch-size 2
start_stuck peak_copy 2 tune --backbone tiny --batch-size 2
# In the first step, whose batch the run then reads for a picture.
start_stuck batchnorm_normalise 30 train $tiny --run first
wait
check_stuck input eval
check_stuck input classify
check_stuck peak_multiply bench
check_stuck peak_copy tune
check_stuck batchnorm_normalise train
for command in "eval --checkpoint $best" "classify --checkpoint $best picture.bmp" \
    "bench --backbone tiny" "tune --backbone tiny" "train $tiny"; do
    check_run "${command%% *} has bounds" 2 "--device-timeout '?-1'?: " $command --device-timeout=-1
done

# ---- The library ----

if [ ! -f "$library/libhcnn.so" ]; then
    skip "the library" "configured without a shared library"
    finish
    exit
fi
cat >use.c <<END
#include <hcnn.h>
#include <stdio.h>
#include <stdlib.h>

static char message[1024];

static void classify(const char *checkpoint)
{
    static unsigned char pixels[32 * 32 * 3];
    const hcnn_image image = {pixels, 32, 32};
    hcnn_device *device = hcnn_device_open(getenv("HCNN_DEVICE"), message, sizeof message);
    hcnn_device_set_timeout(device, $timeout);
    hcnn_classifier *c = hcnn_classifier_open(device, checkpoint, 1, message, sizeof message);
    float *fine = calloc((size_t)hcnn_classifier_fine_count(c), sizeof *fine);
    for (int i = 0; i < 3; i++) {
        int code = hcnn_classify(c, &image, 1, NULL, fine, message, sizeof message);
        printf("classify %d: %d %s\n", i, code, message);
    }
    free(fine);
    hcnn_classifier_close(c);
    hcnn_device_close(device);
}

static void train(void)
{
    static const char *const values[][2] = {
        {"backbone", "tiny"}, {"run", "library"}, {"device-timeout", "$timeout"}, {"epochs", "1"}};
    hcnn_options *options = hcnn_options_create();
    for (int i = 0; i < 4; i++)
        hcnn_options_set(options, values[i][0], values[i][1], message, sizeof message);
    int code = hcnn_train(getenv("HCNN_DEVICE"), options, NULL, NULL, message, sizeof message);
    printf("train: %d %s\n", code, message);
    hcnn_options_free(options);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        classify(argv[1]);
    else
        train();
    puts("alive");
    return 0;
}
END
# shellcheck disable=SC2086 # a command with its flags
check "a program builds" $HCNN_CC -I"$here/include" use.c -o use -L"$library" -lhcnn
# use_library NAME COUNT PATTERN ARGUMENT...: a case that runs it; launch COUNT of a kernel hangs.
use_library() {
    use_name=$1 use_count=$2 use_pattern=$3
    shift 3
    code=0
    # shellcheck disable=SC2034 # tap.sh reads code
    LD_LIBRARY_PATH=$library OPENCL_LAYERS=$scratch/faults.so HCNN_FAULT=stop:input:$use_count \
        ./use "$@" >out 2>err || code=$?
    check "$use_name" answered 0 "$use_pattern"
    check "... and lives on" grep -q '^alive$' out
}
use_library "the library classifies" 2 "classify 1: 1 $(stuck input)" "$best"
check "... before that" grep -q '^classify 0: 0 $' out
check "... and fails at once after that" grep -Eq "^classify 2: 1 $(stuck input)" out
use_library "the library trains" 4 "train: 1 $(stuck input)"
check_run "... and its run is resumed" 0 'whole test +loss' train --resume library
finish
