#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Recipes as a user gives them: the options in a file, options on the command line, which override
# them, and a run's own config.json.
set -u
. "${srcdir:-.}/tests/tap.sh"
documentation=$(cd "${srcdir:-.}/docs" && pwd)
cd "$scratch" || exit 1

steps() {
    grep '^{"step"' "$1"
}
same_steps() {
    steps "$1" >"$scratch/a" && steps "$2" >"$scratch/b" && [ -s "$scratch/a" ] &&
        cmp "$scratch/a" "$scratch/b"
}

cat >small.yaml <<'END'
backbone: tiny
batch-size: 40
epochs: 1
max-steps: 3
lr: 0.02
seed: 5
END
check_run "a recipe" 0 'lr 0.02 ' train --recipe small.yaml --run first
check_run "the command line overrides it" 0 'lr 0.03 ' train --recipe small.yaml --run second --lr 0.03
check "... only for the given option" grep -q '"seed": "5"' second/config.json
check_run "a run's config.json as a recipe" 0 '' train --recipe first/config.json --run third
check "... gives the same steps" same_steps first/metrics.jsonl third/metrics.jsonl
check_run "the original's recipe" 0 'lr 0.008 ' \
    train --recipe original --backbone tiny --max-steps 1 --run original
check_run "... with the options of the original's own commands" 0 'lr 0.008 ' \
    train --recipe original --backbone tiny --only-fine --milestones 7,13 --max-steps 1 --run fine
check_run "... and in one trunk" 0 'lr 0.008 ' \
    train --recipe original --backbone tiny --shared-trunk --max-steps 1 --run trunk
check_run "the modern recipe" 0 '' \
    train --recipe modern --backbone tiny --max-steps 1 --run modern
check_run "... with another optimizer" 0 '' train --recipe modern --backbone tiny --max-steps 1 \
    --optimizer adam --momentum 0 --nesterov=false --run adam
echo 'milestones: [3]' >steps.yaml
check_run "... with another schedule" 0 '' train --recipe steps.yaml --backbone tiny --max-steps 1 \
    --schedule cosine --milestones none --run cosine
check_run "the recipe in the documentation" 0 '' \
    train --recipe "$documentation/cifar100-short.yaml" --backbone tiny --max-steps 1 --run short
echo 'lr: fast' >bad.yaml
check_run "an invalid value" 1 "bad.yaml: line 1: --lr 'fast'" \
    train --recipe bad.yaml --run bad
check "... leaves no run" [ ! -e bad ]

# Errors that are found after the recipe was read name its lines, too.
expect_late() {
    printf '%b' "$1" >late.yaml
    late_code=$2
    late_message=$3
    shift 3
    check_run "$late_message" "$late_code" "^hcnn-cl: late.yaml: $late_message" \
        train --recipe late.yaml --backbone tiny --run bad "$@"
}
expect_late 'epochs: 3\nwarmup: 3\n' 1 'line 1, line 2: --warmup 3 leaves no epoch'
expect_late 'fine: 0\ncoarse: 0\n' 1 'line 2, line 1: --coarse 0 and --fine 0 leave nothing'
expect_late 'lr: 1\nmilestones: [3, 2]\n' 1 "line 2: --milestones: '3,2': expected rising"
expect_late 'lr: 1\naugment: [flip, flop]\n' 1 "line 2: --augment: unknown 'flop'"
expect_late 'lr: 1\nloss_schedule: 0\n' 1 'line 2: --loss-schedule: '
expect_late 'only_fine: true\nfusion: gate\n' 1 'line 1, line 2: --fusion gate with --only-fine'
expect_late 'lr: 1\nfreeze: nothing\n' 1 "line 2: --freeze: no parameter name starts with 'nothing'"
expect_late 'lr: 1\nweights: gone.pth\n' 1 'line 2: gone.pth: cannot be opened'
expect_late 'lr: 1\ndata: gone\n' 1 'line 2: gone: does not exist; --data accepts'
expect_late 'lr: 1\ncrop_boxes: true\n' 1 'line 2: --crop-boxes: the sample has no boxes'
printf 'warmup: 3\n' >late.yaml
check_run "an option that contradicts the recipe" 2 \
    '^hcnn-cl: --warmup 3 leaves no epoch of --epochs 2; .* \(late.yaml: line 1\)$' \
    train --recipe late.yaml --backbone tiny --run bad --epochs 2
check "none of these left a run" [ ! -e bad ]
check_run "a run as a recipe" 1 'first: is a directory; expected original, .* the config.json of a run' \
    train --recipe first --run bad
check_run "a checkpoint as a recipe" 1 'appears to be a safetensors file; expected a text file' \
    train --recipe first/last.safetensors --run bad
check_run "a missing recipe" 1 '--recipe nowhere: this file does not exist; expected original' \
    train --recipe nowhere --run bad
finish
