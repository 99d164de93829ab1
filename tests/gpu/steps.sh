# shellcheck shell=bash disable=SC2154,SC2034 # variables shared with run
# SPDX-License-Identifier: Apache-2.0
# Part of the kit, sourced by ./run: the steps. Each has a share of the time that is left, and is
# stopped at its end; what a step leaves over is for the next ones.
#
# Uses: kit, out, work; deadline, in bash's SECONDS; shares; quick, yes or no; kind,
# the type of the device.

logs=$out/logs
# Another one makes sense to try the kit itself out, where this one takes too long.
backbone=${HCNN_KIT_BACKBONE:-wide_resnet_50}
not_run=
unfinished_tests=

# ---- Time ----

left() {
    echo $((deadline - SECONDS))
}

# begin_stage: the next stage gets the first of $shares, relative to their sum, of the time left.
begin_stage() {
    local share all=0
    for share in $shares; do
        all=$((all + share))
    done
    stage_end=$((SECONDS + $(left) * ${shares%% *} / all))
    shares=${shares#* }
}

# limit PARTS: the seconds for a program: one of PARTS of what its stage has left, but at least 5; 0 if
# the stage has less.
limit() {
    local rest=$((stage_end - SECONDS))
    local seconds=$((rest / $1))
    [ $seconds -ge 5 ] || seconds=5
    [ $rest -ge 5 ] || seconds=0
    echo $seconds
}

# announce NAME, say TEXT: one line on the terminal per step.
announce() {
    printf '%4d s left  %-24s ' "$(left)" "$1"
}
say() {
    printf '%s\n' "$*"
}

# ---- Programs ----

# limited SECONDS LOG COMMAND...: runs a command. Sets outcome to passed, failed, stopped (by its
# limit) or "not run" (no time is left), and seconds to the time that it took.
limited() {
    local most=$1 log=$2 code=0 begun
    shift 2
    seconds=0
    exit_code=0
    outcome='not run'
    [ "$most" -ge 1 ] || return 0
    begun=$(date +%s%N)
    timeout -k 8 "$most" "$@" >"$log.out" 2>"$log" </dev/null &
    running=$!
    { wait "$running"; } 2>/dev/null || code=$? # bash would report a crash on the terminal
    running=
    seconds=$((($(date +%s%N) - begun) / 100000000))
    seconds=$((seconds / 10)).$((seconds % 10))
    case $code in
    0) outcome=passed ;;
    124 | 137) outcome=stopped ;;
    *) outcome=failed ;;
    esac
    exit_code=$code
}

# ours SECONDS LOG PROGRAM ARGUMENT...: a program of the kit.
ours() {
    local most=$1 log=$2 program=$kit/bin/$3
    shift 3
    limited "$most" "$log" env "LD_LIBRARY_PATH=$library_path" "srcdir=$kit" "$program" "$@"
}

# count_failure NAME LOG FAILED: notes a failure if the step failed, or if it was stopped after FAILED
# checks had failed.
count_failure() {
    if [ "$outcome" = stopped ] && [ "$3" -gt 0 ]; then
        echo "stopped after $seconds s, when $3 had failed" >>"$2"
        failure "$1" "$2"
    elif [ "$outcome" = failed ]; then
        failure "$1" "$2"
    fi
}

# On a processor, compiling the kernels of everything would take most of the time.
is_thorough() {
    [ "$kind" = gpu ] && [ "$quick" = no ]
}

# ---- The self-test ----

# Reads the table of `hcnn-cl selftest`, which has a line as soon as a check ends; its JSON is printed
# only at the end, so that a test that was stopped would leave nothing.
selftest_checks() {
    sed -nE 's/^(.*[^ ]) +([-+0-9.einfa]+) +([-+0-9.e]+) +([0-9.]+)  (passed|FAILED: )(.*)$/\1\t\2\t\3\t\4\t\5\t\6/p' "$1"
}

# A FAILED check has its reason in the last column.
selftest_json() {
    selftest_checks "$1" | tr -d '\\"' | awk -F '\t' '
        function number(text) { return text ~ /^[-+0-9.e]+$/ && text != "-" ? text + 0 : "null" }
        {
            printf("%s{\"check\": \"%s\", \"error\": %s, \"bound\": %s, \"seconds\": %s, " \
                   "\"passed\": %s, \"why\": \"%s\"}", (NR > 1 ? ", " : ""), $1, number($2),
                   number($3), $4, ($5 == "passed" ? "true" : "false"), $6)
        }'
}

step_selftest() {
    local log=$logs/selftest passed failed extent=--full
    is_thorough || extent=--quick
    announce "self-test $extent"
    ours "$(limit 1)" "$log" hcnn-cl selftest "$extent"
    passed=$(selftest_checks "$log.out" | grep -c '	passed	')
    failed=$(selftest_checks "$log.out" | grep -c '	FAILED: 	')
    say "$passed passed, $failed failed; $outcome after $seconds s"
    table 10 Self-test extent passed failed seconds result
    row 10 "${extent#--}" "$passed" "$failed" "$seconds" "$outcome"
    [ "$failed" -eq 0 ] || sentence 10 "Failed:"
    selftest_checks "$log.out" | awk -F '\t' '
        $5 != "passed" { printf "\n- %s: error %s, bound %s: %s\n", $1, $2, $3, $6 }' >>"$tables/10"
    count_failure self-test "$log" "$failed"
    result selftest "$outcome" "$seconds" "\"extent\": \"${extent#--}\", \"passed\": $passed, \
\"failed\": $failed, \"checks\": [$(selftest_json "$log.out")]"
}

# ---- The test programs ----

# first_failure LOG: the first case of cmocka's output that failed. If none did and the program was
# stopped, the case that ran then.
first_failure() {
    grep -m 1 -oE '^\[  FAILED  \] [A-Za-z_0-9]+$' "$1" | cut -c14- && return
    [ "$outcome" != stopped ] || grep '^\[ RUN' "$1" | tail -n 1 | cut -c14-
}

# step_test NAME PARTS PLACE: a test program; PARTS as for limit, PLACE is its table's.
step_test() {
    local name=$1 log=$logs/test_$1 passed failed skipped first
    announce "test $name"
    ours "$(limit "$2")" "$log" "test_$name"
    if [ "$outcome" = 'not run' ]; then
        say "$outcome"
        unfinished_tests="$unfinished_tests $name"
        not_run="${not_run:+$not_run, }$name"
        result "test $name" "$outcome" "$seconds"
        return
    fi
    cat "$log.out" >>"$log"
    rm -f "$log.out"
    passed=$(grep -c '^\[       OK \]' "$log")
    failed=$(grep -oE '^\[  FAILED  \] [A-Za-z_0-9]+$' "$log" | sort -u | wc -l)
    skipped=$(grep -oE '^\[  SKIPPED \] [A-Za-z_0-9]+$' "$log" | sort -u | wc -l)
    first=$(first_failure "$log")
    [ "$outcome" != stopped ] || unfinished_tests="$unfinished_tests $name"
    if [ "$outcome" = failed ] && [ "$failed" -eq 0 ]; then
        first="exit code $exit_code in $(grep '^\[ RUN' "$log" | tail -n 1 | cut -c14-)"
        echo "the program ended: $first" >>"$log"
    fi
    say "$passed passed, $failed failed, $skipped skipped; $outcome after $seconds s"
    row "$3" "$name" "$outcome" "$passed" "$failed" "$skipped" "$seconds" "$first"
    count_failure "test $name" "$log" "$failed"
    result "test $name" "$outcome" "$seconds" "\"passed\": $passed, \"failed\": $failed, \
\"skipped\": $skipped, \"first\": $(json_text "$first")"
}

# end_tests PLACE: names the tests that did not run, below their table.
end_tests() {
    [ -z "$not_run" ] || sentence "$1" "Not run, for lack of time: $not_run."
    not_run=
}

# Short tests first, so that most tests have run if the time is too short for all.
first_tests='tensor add bias concat average_pool max_pool mix initialize moving_average gradients
    cross_entropy optimizer gate weight_standardise batchnorm group_norm conv1x1 im2col direct
    winograd tiled_gemm tensor_gemm implicit_gemm gemm precision'

# All tests in their order, without the network's, which is a step of its own.
ordered_tests() {
    local name
    for name in $first_tests; do
        grep -x "$name" "$kit/tests/list"
    done
    grep -vxF -e network -e "${first_tests// /$'\n'}" "$kit/tests/list"
}

test_columns='test result passed failed skipped seconds'

# fewer_cases: where the time is too short for all random shapes of the tests.
fewer_cases() {
    [ "$quick" = no ] || export HCNN_TEST_CASES=3
    [ "$kind" = gpu ] || export HCNN_TEST_CASES=1
}

step_tests() {
    local name
    # shellcheck disable=SC2086 # words
    table 20 Operations $test_columns 'failed or stopped in'
    fewer_cases
    for name in $(ordered_tests); do
        step_test "$name" 4 20
    done
    end_tests 20
    [ -z "${HCNN_TEST_CASES:-}" ] || sentence 20 "Random shapes per test: $HCNN_TEST_CASES."
    unset HCNN_TEST_CASES
}

# Gives the tests that had too little time what the other steps have left over. The last line of a
# test in report.jsonl counts.
step_again() {
    local names name again=0
    read -ra names <<<"$unfinished_tests"
    unfinished_tests=
    [ ${#names[@]} -gt 0 ] || return 0
    # shellcheck disable=SC2086 # words
    table 80 'Once more, with the time that was left' $test_columns 'failed or stopped in'
    fewer_cases
    for name in "${names[@]}"; do
        step_test "$name" $((${#names[@]} - again)) 80
        again=$((again + 1))
    done
    end_tests 80
    unset HCNN_TEST_CASES
}

# test_network compares logits, losses, gradients and steps of the optimizers with what PyTorch
# computed in double precision.
step_parity() {
    # shellcheck disable=SC2086 # words
    table 30 'Parity with PyTorch (golden files)' $test_columns 'failed or stopped in'
    step_test network 1 30
    end_tests 30
}

# ---- Training ----

# The same five steps as in tests/drivers/run: the loss is the same on every driver.
expected_loss=5.9550
step_training() {
    local log=$logs/training loss
    announce 'five steps of training'
    rm -rf "$work/run"
    ours "$(limit 1)" "$log" hcnn-cl train --backbone tiny --seed 1 --max-steps 5 --run "$work/run"
    loss=$(sed -nE 's/^\{"step":5,"loss":([0-9.]+).*/\1/p' "$work/run/metrics.jsonl" 2>/dev/null)
    if [ "$outcome" = passed ] && ! awk -v got="${loss:-0}" -v want=$expected_loss \
        'BEGIN { exit !(got - want < 5e-4 && want - got < 5e-4) }'; then
        outcome=failed
        echo "the loss after 5 steps is ${loss:-unknown}, expected $expected_loss" >>"$log"
    fi
    say "loss ${loss:--}, expected $expected_loss; $outcome after $seconds s"
    table 35 'Five steps of training' loss expected seconds result
    row 35 "${loss:--}" $expected_loss "$seconds" "$outcome"
    [ "$outcome" != failed ] || failure training "$log"
    result training "$outcome" "$seconds" "\"loss\": ${loss:-null}, \"expected\": $expected_loss"
}

# ---- Tuning ----

step_tune() {
    local log=$logs/tune size=128 rows members=
    announce "tune 32x32, batch $size"
    # When it is stopped, it prints nothing, but its file has what it measured.
    ours "$(limit 1)" "$log" hcnn-cl tune --backbone "$backbone" --image-size 32 \
        --batch-size $size --json
    cat "$XDG_CACHE_HOME"/hcnn-cl/tune-*.json >"$work/tuned" 2>/dev/null
    rows=$(grep -c '"direction":' "$work/tuned")
    say "$rows convolutions; $outcome after $seconds s"
    table 40 Tuning image batch convolutions seconds result
    row 40 32 $size "$rows" "$seconds" "$outcome"
    [ "$outcome" != failed ] || failure tune "$log"
    [ "$outcome" != passed ] || members="\"tune\": $(cat "$log.out")"
    [ "$rows" -eq 0 ] ||
        members="${members:+$members, }\"remembered\": $(tr -d '\n' <"$work/tuned")"
    result tune "$outcome" "$seconds" "$members"
}

# ---- Speed ----

# precisions: those that `bench` offers, but not auto, which stands for one of them.
precisions() {
    LD_LIBRARY_PATH=$library_path "$kit/bin/hcnn-cl" bench --help |
        sed -nE 's/^ *--precision ([a-z0-9|]+).*/\1/p' | tr '|' '\n' | grep -vx auto | tr '\n' ' '
}

gibibytes() {
    awk -v bytes="${1:-0}" 'BEGIN { printf((bytes > 0 ? "%.2f" : "-"), bytes / 1073741824) }'
}

# slowest_layers FILE: "phase, name, milliseconds, share of the step, share of peak, algorithms" of
# the four layers that take the most time.
slowest_layers() {
    tr '{' '\n' <"$1" | awk '
        function field(name,    at) {
            if (!match($0, "\"" name "\":(\"[^\"]*\"|[-+0-9.e]+)"))
                return ""
            at = RSTART + length(name) + 3
            return substr($0, at, RSTART + RLENGTH - at)
        }
        /^"phase":/ {
            count++
            phase[count] = field("phase"); name[count] = field("name")
            seconds[count] = field("seconds") + 0; peak[count] = field("share_of_peak")
            total += seconds[count]
        }
        /^"(forward|data|weights)":/ { sub(/}.*/, ""); algorithm[count] = $0 }
        END {
            for (i = 1; i <= count; i++)
                printf("%.3f\t%s\t%s\t%.1f\t%s\t%s\n", seconds[i] * 1e3, phase[i], name[i],
                       100 * seconds[i] / total,
                       (peak[i] == "" ? "-" : sprintf("%.1f", 100 * peak[i])), algorithm[i])
        }' | tr -d '"' | sort -rn | head -n 4
}

# bench_layers SIZE BATCH PRECISION FILE: rows of the table of layers.
bench_layers() {
    local ms phase name share peak algorithm
    table 60 'The slowest layers of a training step' image batch precision layer phase ms \
        '% of the step' '% of peak' algorithm
    slowest_layers "$4" | while IFS=$'\t' read -r ms phase name share peak algorithm; do
        row 60 "$1" "$2" "$3" "$name" "$phase" "$ms" "$share" "$peak" "$algorithm"
    done
}

# bench_case SIZE BATCH PRECISION PARTS: images per second of the network.
bench_case() {
    local name="bench $1x$1, batch $2, $3" log=$logs/bench-$1-$2-$3 train infer members=
    announce "$name"
    ours "$(limit "$4")" "$log" hcnn-cl bench --backbone "$backbone" --image-size "$1" \
        --batch-size "$2" --precision "$3" --runs 3 --seconds 0.5 --layers --json
    [ "$exit_code" -ne 2 ] || outcome=refused # tf32 on a device without a unit for it
    if [ "$outcome" = passed ]; then
        train=$(json_field train_images_per_second "$log.out")
        infer=$(json_field infer_images_per_second "$log.out")
        members="\"bench\": $(cat "$log.out")"
        echo "$1 $2 $3 $train $infer" >>"$work/rates"
    fi
    say "training ${train:--}, inference ${infer:--} images/s; $outcome after $seconds s"
    row 50 "$1" "$2" "$3" "${train:--}" "${infer:--}" \
        "$(gibibytes "$(json_field train_bytes "$log.out")")" \
        "$(gibibytes "$(json_field infer_bytes "$log.out")")" \
        "$(json_field train_first_step_seconds "$log.out")" "$seconds" "$outcome"
    case $outcome:$1x$2 in
    passed:32x128 | passed:224x32 | passed:32x32) bench_layers "$1" "$2" "$3" "$log.out" ;;
    failed:*) failure "$name" "$log" ;;
    esac
    result "$name" "$outcome" "$seconds" "$members"
}

# The shapes, the most telling first.
bench_shapes() {
    if [ "$kind" != gpu ]; then
        echo 32x32
    elif [ "$quick" = yes ]; then
        echo 32x128 224x32
    else
        echo 32x128 224x32 32x32 224x8 32x512 224x64
    fi
}

step_bench() {
    local shape precision parts all
    all=$(precisions)
    table 50 "Speed and memory of $backbone" image batch precision 'training, images/s' \
        'inference, images/s' 'training, GiB' 'inference, GiB' 'first step, s' seconds result
    parts=$(($(bench_shapes | wc -w) * $(wc -w <<<"$all")))
    for shape in $(bench_shapes); do
        for precision in $all; do
            # Up to three times its share for each, because the first have to compile the most.
            bench_case "${shape%x*}" "${shape#*x}" "$precision" $(((parts + 2) / 3))
            parts=$((parts - 1))
        done
    done
    [ "$kind" = gpu ] ||
        sentence 50 'Left out on a processor: all but 32x32 with batch 32, tuning, and a full self-test.'
}

# ---- PyTorch ----

# Whether python3 has it, without the seconds that an import takes.
has_torch() {
    command -v python3 >/dev/null && python3 -c '
import importlib.util, sys
sys.exit(importlib.util.find_spec("torch") is None)' 2>/dev/null
}

# torch_rows FILE: rows from the lines of torch_bench.py, with the ratio to ours in the same precision.
torch_rows() {
    local line file=$work/line size batch precision train ours
    while read -r line; do
        echo "$line" >"$file"
        size=$(json_field image_size "$file")
        batch=$(json_field batch_size "$file")
        precision=$(json_field precision "$file")
        train=$(json_field train_images_per_second "$file")
        ours=$(awk -v key="$size $batch $precision" -v theirs="${train:-0}" '
            key == $1 " " $2 " " $3 && theirs > 0 { printf "%.2f", $4 / theirs }' "$work/rates")
        row 70 "$size" "$batch" "$precision" "${train:--}" \
            "$(json_field infer_images_per_second "$file")" \
            "$(gibibytes "$(json_field train_bytes "$file")")" "$(json_field layout "$file")" \
            "${ours:--}"
    done < <(grep '^{"image_size"' "$1")
}

step_torch() {
    local log=$logs/torch count device=cuda shapes
    [ "$kind" = gpu ] || device=cpu
    shapes=$(bench_shapes | tr ' ' ',')
    announce 'PyTorch'
    touch "$work/rates"
    if ! has_torch; then
        say 'skipped: there is no python3 with torch'
        result torch skipped 0 '"why": "there is no python3 with torch"'
        return
    fi
    limited "$(limit 1)" "$log" python3 "$kit/parts/torch_bench.py" --device $device \
        --shapes "$shapes" --backbone "$backbone"
    count=$(grep -c '^{"image_size"' "$log.out" 2>/dev/null)
    if [ "$exit_code" -eq 3 ]; then
        say "skipped: $(tail -n 1 "$log")"
        result torch skipped "$seconds" "\"why\": $(json_text "$(tail -n 1 "$log")")"
        return
    fi
    say "$count figures; $outcome after $seconds s"
    table 70 "The same network in PyTorch $(json_field torch "$log.out")" image batch precision \
        'training, images/s' 'inference, images/s' 'training, GiB' layout \
        'hcnn-cl / PyTorch, training'
    torch_rows "$log.out"
    [ "$outcome" != failed ] || failure PyTorch "$log"
    result torch "$outcome" "$seconds" \
        "\"figures\": [$(grep '^{"image_size"' "$log.out" | paste -sd, -)]"
}
