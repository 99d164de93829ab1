#!/bin/sh
# The network's tests with each family of convolutions forced by HCNN_CONV: whichever runs, results
# follow PyTorch's, gradients are the same, and halves follow floats. Resumed runs are the same with
# a family whose sums are OpenCL's own and with one that multiplies by CLBlast; the other two do the
# same to other kernels, which would have to be compiled. Short, it is the network alone: the halves'
# and the loop's host code is that of test_precision and test_train_loop.
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
    forced winograd test_train_loop
fi
finish
