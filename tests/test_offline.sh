#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The list of programs that tests/offline/run compiles for GPUs, and how it compares figures. The
# compilers themselves are not needed here.
set -u
. "${srcdir:-.}/tests/tap.sh"
offline=${srcdir:-.}/tests/offline

# The programs; the files left out are parts of others.
kernel_files() {
    for path in "${srcdir:-.}"/kernels/*.cl; do
        basename "$path" .cl
    done | grep -vxE "common|matrix_unit|panel"
}

# programs KIND: the second word of each line of the list, each once.
programs() {
    "$offline/programs" "$1" | cut -d ' ' -f 2 | sort -u
}

labels() {
    "$offline/programs" "$1" | cut -d ' ' -f 1
}

# Programs that have definitions or are built as ":fp32" must not also be built without: the list
# cannot tell such a program's name from an algorithm's.
varied_programs() {
    sed -n 's/:[0-9].*//p' "$scratch/all"
    grep -hoE '"[a-z0-9_]+:fp32' "${srcdir:-.}"/src/ops/*.[ch] | sed 's/^"//; s/:fp32//'
}

# find_plain_launches DIRECTORY PROGRAM...
find_plain_launches() {
    cat "$1"/*.c | tr -d '\n' >"$scratch/sources"
    shift
    for name in "$@"; do
        grep -oE "(LAUNCH|kernel_launch)\( *[a-z>.-]+, *\"$name\"," "$scratch/sources"
    done
}

# The list reads the literals of the library, which link-time optimization hides.
if grep -q -e '-DVEC=' .libs/libfloors.a && command -v strings >/dev/null; then
    labels spirv-cpu >"$scratch/all"
    labels amd >"$scratch/amd"
    labels nvidia >"$scratch/nvidia"
    check "the list for CPUs names each kernel file" says "$(words_of kernel_files)" \
        words_of programs spirv-cpu
    check "the list for NVIDIA names each but those of CPUs" \
        says "$(kernel_files | grep -vx implicit_gemm | sort | tr '\n' ' ' | sed 's/ $//')" \
        words_of programs nvidia
    check "tiles are in the list" grep -qx 'tiled_gemm:128x64x8x8x16' "$scratch/amd"
    check "halves are in the list" grep -qx 'tiled_gemm:128x64x8x8x16:half' "$scratch/amd"
    check "bfloat16 is in the list" grep -qx 'tiled_gemm:128x64x8x8x16:bf16' "$scratch/amd"
    check "both tiles of Winograd are in the list" \
        says '2 4 ' eval "sed -n 's/^winograd:\([0-9]\)$/\1/p' '$scratch/amd' | tr '\n' ' '"
    check "no program is listed without its definitions" \
        says_nothing grep -xE 'winograd|tiled_gemm|direct|peak' "$scratch/amd"
    check "a program that is always built for floats is not listed for halves" \
        says weight_standardise grep '^weight_standardise' "$scratch/amd"
    check "tensor cores are NVIDIA's" grep -q '^tensor_gemm:' "$scratch/nvidia"
    check "tensor cores are not AMD's" says_nothing grep '^tensor_gemm' "$scratch/amd"
    check "no label is twice in the list" says_nothing uniq -d "$scratch/nvidia"
    # shellcheck disable=SC2046 # one word a program
    check "no program is built both with and without definitions" \
        says_nothing find_plain_launches "${srcdir:-.}/src/ops" $(varied_programs | sort -u)
else
    skip "the list of programs" "strings is missing, or the library has no literals"
fi
mkdir "$scratch/ops"
printf 'LAUNCH(\n    dev, "blur", "blur_forward");\n' >"$scratch/ops/blur.c"
check "a program without definitions is found" \
    says 'LAUNCH(    dev, "blur",' find_plain_launches "$scratch/ops" blur

# ---- The comparison with a table ----

# write_table FILE ROW...: a table with the given rows.
write_table() {
    table=$1
    shift
    printf '# a compiler\n# program kernel registers spills scratch local\n' >"$table"
    printf '%s\n' "$@" >>"$table"
}

compare() {
    awk -f "$offline/compare.awk" "$scratch/old" "$scratch/new"
}

# compared NAME CODE PATTERN: a case that passes if the comparison exits with CODE and prints a line
# that matches.
compared() {
    code=0
    compare >"$scratch/out" 2>"$scratch/err" || code=$?
    check "$1" answered "$2" "$3"
}

write_table "$scratch/old" 'gemm:8 forward 100 3 64 1024' 'bias add 20 0 0 0'
cp "$scratch/old" "$scratch/new"
compared "equal tables" 0 '^0 failures, 0 other changes'
write_table "$scratch/new" 'gemm:8 forward 100 4 64 1024' 'bias add 20 0 0 0'
compared "more spills" 1 '^FAILED: gemm:8 forward: spills 4, in the table 3$'
write_table "$scratch/new" 'gemm:8 forward 100 3 64 1024' 'bias add 20 0 16 0'
compared "a kernel that begins to need scratch memory" 1 \
    '^FAILED: bias add: scratch 16, in the table 0$'
write_table "$scratch/new" 'gemm:8 forward 100 3 64 0' 'bias add 20 0 0 0'
compared "a kernel that loses its local memory" 1 \
    '^FAILED: gemm:8 forward: local 0, in the table 1024$'
write_table "$scratch/new" 'gemm:8 forward 140 2 0 2048' 'bias add 20 0 0 0'
compared "more registers and fewer spills" 0 \
    '^changed: gemm:8 forward: registers 100 -> 140, spills 3 -> 2, scratch 64 -> 0, local 1024 -> 2048$'
write_table "$scratch/new" 'gemm:8 forward 100 3 64 1024' 'bias add 20 0 0 0' 'mix mixup 9 0 0 0'
compared "a new kernel" 0 '^changed: mix mixup: which is not in the table$'
write_table "$scratch/new" 'gemm:8 forward 100 3 64 1024' 'bias add 20 0 0 0' 'mix mixup 9 1 0 0'
compared "a new kernel that spills" 1 '^FAILED: mix mixup: spills 1, in the table 0$'
write_table "$scratch/new" 'gemm:8 forward 100 3 64 1024'
compared "a kernel that is gone" 0 '^changed: bias add: only in the table$'
sed 's/a compiler/another/' "$scratch/old" >"$scratch/new"
compared "another compiler" 0 '^changed: the table is of a compiler; this is another$'

# ---- The command line ----

# refused NAME PATTERN ARGUMENT...
refused() {
    name=$1
    pattern=$2
    shift 2
    code=0
    "$offline/run" "$@" >"$scratch/out" 2>"$scratch/err" || code=$?
    check "$name" answered 2 "$pattern"
}
refused "no vendor" '^Usage:'
refused "an unknown vendor" 'unknown vendor matrox' matrox
refused "an unknown target" 'unknown target sm_10; nvidia has sm_80 sm_90' nvidia sm_10
refused "an unknown option" 'unknown option --fast' --fast amd

finish
