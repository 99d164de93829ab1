#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `hcnn-cl bench` on the tiny network: what it prints, and whether the numbers are consistent. Short
# leaves out cold caches, for which all kernels are compiled again.
set -u
. "${srcdir:-.}/tests/tap.sh"
cd "$scratch" || exit 1

quick="--backbone tiny --batch-size 8 --image-size 16 --runs 3 --seconds 0.05"

# number KEY: the value of a key in the JSON line.
number() {
    sed 's/.*"'"$1"'":\([0-9.e+-]*\).*/\1/' "$scratch/out"
}
above_zero() {
    awk -v "n=$(number "$1")" 'BEGIN { exit !(n > 0) }'
}

check_run "a table" 0 '^training +[0-9.]+ images/s' bench $quick
check "... with inference" grep -q '^inference  *[0-9.]* images/s' "$scratch/out"
check "... and the peak" grep -Eq '^peak +[0-9]+ GFLOP/s by fp32 FMA, ' "$scratch/out"
check "... without layers" sh -c "! grep -q LAYER '$scratch/out'"

check_run "JSON" 0 '^\{"device":' bench $quick --json
for key in train_images_per_second infer_images_per_second peak_gflops copy_gigabytes_per_second \
    train_first_step_seconds infer_first_step_seconds train_bytes infer_bytes; do
    check "... $key" above_zero "$key"
done
check "... the unit of the peak" grep -q '"peak_unit":"fp32 FMA"' "$scratch/out"

check_run "half precision" 0 '"precision":"fp16"' bench $quick --json --precision fp16
check_run "bfloat16" 0 '"precision":"bf16"' bench $quick --json --precision bf16
check_run "training alone" 0 '"train_images_per_second"' bench $quick --json --mode train
check "... does not mention inference" sh -c "! grep -q infer_ '$scratch/out'"
check_run "inference alone, only fine, CIFAR's stem" 0 '"infer_images_per_second"' \
    bench $quick --json --mode infer --only-fine --stem cifar

check_run "layers" 0 '^backward +fine_backbone.layer1.0.conv2.weight .*% +[a-z0-9_]+/[a-z0-9_]+$' \
    bench $quick --layers --profile trace.json
check "... plain SGD updates in the backward pass" sh -c "! grep -q '^update ' '$scratch/out'"
check_run "layers in half precision, whose update waits for every gradient" 0 '^update ' \
    bench $quick --layers --mode train --precision fp16
check_run "layers in bfloat16, which skips no step" 0 '^backward ' \
    bench $quick --layers --mode train --precision bf16
check "... update in the backward pass, too" sh -c "! grep -q '^update ' '$scratch/out'"
check "the trace has chrome://tracing's format" grep -q '^{"traceEvents":\[{"name":' trace.json
check "... and contains the kernels" grep -q '"kernel":"batchnorm' trace.json
check_run "layers of inference" 0 \
    '"phase":"forward","name":"fine_classifier[^}]*"algorithms":\{"forward":"[a-z0-9_]+"\}' \
    bench $quick --layers --mode infer --json
check "... have no backward pass" sh -c "! grep -q backward '$scratch/out'"
check_run "a trace that cannot be written" 1 'no-such-directory/trace.json' \
    bench $quick --mode infer --profile no-such-directory/trace.json

if is_short; then
    skip "cold caches" "it only measures compilation"
else
    check_run "cold caches" 0 'train_first_step_seconds' bench $quick --mode train --cold --json
    check "... are removed" [ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'hcnn-bench-*' -newer trace.json)" ]
fi
check_run "a batch that cannot fit" 1 'not even one image fits|largest batch that fits' \
    bench --image-size 4096 --batch-size 60000 --mode train

finish
