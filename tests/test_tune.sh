#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `hcnn-cl tune` on the tiny network, and how later commands use its file. Short leaves out the other
# precisions, which are the same code with other kernels.
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
# layers FILE: writes the algorithms of every layer of a training step to a file.
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

check "algorithms before tuning" layers before
check_run "a table" 0 '^forward +7x7/2 +3>4 +16x16 +[a-z0-9_]+ ' tune $quick
check "... with all directions" grep -q '^weights  *1x1/1 ' "$scratch/out"
check "... with the tile in its last column" grep -q ' TILE CHOSEN$' "$scratch/out"
check "... which has a size or \`default\` in each row" sh -c \
    "! grep -E '^(forward|data|weights) ' '$scratch/out' | grep -Evq ' (default|[0-9]+(x[0-9]+)+)\$'"
check "... names the file" grep -q "^remembered in $(choices)\$" "$scratch/out"
check "there is one file and no temporary one" [ "$(ls "$cache" | grep -c tune-)" -eq 1 ]
check "... which names the device" grep -q '"device": "' "$(choices)"

check_run "JSON, inference only" 0 '^\{"device":.*"file":.*"direction":"forward".*"quick_seconds":' \
    tune $quick --mode infer --only-fine --stem cifar --json
check "... with each tile, null for the default" \
    [ "$(grep -Eo '"tile":(null|"[0-9]+(x[0-9]+)+")' "$scratch/out" | wc -l)" -eq \
    "$(grep -o '"direction":' "$scratch/out" | wc -l)" ]
check "... without the backward pass" sh -c "! grep -q '\"weights\"' '$scratch/out'"
check "... keeps the other shapes in the file" grep -q '"direction": "weights"' "$(choices)"
check_run "a batch size of 0" 2 'batch-size' tune --batch-size 0

# JSON is UTF-8, but the path of a cache may be any bytes.
(
    XDG_CACHE_HOME=$(printf '%s/not-\377-UTF-8' "$scratch")
    run_program tune $quick --mode infer --json
    exit "$code"
)
check "a cache whose path is not UTF-8: the measurements are printed" \
    grep -q '"file":"[^"]*not-.uFFFD-UTF-8[^"]*",.*"direction":"forward"' "$scratch/out"

# ---- Later commands ----

# The file now says that im2col was the fastest everywhere.
sed 's/"algorithm": "[^"]*"/"algorithm": "im2col"/' "$(choices)" >edited && cp edited "$(choices)"
check "bench --layers shows the tuned algorithms" layers after
check "... which differ from those before" differ before after
check "... im2col in every direction" \
    grep -q '"algorithms":{"data":"im2col","weights":"im2col"}' after
check_run "the table shows them too" 0 'conv2.weight .* im2col/im2col$' bench $brief --layers
HCNN_CONV=gemm
export HCNN_CONV
check "HCNN_CONV overrides them" layers forced
check "... everywhere" sh -c "! grep -q im2col forced"
unset HCNN_CONV
run_program train --backbone tiny --batch-size 40 --image-size 16 --max-steps 2 --run plain
check "training works with them" [ "$code" -eq 0 ]

head -c 700 edited >"$(choices)"
check "a truncated file is ignored" layers again
check "... without a message" is_empty "$scratch/err"
check "... and the quick choices are used" same before again

# ---- --tune ----

check_run "bench --tune" 0 'train_images_per_second' bench $brief --mode train --tune --json
check "... repairs the file" grep -q '"direction": "weights"' "$(choices)"
cp "$(choices)" tuned
check_run "... and does it once" 0 'infer_images_per_second' bench $brief --mode infer --tune --json
check "... known choices do not change" same tuned "$(choices)"
check_run "train --tune" 0 'stopped after step 2' \
    train --backbone tiny --batch-size 40 --image-size 16 --max-steps 2 --run run --tune
check "... adds its batch" grep -q '"n": 40' "$(choices)"
check "... and is not stored in config.json" sh -c '! grep -q tune run/config.json'
check_run "... and is refused for a resumed run" 2 '.--tune' train --resume run --tune

# ---- CLBlast's parameters ----

check_run "tune --gemm" 0 '"gemm":\{"parameters":"(cpu|cpu_tall|clblast)","seconds":' \
    tune $quick --mode infer --gemm cpu_tall --json
check "... is saved" grep -q '"parameters": "' "$(choices)"
check_run "an unknown set" 2 "unknown set of CLBlast's parameters 'quickest'" tune $quick --gemm quickest
check_run "one trial" 0 '^[0-9.e-]+ [0-9.]+e-0[678]$' tune-gemm cpu 33x17x65 64x64x64

# ---- Interrupted ----

interrupt() {
    # A background job of a script ignores SIGINT, so SIGTERM is used, which has the same effect.
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
check "... measurements so far are saved" grep -q '"n": 24' "$(choices)"
check "... and earlier ones are kept" grep -q '"n": 40' "$(choices)"

# ---- Other precisions ----

for precision in bf16 fp16; do
    if is_short; then
        skip "$precision" "the same code with other kernels"
        continue
    fi
    before=$(choices | wc -l)
    check_run "$precision" 0 "\"precision\":\"$precision\"" tune $quick --precision $precision --json
    check "... every algorithm gives right results" sh -c "! grep 'is not chosen' '$scratch/err'"
    check "... and has a file of its own" [ "$(choices | wc -l)" -eq $((before + 1)) ]
done

finish
