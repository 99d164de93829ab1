#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Several ranks train one network: any number of ranks has the losses of one process; stops, kills
# and resumes work; and every message is printed once. Short leaves out cases that differ only in
# numbers: a third rank, halves, mixed images.
set -u
. "${srcdir:-.}/tests/tap.sh"
picture=$(cd "${srcdir:-.}/tests/fuzz/corpus/image" && pwd)/seed-png-rgb
faults=$(cd "${srcdir:-.}/tests" && pwd)/driver_faults.c
cd "$scratch" || exit 1
hcnn_cl=${HCNN_CL:-hcnn-cl}

if ! command -v mpirun >/dev/null; then
    skip "several ranks" "mpirun is missing"
    finish
    exit
fi

# mpirun must be told that running as root, and more ranks than cores, are intended.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none

# Open MPI leaks memory of components that it unloads before the end, so that no suppression can name
# them. Leaks of hcnn-cl show in the tests with one process.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

# run_ranks NUMBER ARGUMENT...: runs hcnn-cl like run_program, in NUMBER ranks.
run_ranks() {
    ranks=$1
    shift
    code=0
    mpirun -n "$ranks" "$hcnn_cl" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
}
# check_ranks NAME CODE PATTERN NUMBER ARGUMENT...: like check_run, in NUMBER ranks.
check_ranks() {
    ranks_name=$1
    ranks_code=$2
    ranks_pattern=$3
    shift 3
    run_ranks "$@"
    check "$ranks_name" answered "$ranks_code" "$ranks_pattern"
}

run_ranks 2 train --help
if grep -q 'built without MPI' "$scratch/err"; then
    skip "several ranks" "hcnn-cl was built without MPI"
    finish
    exit
fi
check "--help is printed once" [ "$(grep -c '^Usage:' out)" -eq 1 ]

tiny="--backbone tiny --batch-size 32 --seed 3 --momentum 0.9 --threads 1"

losses() {
    grep '^{"step"' "$1" | sed 's/.*"loss":\([^,]*\),.*/\1/'
}
# same_losses RUN RUN TOLERANCE STEPS: both runs have that number of steps, and no loss differs by
# more than the relative tolerance.
same_losses() {
    losses "$1/metrics.jsonl" >a.losses
    losses "$2/metrics.jsonl" >b.losses
    paste a.losses b.losses | awk -v most="$3" -v steps="$4" '
        { off = ($1 - $2) / $1; if (off < 0) off = -off; if (off > worst) worst = off }
        !($1 > 0 && $2 > 0) { wrong = 1 }
        END { print NR " steps, worst " worst; exit wrong || NR != steps || !(worst <= most) }'
}
differing_losses() {
    ! same_losses "$@"
}

no_escapes() {
    ! LC_ALL=C tr -d '\r' <out | LC_ALL=C grep -q '[^[:print:][:space:]]'
}

# ---- The same losses as one process ----

check_run "one process" 0 'stopped after step 20' train $tiny --max-steps 20 --run one
check_ranks "2 ranks with --sync-bn" 0 "^ranks +2, each with at most" \
    2 train $tiny --max-steps 20 --sync-bn --run sync-2
check "... have the losses of one process" same_losses one sync-2 1e-3 20
check "... from 0.132 MB a step" grep -q 'gradients: 0.132 MB from each of 2 ranks' out
check "... print a line per step and no progress bar" \
    [ "$(grep -c '^step ' out)" -eq 20 ]
check "... and only printable characters" no_escapes
check "... and only one rank writes lines of steps" [ "$(grep -c '^{"step"' sync-2/metrics.jsonl)" -eq 20 ]

compare_manners() {
    check_ranks "3 ranks" 0 '^ranks +3,' 3 train $tiny --max-steps 20 --sync-bn --run sync-3
    check "... have the losses of one process" same_losses one sync-3 1e-3 20
    check_ranks "gradients as halves" 0 'gradients: 0.066 MB from each of 2 ranks' \
        2 train $tiny --max-steps 20 --sync-bn --wire fp16 --run halves
    check "... have the losses of one process" same_losses one halves 1e-2 20
    check "... but are not bit-identical" differing_losses sync-2 halves 0 20
    check_ranks "batch normalisation of each rank's own part" 0 'stopped after step 20' \
        2 train $tiny --max-steps 20 --run parts
    check "... gives other losses" differing_losses one parts 1e-3 20

    mixing="--augment flip,mixup=0.4,cutmix=1 --accumulate 2 --clip-norm 1 --ema 0.9"
    mixing="--backbone tiny --batch-size 30 --seed 3 --threads 1 --optimizer adam $mixing"
    check_run "mixed images, accumulation, clipping and an average: one process" 0 '' \
        train $mixing --max-steps 12 --run mixed-one
    check_ranks "... and two ranks" 0 '' 2 train $mixing --max-steps 12 --sync-bn --run mixed-two
    check "... have the same losses" same_losses mixed-one mixed-two 1e-3 12
}
is_short || compare_manners

# ---- A whole run: the ranks share validation and test ----

check_ranks "a whole run" 0 'whole test +loss' 2 train $tiny --epochs 1 --run whole
check "... leaves no temporary file" [ -z "$(find . -name '*tmp*' -o -name '*.new-*')" ]
check_run "one process measures its best checkpoint" 0 '"images":400' \
    eval --checkpoint whole/best.safetensors --json
shares() {
    grep -o '"test_whole":{[^}]*}\|"whole":{[^}]*}\|{[^{}]*"images":400[^}]*}' "$1" | head -n 1 |
        grep -o '"fine_top1":[0-9.]*'
}
check "... and gets the ranks' test result" \
    [ "$(shares out)" = "$(shares whole/metrics.jsonl)" ]
check "... which is not empty" [ -n "$(shares out)" ]

# ---- Resuming with another number of ranks ----

check_ranks "half of the steps by two" 0 'stopped after step 10' \
    2 train $tiny --max-steps 10 --sync-bn --run turns
check_run "... the rest by one" 0 'stopped after step 20' train --resume turns --max-steps 20
check "... has the losses of one process" same_losses one turns 1e-3 20
check_ranks "... and further by two" 0 'stopped after step 24' \
    2 train --resume turns --max-steps 24

# ---- Kills and stops ----

# start_ranks RUN: trains with two ranks in the background and waits for some steps.
start_ranks() {
    mpirun -n 2 "$hcnn_cl" train $tiny --epochs 100000 --checkpoint-every 3 --run "$1" \
        >"$scratch/out" 2>"$scratch/err" </dev/null &
    started=$!
    for _ in $(seq 600); do
        [ "$(losses "$1/metrics.jsonl" 2>/dev/null | wc -l)" -ge 5 ] && return
        sleep 0.1
    done
}
end_ranks() {
    before=$(date +%s)
    code=0
    wait "$started" || code=$?
    seconds=$(($(date +%s) - before))
}
# The working processes: each is the child of a process that mpirun has started.
workers() {
    for launched in $(pgrep -P "$started"); do
        pgrep -P "$launched"
    done
}

start_ranks ranks-killed
kill -KILL "$(workers | tail -n 1)"
end_ranks
check "a rank that is killed ends all, with 1" answered 1 'was ended by signal 9'
check "... within 10 seconds" [ "$seconds" -le 10 ]
check "... and no process is left" [ -z "$(pgrep -f "run ranks-killed")" ]
check_run "... its checkpoint can be measured" 0 'loss' \
    eval --checkpoint ranks-killed/last.safetensors --split test
steps=$(losses ranks-killed/metrics.jsonl | wc -l)
check_ranks "... and the run is resumed" 0 'resumed after step' \
    2 train --resume ranks-killed --max-steps $((steps + 3))

# The device of one rank stops answering (tests/driver_faults.c).
check "the layer that acts out faults builds" $HCNN_CC -shared -fPIC "$faults" -o faults.so
cat >hung-rank <<'END'
#!/bin/sh
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || export OPENCL_LAYERS="$PWD/faults.so" HCNN_FAULT=stop:input:4
HCNN_SELFTEST=0 exec "$@"
END
chmod +x hung-rank
code=0
mpirun -n 2 ./hung-rank "$hcnn_cl" train $tiny --checkpoint-every 1 --device-timeout 15 --run hung \
    >out 2>err </dev/null || code=$?
check "a rank whose device stops answering ends all, with 1" answered 1 \
    'rank 1: the device .* has stopped answering: .* at the kernel input;'
check_run "... and the last checkpoint is whole" 0 '"images":' \
    eval --checkpoint hung/last.safetensors --split test --json

start_ranks parent-killed
kill -KILL "$(pgrep -P "$started" | tail -n 1)"
end_ranks
check "killing the parent process of a rank ends all, too" [ "$code" -ne 0 ]
check "... within 10 seconds" [ "$seconds" -le 10 ]
check "... and no process is left" [ -z "$(pgrep -f "run parent-killed")" ]
check_run "... its checkpoint can be measured" 0 'loss' \
    eval --checkpoint parent-killed/last.safetensors --split test

start_ranks stopped
kill -USR2 "$started"
end_ranks
check "SIGUSR2 to mpirun stops all between two steps" answered 130 'everything is saved'
check_ranks "... and the run is resumed there" 0 'resumed after step' \
    2 train --resume stopped --max-steps 1
check "... the resumed step is printed once" [ "$(grep -c 'resumed after' out)" -eq 1 ]

# ---- Errors ----

said() {
    cat out err | grep -c "$1"
}
check_ranks "an option that does not exist" 2 "unknown option" 2 train --nonsense
check "... is reported once" [ "$(said '^hcnn-cl:')" -eq 1 ]
check_ranks "missing data" 1 'nowhere' 2 train $tiny --data nowhere --run none
check "... is reported once" [ "$(said '^hcnn-cl:')" -eq 1 ]
check_ranks "fewer images than ranks" 2 'each of 3 ranks needs one' \
    3 train $tiny --batch-size 2 --run none
check_ranks "fewer pairs to mix than ranks" 2 'needs one pair' \
    2 train $tiny --batch-size 2 --augment mixup=1 --run none
check_ranks "--tune" 2 'measures one device alone' 2 train $tiny --tune --run none
check "none of these leaves a run" [ ! -e none ]
check_ranks "a command that does not train" 2 'devices runs in one process' 2 devices
check "... is reported once" [ "$(said '^hcnn-cl:')" -eq 1 ]
check_ranks "... but its help is given" 0 '^Usage:' 2 devices --help

# Every image in the second rank's part of the validation set is broken, none in the first rank's.
mkdir -p tree/train/a/ax tree/train/b/bx tree/valid/a/ax tree/valid/b/bx
for i in 0 1 2 3 4 5 6 7; do
    for class in a/ax b/bx; do
        cp "$picture" "tree/train/$class/$i.png"
        cp "$picture" "tree/valid/$class/$i.png"
    done
done
for i in 0 1 2 3 4 5 6 7; do
    echo broken >"tree/valid/b/bx/$i.png"
done
check_ranks "a rank whose part of the validation is broken" 0 'validation loss' \
    2 train --backbone tiny --data tree --image-size 32 --batch-size 16 --epochs 1 --max-bad 100 \
    --run broken
for i in 0 1 2 3 4 5 6 7; do
    echo broken >"tree/valid/a/ax/$i.png"
done
check_ranks "... and when all of it is" 1 'none of the 16 images of the validation can be read' \
    2 train --backbone tiny --data tree --image-size 32 --batch-size 16 --epochs 1 --max-bad 100 \
    --run all-broken
HCNN_DEVICE=cpu,nonsense
export HCNN_DEVICE
check_ranks "a missing device of a rank" 2 "rank 1: HCNN_DEVICE: no device matches 'nonsense'" \
    2 train $tiny --run none
HCNN_DEVICE=nonsense,cpu
check_ranks "... also of the first rank" 2 "HCNN_DEVICE: no device matches 'nonsense'" \
    2 train $tiny --run none

finish
