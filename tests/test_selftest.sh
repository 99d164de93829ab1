#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The self-test: its command, what it does by itself before the first training, and that it catches
# what a driver can do wrong, acted out by tests/driver_faults.c. Short leaves out all faults but
# wrong numbers and a hang.
set -u
. "${srcdir:-.}/tests/tap.sh"
here=$(cd "${srcdir:-.}" && pwd)
cd "$scratch" || exit 1

check "the layer that acts out faults builds" $HCNN_CC -shared -fPIC "$here/tests/driver_faults.c" \
    -o faults.so

# An empty cache of verdicts and programs; PoCL's cache of kernels stays.
forget() {
    XDG_CACHE_HOME=$scratch/cache-$count
    export XDG_CACHE_HOME
}
# The options of a short training into a new run.
brief() {
    echo "--backbone tiny --seed 1 --max-steps 5 --run run-$count"
}
# check_fault NAME CODE PATTERN FAULT [OPTION]...: a case that trains with a fault and empty caches,
# and whose output has to match the pattern.
check_fault() {
    forget
    check_fault_again "$@"
}
# The same with the caches of the case before.
check_fault_again() {
    fault_name=$1 fault_code=$2 fault_pattern=$3
    OPENCL_LAYERS=$scratch/faults.so
    HCNN_FAULT=$4
    export OPENCL_LAYERS HCNN_FAULT
    shift 4
    check_run "$fault_name" "$fault_code" "$fault_pattern" train $(brief) "$@"
    unset OPENCL_LAYERS HCNN_FAULT
}
# check_limited NAME PATTERN LIMIT: a failure under a limit of the shell is an error and no verdict.
check_limited() {
    if ! "$HCNN_CL" devices | grep -q 'Portable Computing Language'; then
        skip "$1" "for PoCL"
        return
    fi
    printf '#!/bin/sh\nulimit -%s\nexec "%s" "$@"\n' "$3" "$HCNN_CL" >limited
    chmod +x limited
    all=$HCNN_CL HCNN_CL=$scratch/limited
    check_fault "$1" 2 "$2" build:implicit_gemm
    HCNN_CL=$all
    check "... is no verdict" sh -c "! grep -q '\"passed\": false' '$(verdicts)'"
}
verdicts() {
    find "$XDG_CACHE_HOME" -name 'selftest-*.json'
}
# Processes of hcnn-cl that still run here.
left_over() {
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/exe")" != "$HCNN_CL" ] ||
            [ "$(readlink "$process/cwd")" != "$PWD" ] || echo "$process"
    done
}
loss() {
    sed -n 's/^step 5 .* loss \([0-9.]*\) .*/\1/p' "$scratch/out"
}

# ---- By itself ----

forget
check_run "the first training" 0 '^stopped after step 5' train $(brief)
right=$(loss)
check "... has a loss" [ -n "$right" ]
check "... tests what the network runs" grep -q '"fp32 [a-z0-9_]* weights": {' "$(verdicts)"
check "... and nothing that it does not run" sh -c "! grep -q fp16 '$(verdicts)'"
cp "$(verdicts)" first
check_run "the second" 0 '^stopped after step 5' train $(brief)
check "... tests nothing again" cmp first "$(verdicts)"
sed 's/"passed": true/"passed": false/' first >"$(verdicts)"
check_run "a verdict is heeded" 1 'fails the self-test in fp32 .*, which nothing can replace' \
    train $(brief)
check_run "... unless --no-selftest is given" 0 '^stopped after step 5' train $(brief) --no-selftest
HCNN_SELFTEST=no
export HCNN_SELFTEST
check_run "HCNN_SELFTEST has two values" 2 'HCNN_SELFTEST=no: expected 0 or 1' train $(brief)
HCNN_SELFTEST=0
check_run "... of which 0 switches it off" 0 '^stopped after step 5' train $(brief)
unset HCNN_SELFTEST

# ---- Faults of a driver ----

check_fault "wrong numbers are noticed" 0 \
    'leaves out fp32 implicit_gemm forward, .*: its result is wrong by .* of the largest value' \
    wrong:implicit_gemm_forward:2
check "... and the driver is named" grep -q '(device .*, driver ' "$scratch/out"
check "... and another algorithm computes the same" [ "$(loss)" = "$right" ]
OPENCL_LAYERS=$scratch/faults.so
HCNN_FAULT=wrong:implicit_gemm_forward:2
export OPENCL_LAYERS HCNN_FAULT
check_run "--no-selftest tests nothing" 0 '^stopped after step 5' train $(brief) --no-selftest
check "... and still leaves out what is known to be wrong" [ "$(loss)" = "$right" ]
HCNN_CONV=gemm
export HCNN_CONV
check_run "a forced family that is wrong is named at each start" 0 \
    'leaves out fp32 implicit_gemm forward' train $(brief)
unset HCNN_CONV OPENCL_LAYERS HCNN_FAULT
HCNN_SELFTEST_SECONDS=8
export HCNN_SELFTEST_SECONDS
check_fault "a build that hangs is noticed" 0 \
    'leaves out fp32 implicit_gemm forward, .*: the driver did not finish it within 8 seconds' \
    hang:implicit_gemm
check "... and no process stays" [ -z "$(left_over)" ]
forget
OPENCL_LAYERS=$scratch/faults.so HCNN_FAULT=hang:implicit_gemm HCNN_SELFTEST_SECONDS=60 "$HCNN_CL" \
    train $(brief) >out 2>err &
for _ in 1 2 3 4 5 6 7 8 9 10; do
    sleep 1
    [ "$(left_over | wc -l)" -lt 2 ] || break
done
sleep 1
kill -TERM $!
wait $!
check "one that is stopped" [ $? -eq 130 ]
check "... says only that" says "hcnn-cl: the self-test was stopped" grep hcnn-cl: err
HCNN_SELFTEST_SECONDS=0
check_run "HCNN_SELFTEST_SECONDS has bounds" 2 'expected a number from 1 to 86400' selftest --quick
unset HCNN_SELFTEST_SECONDS
if ! is_short; then
    check_fault "NaN is noticed" 0 \
        'leaves out fp32 implicit_gemm data, .*: its result has a NaN' nan:implicit_gemm_backward_data:2
    check "... and another algorithm computes the same" [ "$(loss)" = "$right" ]
    check_fault "a build that fails is noticed" 0 \
        'leaves out fp32 implicit_gemm weights, .*: .*implicit_gemm.cl does not build' \
        build:implicit_gemm
    check "... and another algorithm computes the same" [ "$(loss)" = "$right" ]
    check_fault_again "... and stays if it fails again" 0 \
        'weights, .*implicit_gemm.cl does not build.*hcnn-cl selftest. tests it' build:implicit_gemm
    check "... for good" sh -c "! grep -q suspected '$(verdicts)'"
    check_limited "a limit of files" 'its cache directory .* takes no file of 4 MiB .File too large' \
        'f 2000'
    check_limited "too few open files" 'may open only 40 files.*raise .ulimit -n' 'n 40'
    check_fault "a crash is noticed" 0 \
        'leaves out fp32 implicit_gemm forward, .*: it was ended by signal 6' crash:implicit_gemm
    check "... and suspected" grep -q '"suspected": true' "$(verdicts)"
    check_run "... until the next start tests it again" 0 '^stopped after step 5' train $(brief)
    check "... which passes" sh -c "grep -A1 '\"fp32 implicit_gemm forward\"' '$(verdicts)' | grep true"
    check_fault "a killed process" 1 \
        'was killed by signal 9 in fp32 [a-z0-9_]* [a-z]*, as .* start again' kill:implicit_gemm
    check "... is no verdict" sh -c "! grep -q '\"passed\": false' '$(verdicts)'"
    check_fault "a driver that exits is noticed" 0 \
        'leaves out fp32 implicit_gemm forward, .*: it failed with exit code 8' exit:implicit_gemm
    check_fault "a device that fails for good after a fault is opened again" 0 \
        'leaves out fp32 implicit_gemm data, .*: CL_OUT_OF_RESOURCES' \
        poison:implicit_gemm_backward_data
    check "... and another algorithm computes the same" [ "$(loss)" = "$right" ]
    check_fault "too little memory is not the kernel's fault" 1 \
        'needs more memory for fp32 implicit_gemm data: .*--no-selftest runs all the same' \
        memory:implicit_gemm_backward_data
    check "... and no verdict" sh -c "! grep -q 'implicit_gemm data' '$(verdicts)'"
    check_fault "what a driver prints does not mix up the checks" 0 '^stopped after step 5' noise
    check "... which all pass" sh -c "! grep -q '\"passed\": false' '$(verdicts)'"
    check_fault "what nothing can replace is refused" 1 \
        'fails the self-test in fp32 batchnorm.*, which nothing can replace: its result has a NaN' \
        nan:batchnorm_normalise:7
    check "... without a run" [ ! -e "run-$count" ]
    check_fault "... unless --no-selftest is given" 1 'the loss of step 1 is not finite' \
        nan:batchnorm_normalise:7 --no-selftest
fi

# ---- The command ----

forget
check_run "a quick one in JSON" 0 '^\{"device":".*"failed":0,.*"check":"fp16 [^}]*"passed":true' \
    selftest --device "$HCNN_DEVICE" --quick --json
check "... in bf16 too" grep -q '"check":"bf16 [^}]*"passed":true' "$scratch/out"
check_run "--quick and --full" 2 'quick has no effect with --full' selftest --quick --full
check_run "an unknown device" 2 "no device matches 'nothing'" selftest --device nothing
check_run "the process of checks is not for people" 2 'is started by the self-test' selftest-checks
check_run "... and knows its checks" 2 "has no check 'fp32 nothing'" \
    selftest-checks "$HCNN_DEVICE" fp32 1 'fp32 nothing'
finish
