#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `hcnn-cl tune` on the tiny network, and what later starts make of its file. Short, it
# does not tune halves, which is the same code on other kernels.
set -u
. "${srcdir:-.}/tests/tap.sh"
cd "$scratch" || exit 1
XDG_CACHE_HOME=$scratch/cache
export XDG_CACHE_HOME
cache=$XDG_CACHE_HOME/hcnn-cl

quick="--backbone tiny --batch-size 8 --image-size 16"
brief="$quick --runs 1 --seconds 0.01"

choices() {
    find "$cache" -name 'tune-*.json'
}
# The algorithms that every layer of a training step runs by.
layers() {
    run_program bench $brief --mode train --layers --json
    grep -o '"name":"[^"]*"\|"algorithms":{[^}]*}' "$scratch/out" >"$1"
    [ "$code" -eq 0 ] && grep -q algorithms "$1"
}
same() {
    diff "$1" "$2"
}
differ() {
    ! diff "$1" "$2" >/dev/null
}

# ---- The command ----

check "algorithms before" layers before
check_run "a table" 0 '^forward +7x7/2 +3>4 +16x16 +[a-z0-9_]+ ' tune $quick
check "... of all directions" grep -q '^weights  *1x1/1 ' "$scratch/out"
check "... whose last column is the tile chosen" grep -q ' TILE CHOSEN$' "$scratch/out"
check "... a size or the default's name in each row" sh -c \
    "! grep -E '^(forward|data|weights) ' '$scratch/out' | grep -Evq ' (default|[0-9]+(x[0-9]+)+)\$'"
check "... says where it is remembered" grep -q "^remembered in $(choices)\$" "$scratch/out"
check "one file, and nothing temporary" [ "$(ls "$cache" | grep -c tune-)" -eq 1 ]
check "... which names the device" grep -q '"device": "' "$(choices)"

check_run "JSON, inference only" 0 '^\{"device":.*"file":.*"direction":"forward".*"quick_seconds":' \
    tune $quick --mode infer --only-fine --stem cifar --json
check "... with the tile of each, null for the default" \
    [ "$(grep -Eo '"tile":(null|"[0-9]+(x[0-9]+)+")' "$scratch/out" | wc -l)" -eq \
    "$(grep -o '"direction":' "$scratch/out" | wc -l)" ]
check "... has no backward" sh -c "! grep -q '\"weights\"' '$scratch/out'"
check "... leaves the other shapes in the file" grep -q '"direction": "weights"' "$(choices)"
check_run "a batch of no images" 2 'batch-size' tune --batch-size 0

# ---- Later starts ----

# As if im2col had been the fastest everywhere.
sed 's/"algorithm": "[^"]*"/"algorithm": "im2col"/' "$(choices)" >edited && cp edited "$(choices)"
check "bench --layers shows the remembered ones" layers after
check "... which are others" differ before after
check "... im2col in every direction" \
    grep -q '"algorithms":{"data":"im2col","weights":"im2col"}' after
check_run "the table shows them too" 0 'conv2.weight .* im2col/im2col$' bench $brief --layers
HCNN_CONV=gemm
export HCNN_CONV
check "HCNN_CONV overrides" layers forced
check "... everywhere" sh -c "! grep -q im2col forced"
unset HCNN_CONV
run_program train --backbone tiny --batch-size 40 --image-size 16 --max-steps 2 --run plain
check "training works by them" [ "$code" -eq 0 ]

head -c 700 edited >"$(choices)"
check "a file that was cut is ignored" layers again
check "... without a word" is_empty "$scratch/err"
check "... for the quick choices" same before again

# ---- Tuning first ----

check_run "bench --tune" 0 'train_images_per_second' bench $brief --mode train --tune --json
check "... mends the file" grep -q '"direction": "weights"' "$(choices)"
cp "$(choices)" tuned
check_run "... and does it once" 0 'infer_images_per_second' bench $brief --mode infer --tune --json
check "... what is known stays as it is" same tuned "$(choices)"
check_run "train --tune" 0 'stopped after step 2' \
    train --backbone tiny --batch-size 40 --image-size 16 --max-steps 2 --run run --tune
check "... adds its batch" grep -q '"n": 40' "$(choices)"
check "... which no configuration keeps" sh -c '! grep -q tune run/config.json'
check_run "... and is not for a run that goes on" 2 '.--tune' train --resume run --tune

# ---- CLBlast's parameters ----

check_run "tune --gemm" 0 '"gemm":\{"parameters":"(cpu|cpu_tall|clblast)","seconds":' \
    tune $quick --mode infer --gemm cpu_tall --json
check "... is remembered" grep -q '"parameters": "' "$(choices)"
check_run "a set that is not there" 2 "no such set" tune $quick --gemm quickest
check_run "one trial" 0 '^[0-9.e-]+ [0-9.]+e-0[678]$' tune-gemm cpu 33x17x65 64x64x64

# ---- Interrupted ----

interrupt() {
    # A background job of a script ignores SIGINT; SIGTERM is taken alike.
    "${HCNN_CL:-./hcnn-cl}" tune --backbone tiny --batch-size 24 --image-size 64 \
        >"$scratch/out" 2>"$scratch/err" &
    victim=$!
    while ! grep -q '"n": 24' "$(choices)"; do
        kill -0 "$victim" || return 1
    done
    kill -TERM "$victim"
    code=0
    wait "$victim" || code=$?
}
interrupt
check "an interrupt is exit code 130" answered 130 'tuning stopped after [0-9]+ of [0-9]+ convolutions'
check "... what is measured stays" grep -q '"n": 24' "$(choices)"
check "... and so does what was known" grep -q '"n": 40' "$(choices)"

# ---- Half precision ----

if is_short; then
    skip "half precision" "the same code on other kernels"
else
    before=$(choices | wc -l)
    check_run "half precision" 0 '"precision":"fp16"' tune $quick --precision fp16 --json
    check "... every algorithm is right in it" sh -c "! grep 'is not chosen' '$scratch/err'"
    check "... it has a file of its own" [ "$(choices | wc -l)" -eq $((before + 1)) ]
fi

finish
