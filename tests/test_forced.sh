#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The network's tests with each family of convolutions forced by HCNN_CONV: whichever runs, results
# follow PyTorch's, gradients and steps are the same to the bit, and halves follow floats. Resumed
# runs are the same with direct, which sums by itself, and with im2col, which multiplies by CLBlast;
# the loop with the other two would be more kernels to compile and no other code. Short, it is the
# network alone: the host code of the rest is that of test_precision and test_train_loop unforced.
set -u
. "${srcdir:-.}/tests/tap.sh"

# forced FAMILY PROGRAM...
forced() {
    HCNN_CONV=$1
    export HCNN_CONV
    shift
    for program in "$@"; do
        check "$program with $HCNN_CONV" "tests/$program"
    done
}

for family in direct gemm im2col winograd; do
    forced $family test_network
    is_short || forced $family test_precision
done
if is_short; then
    skip "halves and resumed runs" "the same host code as unforced"
else
    forced direct test_train_loop
    forced im2col test_train_loop
fi
finish
