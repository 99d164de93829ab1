#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Kills at random moments: runs that save after every step are killed by SIGKILL and resumed until
# they finish. Their files must be bit-identical to those of an uninterrupted run.
#
#   HCNN_TEST_KILLS=100 make check TESTS=tests/test_kills.sh     # 100 kills
#   HCNN_TEST_SEED=7                                             # other random moments
#
# Short leaves out everything.
set -u
. "${srcdir:-.}/tests/tap.sh"
cd "$scratch" || exit 1
if is_short; then
    skip "kills at random moments" "the same host code, but several times slower"
    finish
    exit
fi

program=${HCNN_CL:-./hcnn-cl}
# Without HCNN_TEST_KILLS, as many of these kills as fit into the time.
kills=${HCNN_TEST_KILLS:-25}
seconds=30
seed=${HCNN_TEST_SEED:-1}
# With momentum the optimizer has a file; with an average the best checkpoint differs from the last.
options="--backbone tiny --batch-size 40 --seed 3 --momentum 0.9 --ema 0.9 --epochs 1
    --checkpoint-every 1"

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}
# moment N: the N-th random moment within the duration of a run, in seconds.
moment() {
    awk -v seed="$seed" -v n="$1" -v life="$life" \
        'BEGIN { srand(seed * 10007 + n); print rand() * life / 1000 }'
}

# ---- Comparing runs ----

# The header of a checkpoint without the fields that depend on times: the length and the checksum of
# the metrics, which contain times, and its own checksum.
header() {
    length=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    tail -c +9 "$1" | head -c "$length" |
        sed 's/\\"metrics_[a-z0-9]*\\":[0-9]*//g; s/"crc32c":"[0-9a-f]*"//; s/ *$//'
}
same_file() {
    header "$1" >a && header "$2" >b && cmp a b && tensors "$1" >a && tensors "$2" >b && cmp a b
}
metrics() {
    sed 's/"seconds":[^,]*,"images_per_second":[^,]*,//' "$1/metrics.jsonl"
}
same_run() {
    for file in "$1"/*.safetensors; do
        same_file "$file" "$2/${file##*/}" || return 1
    done
    metrics "$1" >a && metrics "$2" >b && cmp a b
}
# The step of a checkpoint.
step_of() {
    header "$1" | sed -n 's/.*\\"step\\":\([0-9]*\),.*/\1/p'
}

# ---- Kills ----

lost=0
wrong=0
whole=0
before=0
writing=0
between=0
killed=0
resumed=0
run=killed-0
last_step=0

start() {
    if [ -d "$run" ]; then
        "$program" train --resume "$run" >going.out 2>&1 &
    else
        "$program" train $options --run "$run" >going.out 2>&1 &
    fi
    victim=$!
}
# Counts what the victim was doing.
note_phase() {
    if [ ! -d "$run" ]; then
        before=$((before + 1))
    elif [ -n "$(find "$run" -name '*.tmp-*' -o -name '*.link-*')" ]; then
        writing=$((writing + 1))
    else
        between=$((between + 1))
    fi
}
loads() {
    "$program" eval --checkpoint "$1" --json >/dev/null 2>eval.err || lose "$1"
}
# All checkpoints must load, and the step of the last one must never fall.
look_after() {
    [ -d "$run" ] || return 0
    loads "$run/last.safetensors"
    [ ! -e "$run/best.safetensors" ] || loads "$run/best.safetensors"
    step=$(step_of "$run/last.safetensors")
    [ "${step:--1}" -ge "$last_step" ] || lose "$run: step $step after step $last_step"
    last_step=${step:-0}
}
lose() {
    lost=$((lost + 1))
    echo "# lost: $1: $(cat eval.err)"
}
# compare CODE: compares a finished run with the reference.
compare() {
    whole=$((whole + 1))
    if [ "$1" -ne 0 ] || ! same_run reference "$run" >difference 2>&1; then
        wrong=$((wrong + 1))
        echo "# wrong: $run: exit code $1: $(cat difference 2>/dev/null) $(tail -n 1 going.out)"
    fi
    run=killed-$whole
    last_step=0
}
# Starts the run and kills it, unless it ends earlier.
kill_once() {
    delay=$(moment "$resumed")
    resumed=$((resumed + 1))
    start
    sleep "$delay"
    if kill -KILL "$victim" 2>/dev/null; then
        code=0
        wait "$victim" 2>/dev/null || code=$?
        [ $code -ne 137 ] || killed=$((killed + 1))
        [ $code -ne 137 ] || note_phase
        [ $code -eq 137 ] || compare $code
    else
        code=0
        wait "$victim" || code=$?
        compare $code
    fi
    look_after
}
time_is_up() {
    [ -z "${HCNN_TEST_KILLS:-}" ] && [ $(($(milliseconds) - begun)) -gt $((1000 * seconds)) ]
}
kill_often() {
    while [ "$killed" -lt "$kills" ] && [ $((lost + wrong)) -eq 0 ] && ! time_is_up; do
        kill_once
    done
    start # finishes the last run
    code=0
    wait "$victim" || code=$?
    compare $code
}

check_run "kernels are compiled" 0 'after step 1,' train $options --max-steps 1 --run first
begun=$(milliseconds)
check_run "an uninterrupted run" 0 'whole test +loss' train $options --run reference
life=$(($(milliseconds) - begun))
begun=$(milliseconds)
kill_often
cat <<END
# seed $seed, moments within $life ms: $killed kills, $resumed starts, $whole finished runs
#   before the first checkpoint        $before
#   while writing a checkpoint         $writing
#   between checkpoints                $between
#   lost checkpoints                   $lost
#   wrong resumes                      $wrong
END
check "runs were killed" [ "$killed" -gt 0 ]
check "... no checkpoint was lost" [ "$lost" -eq 0 ]
check "... every resumed run is bit-identical to the uninterrupted one" [ "$wrong" -eq 0 ]
check "... and no temporary file is left" \
    [ -z "$(find . -name '*.tmp-*' -o -name '*.new-*' -o -name '*.link-*')" ]
check "the comparison can fail" sh -c '! cmp -s "$1" "$2"' - \
    reference/last.safetensors reference/best.safetensors

finish
