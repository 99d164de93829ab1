#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tests of the network with each family of convolutions forced by HCNN_CONV: with every family,
# results agree with PyTorch's, gradients and steps are bit-identical when repeated, and half
# precision follows floats. A stopped and resumed training with every option of a recipe is tested
# with direct, which has kernels of its own, and with im2col, which multiplies with CLBlast; the
# other families would compile more kernels but test no other code. Short tests only the network,
# with im2col: the other families' host code is that of their own tests, and that of the other tests
# is the same as without HCNN_CONV. So is that of the cases of test_precision about resuming,
# overflow and memory.
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

if is_short; then
    forced im2col test_network
    skip "other families, half precision, the training loop" "the same host code as in other tests"
else
    for family in direct gemm im2col winograd; do
        forced $family test_network
        HCNN_TEST_ONLY='*follow*' forced $family test_precision
    done
    HCNN_TEST_ONLY='*together*' forced direct test_train_loop
    HCNN_TEST_ONLY='*together*' forced im2col test_train_loop
fi
finish
