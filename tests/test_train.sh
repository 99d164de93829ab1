#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Training as a user starts it, with the tiny backbone on the drawn sample: runs, bit-identical
# resumes, kills, interrupts, weights, and errors. Short leaves out kills, and resumes only with fp16
# and with all options of a recipe together.
set -u
. "${srcdir:-.}/tests/tap.sh"
golden=$(cd "${srcdir:-.}/tests/golden" && pwd)
cd "$scratch" || exit 1

tiny="--backbone tiny --batch-size 40 --seed 3"

differing_tensors() {
    ! same_tensors "$1" "$2"
}
same_steps() {
    step_lines "$1" >"$scratch/a" && step_lines "$2" >"$scratch/b" && cmp "$scratch/a" "$scratch/b"
}

# Whether loss = 3 coarse + 0.5 fine in every line of a step.
weighted_sum() {
    step_lines "$1" | tr -d '{}"' | tr ':' ',' | awk -F, '
        { for (i = 1; i < NF; i += 2) v[$i] = $(i + 1)
          want = 3 * v["coarse_loss"] + 0.5 * v["fine_loss"]
          if (v["loss"] < want * 0.99999 || v["loss"] > want * 1.00001) wrong = 1 }
        END { exit wrong || NR == 0 }'
}

# ---- A run from start to end ----

check_run "a whole run" 0 'whole test +loss' train $tiny --epochs 2 --run whole
check "... reports the sample, and how to get real data" \
    answered 0 'data/fetch-cifar100'
for file in config.json metrics.jsonl last.safetensors best.safetensors; do
    check "... leaves $file" [ -s "whole/$file" ]
done
check "... has a line per step" [ "$(step_lines whole/metrics.jsonl | wc -l)" -eq 60 ]
check "... has a line per epoch" [ "$(grep -c '^{"epoch"' whole/metrics.jsonl)" -eq 2 ]
check "... measures the test half and the whole set" \
    grep -q '"test_half":{"images":200,.*"test_whole":{"images":400,' whole/metrics.jsonl
check "... leaves no temporary file" [ -z "$(find . -name '*tmp*' -o -name '*.new-*')" ]
check_run "the run's directory is not used twice" 2 'already exists' \
    train $tiny --epochs 1 --run whole

# ---- The seed decides, the threads do not ----

check_run "the same seed with another number of threads" 0 '' \
    train $tiny --epochs 2 --run again --threads 5
check "... gives bit-identical weights" same_tensors whole/last.safetensors again/last.safetensors
check "... the same losses" same_steps whole/metrics.jsonl again/metrics.jsonl
check_run "another seed" 0 '' train --backbone tiny --batch-size 40 --max-steps 1 --run other --seed 4
check_run "the same seed for one step" 0 '' train $tiny --max-steps 1 --run short
check "... gives other weights" differing_tensors other/last.safetensors short/last.safetensors

# ---- Resuming is bit-identical ----

resume_to_the_bit() {
    optimizer=$1
    rm -rf once parts
    check_run "37 steps at once ($optimizer)" 0 'stopped after step 37' \
        train $tiny --optimizer $optimizer --run once --max-steps 37
    check_run "... and in parts" 0 'stopped after step 11' \
        train $tiny --optimizer $optimizer --run parts --max-steps 11
    check_run "... over the end of an epoch" 0 'stopped after step 33' \
        train --resume parts --max-steps 33
    check_run "... to the same step" 0 'stopped after step 37' train --resume parts --max-steps 37
    check "... gives bit-identical weights" same_tensors once/last.safetensors parts/last.safetensors
    check "... the same losses" same_steps once/metrics.jsonl parts/metrics.jsonl
    if [ "$optimizer" != sgd ]; then
        check "... the same optimizer state" \
            same_tensors once/optimizer-37.safetensors parts/optimizer-37.safetensors
        check "... and only one of it" [ "$(find parts -name 'optimizer-*' | wc -l)" -eq 1 ]
    fi
}
if ! is_short; then
    resume_to_the_bit "sgd"
    resume_to_the_bit "sgd --momentum 0.9 --nesterov --weight-decay 1e-4"
    resume_to_the_bit "adam --lr 1e-3"
fi
resume_to_the_bit "adam --precision bf16"
resume_to_the_bit "sgd --momentum 0.9 --precision fp16"

# What auto means is decided once, so that a run that is resumed elsewhere keeps its precision.
check_run "auto" 0 '^--precision auto: (fp32|tf32|bf16|fp16), by the ' \
    train $tiny --precision auto --max-steps 1 --run auto
check "... is not what the run remembers" sh -c "! grep -Eq '\"precision\": *\"auto\"' auto/config.json"

# ---- All options of a recipe together are bit-identical ----

# The 30 batches of an epoch make seven steps of 4 and one of 2.
everything="--optimizer adamw --lr 1e-3 --weight-decay 0.05 --no-norm-decay --clip-norm 1
    --accumulate 4 --ema 0.9 --schedule cosine --min-lr 1e-5 --warmup 0.5 --early-stop 3"
check_run "10 steps of accumulated batches" 0 'stopped after step 10' \
    train $tiny $everything --run all-once --max-steps 10
check "... 8 of them in an epoch" grep -q '^{"epoch":1,"steps":8,' all-once/metrics.jsonl
check_run "... in parts" 0 'stopped after step 3' train $tiny $everything --run all-parts --max-steps 3
check_run "... to the same step" 0 'stopped after step 10' train --resume all-parts --max-steps 10
for file in last best optimizer-10; do
    check "... $file is bit-identical" \
        same_tensors all-once/$file.safetensors all-parts/$file.safetensors
done
check "... the same losses" same_steps all-once/metrics.jsonl all-parts/metrics.jsonl
check "... the best is the average, not the last" \
    differing_tensors all-once/best.safetensors all-once/last.safetensors
check_run "options without effect" 0 '^--sync-bn has no effect in one process; start several' \
    train $tiny --run idle --max-steps 1 --sync-bn --wire fp16 --only-fine --coarse 3 --no-norm-decay
for name in wire coarse no-norm-decay; do
    check "... --$name" grep -q "^--$name has no effect \(in\|with\)" "$scratch/out"
done
echo 'sync_bn: true' >sync.yaml
check_run "... from a recipe" 0 '' train $tiny --recipe sync.yaml --run idle-recipe --max-steps 1
check "... are not mentioned" sh -c "! grep 'no effect' '$scratch/out'"
check_run "an unknown schedule" 2 \
    "schedule 'step': is not one of plateau.multistep.cosine.one-cycle" train $tiny --schedule step
check_run "a floor for a schedule without one" 2 'schedule one-cycle does not accept --min-lr' \
    train $tiny --schedule one-cycle --min-lr 1e-5
check_run "a warm-up as long as the run" 2 'warmup 2 leaves no epoch of --epochs 2' \
    train $tiny --epochs 2 --warmup 2

# ---- A limit at the end of an epoch still saves and validates ----

check_run "as many steps as an epoch has" 0 '^epoch 1/' train $tiny --run edge/ --max-steps 30
check "... are all logged" [ "$(step_lines edge/metrics.jsonl | wc -l)" -eq 30 ]
check_run "... and the run is resumed" 0 'after step 30$' train --resume edge --max-steps 37
check_run "37 plain steps at once" 0 '' train $tiny --run edge-once --max-steps 37
check "... gives bit-identical weights" same_tensors edge-once/last.safetensors edge/last.safetensors
echo precious >kept.jsonl
check_run "an existing run" 2 'already exists' train $tiny --run edge --metrics kept.jsonl
check "... leaves the metrics file alone" grep -q precious kept.jsonl

# ---- Killed at any moment ----

# Every start resumes from the last checkpoint; in the end the run equals an uninterrupted one.
killed() {
    "${HCNN_CL:-./hcnn-cl}" train $tiny --momentum 0.9 --checkpoint-every 2 --run killed \
        --epochs 2 --max-steps 40 >/dev/null 2>&1 &
    victim=$!
    for delay in 0.7 0.9 1.1 1.3 1.5 1.7 2.1 2.5; do
        sleep "$delay"
        kill -KILL "$victim" 2>/dev/null
        wait "$victim" 2>/dev/null
        if [ -d killed ]; then
            "${HCNN_CL:-./hcnn-cl}" eval --checkpoint killed/last.safetensors --json >/dev/null ||
                return 1
            "${HCNN_CL:-./hcnn-cl}" train --resume killed --max-steps 40 >/dev/null 2>&1 &
        else
            "${HCNN_CL:-./hcnn-cl}" train $tiny --momentum 0.9 --checkpoint-every 2 --run killed \
                --epochs 2 --max-steps 40 >/dev/null 2>&1 &
        fi
        victim=$!
    done
    wait "$victim"
}
if is_short; then
    skip "every checkpoint loads after SIGKILL" "it needs kills"
else
    check "every checkpoint loads after SIGKILL" killed
fi
: >busy.out
"${HCNN_CL:-./hcnn-cl}" train $tiny --run busy >busy.out 2>&1 &
busy=$!
while ! grep -q '^step' busy.out; do
    kill -0 $busy 2>/dev/null || break
done
check_run "two processes cannot work on one run" 1 'busy: another hcnn-cl is working in it' \
    train --resume busy
kill $busy
wait $busy 2>/dev/null
if is_short; then
    skip "the killed run has the weights of an uninterrupted one" "it needs kills"
else
    check_run "an uninterrupted run" 0 '' \
        train $tiny --momentum 0.9 --run unbroken --epochs 2 --max-steps 40
    check "... the killed run has the same weights" \
        same_tensors unbroken/last.safetensors killed/last.safetensors
    check "... and each step's line once" same_steps unbroken/metrics.jsonl killed/metrics.jsonl
fi

# ---- Started twice at the same moment ----

# Either of the two may win.
start_twice() {
    for each in 0 1; do
        (
            code=0
            "${HCNN_CL:-./hcnn-cl}" train $tiny --max-steps 5 --run twice >out.$each 2>err.$each ||
                code=$?
            echo $code >code.$each
        ) &
    done
    wait
    [ "$(cat code.0 code.1 | sort | tr -d '\n')" = 02 ]
}
mkdir twice.new-999999-0 && echo '{}' >twice.new-999999-0/config.json # left by a killed start
check "of two starts with the same name only one trains" start_twice
check "... the other says what to do" grep -Eq 'hcnn-cl: twice: .*another --run' err.0 err.1
check "... no other file is left beside the run" [ "$(echo twice*)" = twice ]
check "... the run is whole" [ "$(step_lines twice/metrics.jsonl | wc -l)" -eq 5 ]
check_run "... and is resumed" 0 'after step 5$' train --resume twice --max-steps 6

# ---- Interrupted ----

interrupt() {
    # A background job of a script ignores SIGINT, so SIGTERM is used, which has the same effect.
    "${HCNN_CL:-./hcnn-cl}" train $tiny --epochs 1000 --run interrupted >going.out 2>"$scratch/err" &
    victim=$!
    while ! grep -q '^step' going.out 2>/dev/null; do
        kill -0 "$victim" || return 1
    done
    kill -TERM "$victim"
    code=0
    wait "$victim" || code=$?
}
interrupt
check "an interrupt saves and is exit code 130" answered 130 'everything is saved; .*--resume interrupted'
steps=$(step_lines interrupted/metrics.jsonl | wc -l)
check_run "... the run is resumed after the saved step" 0 "after step $steps\$" \
    train --resume interrupted --max-steps $((steps + 1))

# ---- Divergence ----

check_run "a loss that is not finite stops the run" 1 \
    'the loss of step [0-9]+ is not finite.*lower --lr' \
    train $tiny --run diverged --lr 1e30 --epochs 1
check_run "... the last good checkpoint stays" 0 '400 images' eval --checkpoint diverged/last.safetensors

# ---- Weights, freezing, stems, only-fine ----

check_run "start from weights" 0 'tensors loaded' \
    train $tiny --weights whole/best.safetensors --max-steps 2 --run started --lr 1e-4
check "... weights freeze the coarse backbone before layer3 by default" \
    grep -q '"freeze": "default"' started/config.json
check_run "... but not with --freeze none" 0 '' \
    train $tiny --weights whole/best.safetensors --freeze none --max-steps 1 --run thawed
check_run "... but frozen layers must come from the weights" 1 ': [0-9]+ of the parameters that --freeze default freezes are missing' \
    train $tiny --weights whole/best.safetensors --stem cifar --max-steps 1 --run refused
check_run "... unless with --freeze none" 0 'not loaded' \
    train $tiny --weights whole/best.safetensors --stem cifar --freeze none --max-steps 1 \
    --run restemmed
check_run "--freeze with an unknown name" 2 'no_such_layer' \
    train $tiny --freeze no_such_layer --max-steps 1 --run refused
check "... leaves no run" [ ! -e refused ]
check_run "only the fine half, CIFAR's stem, Adam" 0 'stopped after step 2' \
    train $tiny --only_fine --stem cifar --optimizer adam --lr 1e-3 --max-steps 2 --run fine
check_run "... has no coarse loss" 0 '"fine_loss"' eval --checkpoint fine/last.safetensors --json
check "... in the JSON output" sh -c "! grep -q coarse_loss '$scratch/out'"
check_run "... and without the fine loss nothing to learn" 2 'leaves* nothing to learn' \
    train $tiny --only-fine --fine 0 --max-steps 1 --run refused
check_run "a larger input" 0 '48x48 input' train $tiny --image_size 48 --max-steps 1 --run larger
check_run "weights of the losses, metrics of every second step elsewhere" 0 'stopped after step 5' \
    train $tiny --coarse 3 --fine 0.5 --metrics elsewhere.jsonl --metrics-every 2 --max-steps 5 \
    --run weighted
check "... have lines for steps 2 and 4" [ "$(step_lines elsewhere.jsonl | cut -d, -f1 | tr -d '\n')" = '{"step":2{"step":4' ]
check "... and the weighted sum as their loss" weighted_sum elsewhere.jsonl
check_run "milestones" 0 'lr 0.0008 ' train $tiny --epochs 2 --milestones 1 --run milestones

# ---- Augmentation and losses ----

check_run "every augmentation, smoothed labels, the tree without a coarse half" 0 'stopped after step 4' \
    train $tiny --only-fine --label-smoothing 0.1 --coarse-loss marginal --max-steps 4 --run mixed \
    --augment crop=4,flip,rotate=20,resized-crop=0.3,cutout=8,mixup=0.2,cutmix=1
check_run "... which eval repeats" 0 '"marginal_loss":[0-9.]+,"fine_loss"' \
    eval --checkpoint mixed/last.safetensors --json
check_run "other weights for each epoch" 0 'whole test +loss' \
    train $tiny --epochs 2 --loss-schedule 2:0.5:1 --run staged
check "... are in the lines of epochs" grep -q \
    '"epoch":2,.*"coarse_weight":0.5,"fine_weight":1.0' staged/metrics.jsonl
check_run "an unknown augmentation" 2 \
    "^hcnn-cl: --augment: unknown 'shear=3'; expected default, none, or a comma-separated list" \
    train $tiny --augment flip,shear=3 --run none
check_run "an invalid schedule of losses" 2 "^hcnn-cl: --loss-schedule: '2:1'" \
    train $tiny --loss-schedule 2:1 --run none

# ---- Metrics elsewhere ----

echo precious >kept.jsonl
check_run "a new run refuses a metrics file that is not empty" 2 'kept.jsonl: already contains 9 bytes' \
    train $tiny --max-steps 1 --run none --metrics kept.jsonl
check "... and is left alone" grep -qx precious kept.jsonl
mv elsewhere.jsonl own.jsonl
cp kept.jsonl elsewhere.jsonl
check_run "a resumed run refuses a foreign metrics file" 1 'elsewhere.jsonl: is not the metrics file' \
    train --resume weighted --max-steps 6
check "... which is not changed" cmp kept.jsonl elsewhere.jsonl
sed 's/"loss":[0-9]/"loss":0/' own.jsonl >kept.jsonl
cp kept.jsonl elsewhere.jsonl
check_run "... and one of another run with lines of the same length" 1 \
    'elsewhere.jsonl: is not the metrics file .* are not those of the last checkpoint; put' \
    train --resume weighted --max-steps 6
check "... which is not changed" cmp kept.jsonl elsewhere.jsonl
rm elsewhere.jsonl
mkdir elsewhere.jsonl
check_run "... and a directory" 1 'elsewhere.jsonl: is a directory.*; move this directory away' \
    train --resume weighted --max-steps 6
rmdir elsewhere.jsonl
mkfifo elsewhere.jsonl
check_run "... and a pipe that nobody reads" 1 'elsewhere.jsonl: is a pipe that nobody reads; start' \
    train --resume weighted --max-steps 6
check_run "a new run does so, too" 1 'elsewhere.jsonl: is a pipe that nobody reads' \
    train $tiny --max-steps 1 --run none --metrics elsewhere.jsonl
check "... and leaves nothing" [ ! -e none ]
rm elsewhere.jsonl
mv own.jsonl elsewhere.jsonl
check_run "a resumed run with its own metrics file" 0 '' train --resume weighted --max-steps 6
check "... appends to it" [ "$(step_lines elsewhere.jsonl | wc -l)" -eq 3 ]
"${HCNN_CL:-./hcnn-cl}" train $tiny --max-steps 2 --run piped --metrics /dev/stdout | cat >piped.log
cp piped.log started.log
"${HCNN_CL:-./hcnn-cl}" train --resume piped --max-steps 3 >>piped.log
"${HCNN_CL:-./hcnn-cl}" train --resume piped --max-steps 4 >>piped.log
check "metrics that went through a pipe" [ "$(step_lines started.log | wc -l)" -eq 2 ]
check "... are followed by those of a resumed run in a file" [ "$(step_lines piped.log | wc -l)" -eq 4 ]
head -n "$(wc -l <started.log)" piped.log >kept.log
check "... which loses nothing" cmp started.log kept.log
"${HCNN_CL:-./hcnn-cl}" train $tiny --max-steps 2 --run shared --metrics /dev/stdout >>shared.log
"${HCNN_CL:-./hcnn-cl}" train --resume shared --max-steps 4 >>shared.log
check "metrics in the file of all output are continued there" [ "$(step_lines shared.log | wc -l)" -eq 4 ]

# ---- Errors ----

check_run "a batch that cannot fit names the largest that does" 1 \
    'the largest batch that fits is [0-9]+' \
    train --backbone wide_resnet_50 --image-size 256 --batch-size 1200 --run huge
check_run "a last batch of one image" 2 'leave a batch of one image' \
    train --backbone tiny --batch-size 11 --run one
check_run "metrics that cannot be written" 1 'no-such-directory/m.jsonl' \
    train $tiny --metrics no-such-directory/m.jsonl --max-steps 1 --run none
check_run "a run without a name" 2 '^hcnn-cl: --run: is empty' train $tiny --run ''
check "... leaves no temporary directory" [ -z "$(find . -name '*.new-*')" ]
check_run "missing weights" 1 'no-such-file: cannot be opened' \
    train $tiny --weights no-such-file --run none
check_run "weights of another network" 1 'other.safetensors' \
    train --backbone wide_resnet_50 --weights no-network/other.safetensors --run none
check_run "losses from which the fine half cannot learn" 2 '--fine 0 with --only-fine leaves nothing' \
    train $tiny --only-fine --fine 0 --max-steps 1 --run none
check_run "weights of another backbone with frozen layers" 1 \
    '[0-9]+ of the parameters that --freeze default freezes are missing' \
    train --backbone tiny_basic --weights whole/best.safetensors --max-steps 1 --run none
check "... leave no run" [ ! -e none ]
head -c 1000 whole/last.safetensors >cut.safetensors
check_run "a checkpoint cut short" 1 'cut.safetensors: .*cut short' eval --checkpoint cut.safetensors
check_run "missing data" 1 'no-such-data: does not exist' \
    train --data no-such-data --run none
LC_ALL=C # for grep, because the following names are not valid text in other locales
export LC_ALL
foreign=$(printf 'caf\351')
mkdir "$foreign"
check_run "data whose path is not UTF-8" 2 '^hcnn-cl: --data: .* is not UTF-8' \
    train $tiny --data "$foreign" --run none
check_run "a run's name that is not UTF-8" 2 '^hcnn-cl: --run: .* is not UTF-8' train $tiny --run "$foreign/none"
cp "$golden/cifar-binary.tar.gz" "$foreign"
ln -s "$foreign" linked
check_run "data whose absolute path is not UTF-8" 2 '^hcnn-cl: --data: .* is not UTF-8' \
    train --backbone tiny --batch-size 4 --data linked/cifar-binary.tar.gz --run none
check_run "resuming a directory that is not a run" 1 \
    '^hcnn-cl: no-run: is not the directory of a run, because no-run/config.json does not exist$' \
    train --resume no-run
check_run "resuming a checkpoint" 1 'edge/last.safetensors: is not the .*; did you mean edge\?' \
    train --resume edge/last.safetensors
mkdir no-run
check_run "a new run in the place of something else" 2 'no-run: already exists and is not a run' \
    train $tiny --run no-run
check_run "resuming with other options" 2 '^hcnn-cl: --lr cannot be given with --resume' \
    train --resume whole --lr 1e-4
check_run "milestones that do not rise" 2 '^hcnn-cl: --milestones: ' train $tiny --milestones 7,3 --run none
check_run "Nesterov without momentum" 2 'nesterov' train $tiny --nesterov --run none
check_run "a batch size of 0" 2 'batch-size' train --batch-size 0
check_run "an unknown precision" 2 "'fp8': is not one of fp32\|tf32\|bf16\|fp16\|auto$" \
    train --precision fp8 --run none
HCNN_TF32=1
export HCNN_TF32
check_run "the old name of tf32 with another precision" 2 \
    '^hcnn-cl: HCNN_TF32=1 means --precision tf32, but --precision fp32 is given' \
    train $tiny --precision fp32 --run none
unset HCNN_TF32
check_run "wires have words of their own" 2 "'bf16': is not one of fp32\|fp16;" \
    train --wire bf16 --run none
check_run "an unknown optimizer" 2 'optimizer' train --optimizer rmsprop
check "... none of these left a run" [ ! -e none ]

finish
