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
check_run "a missing recipe" 1 '--recipe nowhere: this file does not exist; expected original' \
    train --recipe nowhere --run bad
finish
