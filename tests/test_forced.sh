#!/bin/sh
# The network's tests with each family of convolutions forced by HCNN_CONV: whichever runs, results
# follow PyTorch's, gradients and resumed runs are the same, and halves follow floats.
set -u
. "${srcdir:-.}/tests/tap.sh"

for family in direct gemm im2col winograd; do
    for program in test_network test_precision test_train_loop; do
        HCNN_CONV=$family
        export HCNN_CONV
        check "$program with $family" "tests/$program"
    done
done
finish
