#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The kit that `make gpu-kit` packs (tests/gpu/): what is in it, and what its ./run says. A whole run
# takes minutes and is not done here. Short leaves out everything, because it is the same scripts
# whatever the build.
set -u
. "${srcdir:-.}/tests/tap.sh"

if is_short; then
    skip "the kit" "HCNN_TEST_SHORT"
    finish
    exit
fi
if ! command -v bash >/dev/null || [ "$(uname -sm)" != 'Linux x86_64' ]; then
    skip "the kit" "it needs bash and Linux on x86-64"
    finish
    exit
fi

kit=$scratch/gpu-kit
XZ_OPT=-0
export XZ_OPT

# missing_libraries: prints each library that a program of the kit needs, and that is neither in the kit
# nor part of libc.
missing_libraries() {
    find "$kit/bin" "$kit/lib" -type f -exec objdump -p {} + |
        sed -n 's/^ *NEEDED *//p' | sort -u | while read -r name; do
        case $name in
        libc.so.6 | libdl.so.2 | libm.so.6 | libpthread.so.0 | librt.so.1 | ld-linux-x86-64.so.2) ;;
        *) [ -e "$kit/lib/$name" ] || echo "$name is missing" ;;
        esac
    done
}

drivers_in_kit() {
    find "$kit/lib" | grep -E '/lib(pocl|nvidia|amd|igdrcl|LLVM|c\.so|m\.so)'
}

small_enough() {
    kilobytes=$(du -sk --apparent-size "$kit" | cut -f1)
    echo "$kilobytes KiB"
    [ "$kilobytes" -lt $((60 * 1024)) ]
}

# run_kit ARGUMENT...: sets code, leaves $scratch/out and $scratch/err.
run_kit() {
    code=0
    "$kit/run" --out "$scratch/results" "$@" >"$scratch/out" 2>"$scratch/err" || code=$?
}

# ---- What is packed ----

check "a kit is packed" "${srcdir:-.}/tests/gpu/pack" "$kit" add network
check "... and an archive of it" \
    sh -c "tar -tf '$kit.tar.xz' | grep -qx 'gpu-kit/bin/test_network'"
check "it has every library that its programs need" says_nothing missing_libraries
check "... with the OpenCL loader and the C++ library" \
    test -f "$kit/lib/libOpenCL.so.1" -a -f "$kit/lib/libstdc++.so.6"
check "... but neither libc nor a driver" says_nothing drivers_in_kit
check "it is below 60 MiB" small_enough
rm "$kit/lib/libstdc++.so.6"
check "a library that is missing is found" \
    says 'libstdc++.so.6 is missing' missing_libraries
check "a test that was not built is refused" \
    sh -c "! '${srcdir:-.}/tests/gpu/pack' '$scratch/other' not_a_test 2>/dev/null"

# ---- What ./run says ----

run_kit --help
check "--help" answered 0 '^Usage: \./run '
run_kit --fast
check "an unknown option" answered 2 'unknown option --fast'
run_kit --minutes soon
check "minutes that are not a number" answered 2 '\-\-minutes needs a whole number'
run_kit --device
check "a missing value" answered 2 '\-\-device needs a value'

OCL_ICD_VENDORS=$scratch/no-drivers
OCL_ICD_FILENAMES=
export OCL_ICD_VENDORS OCL_ICD_FILENAMES
mkdir "$OCL_ICD_VENDORS"
run_kit
check "without a driver it says what to install" answered 1 'NVIDIA  libnvidia-opencl.so.1'
check "... and the report says why" grep -q '^No OpenCL device can be used: ' "$scratch/results/report.md"
check "... and so does its JSON" \
    grep -q '^{"step": "devices", "result": "failed", .*"why": "' "$scratch/results/report.jsonl"
check "the reports have no path of this machine" \
    sh -c "! grep -F -e '$scratch' -e '$PWD' '$scratch/results/report.md' '$scratch/results/report.jsonl'"

finish
