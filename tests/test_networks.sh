#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Backbones, fusions, depths and the shared trunk as a user chooses them: each one trains, a resumed
# run is bit-identical to an uninterrupted one, and the checkpoint describes its network.
set -u
. "${srcdir:-.}/tests/tap.sh"
cd "$scratch" || exit 1

quick="--batch-size 16 --seed 3 --stem cifar --threads 1"

# Each network is trained for four steps at once, and for two and two more.
while read -r name options; do
    check_run "$name" 0 'stopped after step 4' \
        train $quick $options --max-steps 4 --run "$name"
    check_run "... in two parts" 0 'stopped after step 2' \
        train $quick $options --max-steps 2 --run "$name-parts"
    check_run "... and is resumed" 0 'stopped after step 4' train --resume "$name-parts" --max-steps 4
    check "... and ends bit-identical" same_tensors "$name/last.safetensors" "$name-parts/last.safetensors"
    check_run "... and evaluates" 0 '"coarse_loss":' \
        eval --checkpoint "$name/last.safetensors" --split test --json
done <<'LIST'
add --backbone tiny_basic --fusion add --momentum 0.9
gate --backbone tiny_bit --fusion gate --lr 1e-3
mixed --backbone tiny --fusion concat-bn-relu --coarse-depth layer4
shared --backbone tiny_bit --shared-trunk --optimizer adam --lr 1e-3
LIST

check "the shared trunk has one backbone" sh -c \
    'grep -aq "\"backbone.stages.3.blocks.0.conv1.weight\"" shared/last.safetensors &&
     ! grep -aq fine_backbone shared/last.safetensors'
for precision in bf16 fp16; do
    check_run "$precision works" 0 'stopped after step 2' \
        train $quick --backbone tiny_bit --fusion gate --precision $precision --max-steps 2 --run $precision
done

# ---- Batches of one image ----

check_run "without batch normalisation a batch may have one image" 0 'stopped after step 3' \
    train --backbone tiny_bit --batch-size 1 --max-steps 3 --run single
check_run "with it the remedy is named" 2 'bit_r50x1' \
    train --backbone tiny_basic --batch-size 11 --run none
check_run "... also if only the fusion has it" 2 'only with --fusion concat-bn-relu' \
    train --backbone tiny_bit --fusion concat-bn-relu --batch-size 1 --run none

# ---- Options that exclude each other ----

check_run "nothing to fuse in a shared trunk" 2 '^hcnn-cl: --fusion add with --shared-trunk: ' \
    train $quick --backbone tiny --shared-trunk --fusion add --run none
check_run "... or in the fine half" 2 '^hcnn-cl: --fusion gate with --only-fine: ' \
    train $quick --backbone tiny --only-fine --fusion gate --run none
check_run "the fine half shares nothing" 2 '^hcnn-cl: --shared-trunk with --only-fine: ' \
    train $quick --backbone tiny --only-fine --shared-trunk --run none
check_run "... and has no coarse depth" 2 '^hcnn-cl: --coarse-depth with --only-fine: ' \
    train $quick --backbone tiny --only-fine --coarse-depth layer4 --run none
check_run "a mistyped fusion" 2 'did you mean concat' \
    train $quick --fusion concta --run none
check_run "a mistyped backbone" 2 'did you mean resnet50' train $quick --backbone resnet5 --run none
check "none of these leaves a run" [ ! -e none ]

finish
