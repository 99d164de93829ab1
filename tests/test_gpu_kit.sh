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

# ---- What its parts do ----

# parts COMMANDS: runs commands in bash after the kit's parts, with programs made up here instead of
# those of the kit, and with one second for each.
mkdir -p "$scratch/made-up/bin" "$scratch/work/cache/hcnn-cl"
cat >"$scratch/parts" <<'END'
set -u -o pipefail
kit=$scratch/made-up out=$scratch/parts-results work=$scratch/work
deadline=100 shares='1 1' quick=yes kind=cpu failures=0 running= library_path=
. "$scratch/gpu-kit/parts/report.sh"
. "$scratch/gpu-kit/parts/steps.sh"
limit() { echo 1; }
begin_reports
END
parts() {
    code=0
    { cat "$scratch/parts"; echo "$1"; } |
        scratch=$scratch bash >"$scratch/out" 2>"$scratch/err" || code=$?
}

# made_up NAME TEXT COMMAND: a program that prints a text.
made_up() {
    printf '#!/bin/sh\ncat <<END\n%s\nEND\n%s\n' "$2" "$3" >"$scratch/made-up/bin/$1"
    chmod +x "$scratch/made-up/bin/$1"
}

good='fp32 bias                  1.5e-08    2.0e-06    0.01  passed'
bad='fp32 gemm                  1.0e+00    2.0e-06    0.01  FAILED: wrong'
# shellcheck disable=SC2016 # expanded by parts
steps='step_selftest; step_test made_up 1 20; echo "$failures failures"'
made_up hcnn-cl "$good" "exec sleep 20"
made_up test_made_up '[ RUN      ] test_one
[       OK ] test_one
[ RUN      ] test_two' "exec sleep 20"
parts "$steps"
check "a step that is stopped is not a failure" answered 0 '^0 failures'
check "... and names the case that ran" grep -q '"result": "stopped".*"first": "test_two"' \
    "$scratch/parts-results/report.jsonl"
made_up hcnn-cl "$good
$bad" "exec sleep 20"
made_up test_made_up '[ RUN      ] test_one
[  FAILED  ] test_one
[ RUN      ] test_two' "exec sleep 20"
parts "$steps"
check "a step that is stopped after a failed check is a failure" answered 0 '^2 failures'
check "... and names the case that failed" grep -q '"result": "stopped".*"first": "test_one"' \
    "$scratch/parts-results/report.jsonl"
check "... and the report has it" \
    grep -q 'stopped after .* when 1 had failed' "$scratch/parts-results/report.md"

# shellcheck disable=SC2016 # expanded by parts
parts 'TMPDIR=/scratch/alice/ work=/scratch/alice/hcnn-kit-1
    echo "$out/a $kit/b $work/c /scratch/alice/d ${HOME%/}/e" | anonymous'
check "paths become words" answered 0 '^RESULTS/a KIT/b WORK/c TMPDIR/d HOME/e$'
parts 'TMPDIR=/ HOME=/; echo /usr/lib | anonymous'
check "... but not every slash" answered 0 '^/usr/lib$'

touch "$scratch/work/cache/hcnn-cl/tune-1.json" "$scratch/work/cache/hcnn-cl/bias-1.bin" \
    "$scratch/work/cache/hcnn-cl/bias-1-build.log"
# shellcheck disable=SC2016 # expanded by parts
parts 'keep_findings; ls "$out/found"'
check "the results have the tuning and the logs of builds" \
    test "$(paste -sd' ' "$scratch/out")" = 'bias-1-build.log tune-1.json'

finish
