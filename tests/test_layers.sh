#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The structure of the tree: each floor of src/ includes only the floors that its line below allows,
# each operation has three files with the same name, and Makefile.am lists every file.
set -u
. "${srcdir:-.}/tests/tap.sh"

# Each floor and the floors that it may include besides itself, lowest first. A floor may name only
# floors of the lines above its own, so there are no cycles.
floors="
base:
device:   base
ops:      base device
data:     base
model:    base device ops data
selftest: base device ops model
track:    base data
sweep:    base track
measure:  base device data model selftest track
ranks:    base device model measure
tune:     base device ops model
train:    base device ops data model selftest track measure ranks tune
library:  base device ops data selftest measure train
mpi:      base ranks
commands: base device ops data model selftest track sweep measure ranks tune train mpi
"

# find_cycles FLOORS: prints each entry of the list that names a floor not above it.
find_cycles() {
    echo "$1" | awk '
        NF {
            name = $1; sub(/:$/, "", name)
            for (i = 2; i <= NF; i++)
                if (!($i in known))
                    print name ": " $i " is not above it"
            known[name] = 1
        }'
}

# find_wrong_includes DIRECTORY: prints "FILE:LINE: what is wrong" for every #include that the list
# does not allow. src/main.c may include every floor.
find_wrong_includes() {
    (cd "$1" && find src -name '*.[ch]' | sort | xargs grep -n '^ *# *include *"' /dev/null) |
        awk -v floors="$floors" '
        BEGIN {
            count = split(floors, lines, "\n")
            for (i = 1; i <= count; i++) {
                fields = split(lines[i], words, " ")
                if (!fields)
                    continue
                sub(/:$/, "", words[1])
                known[words[1]] = 1
                for (j = 1; j <= fields; j++)
                    allowed[words[1], words[j]] = 1
            }
        }
        {
            file = $0; sub(/:.*/, "", file)
            line = $0; sub(/^[^:]*:/, "", line); sub(/:.*/, "", line)
            included = $0; sub(/^[^"]*"/, "", included); sub(/".*/, "", included)
            from = file; sub(/^src\//, "", from)
            top = index(from, "/") == 0; sub(/\/.*/, "", from)
            to = included; sub(/\/.*/, "", to)
            if (!top && !(from in known))
                print file ":" line ": is not on a floor"
            else if (included == "config.h" || (included == "hcnn.h" && from == "library"))
                next
            else if (!(to in known))
                print file ":" line ": \"" included "\" does not name its floor"
            else if (!top && !((from, to) in allowed))
                print file ":" line ": " from " may not include \"" included "\""
        }'
}

# find_incomplete_operations DIRECTORY: prints the missing files of each kernels/NAME.cl, except for
# what only other kernels include.
find_incomplete_operations() {
    for path in "$1"/kernels/*.cl; do
        name=$(basename "$path" .cl)
        case $name in common | matrix_unit | panel) continue ;; esac
        [ -f "$1/src/ops/$name.c" ] || echo "kernels/$name.cl: src/ops/$name.c is missing"
        [ -f "$1/tests/test_$name.c" ] || echo "kernels/$name.cl: tests/test_$name.c is missing"
    done
}

# find_unchecked_operations DIRECTORY: prints each kernels/NAME.cl of which the table of the self-test
# has no check NAME or NAME_PART. The self-test runs the algorithms of convolutions by themselves.
find_unchecked_operations() {
    for path in "$1"/kernels/*.cl; do
        name=$(basename "$path" .cl)
        case $name in
        common | matrix_unit | panel | peak) continue ;;
        conv1x1 | direct | im2col | implicit_gemm | tensor_gemm | tiled_gemm | winograd) continue ;;
        esac
        grep -Eqs "^ *\\{\"$name(_[a-z]+)*\"," "$1/src/selftest/operation_checks.c" ||
            echo "kernels/$name.cl: src/selftest/operation_checks.c has no check of it"
    done
}

# find_unlisted_files DIRECTORY: prints each file that Makefile.am does not list. Such a file would be
# neither built nor in the tarball.
find_unlisted_files() {
    (
        cd "$1" || exit 1
        for path in src/*/*.[ch] kernels/*.cl tests/test_*.c tests/test_*.sh tests/golden/*; do
            case $path in
            src/device/kernel_sources.c | src/*/*.pb-c.[ch] | src/track/report_page.c)
                continue ;; # generated
            tests/test_*.c) listed=${path%.c} ;;
            *) listed=$path ;;
            esac
            [ ! -f "$path" ] || grep -Eq "^	$listed( |\$)" Makefile.am ||
                echo "$path is not in Makefile.am"
        done
    )
}

# find_moved_functions DIRECTORY: prints each function that docs/data-way.txt attributes to a file
# that does not define it.
find_moved_functions() {
    sed -n '/^#/d; s/^.*|//p' "$1/docs/data-way.txt" | tr -s ' ' '\n' | grep . |
        while IFS=@ read -r name file; do
            grep -Eqs "^([a-z].*[ *])?$name\\(" "$1/$file" ||
                echo "docs/data-way.txt: $file does not define $name"
        done
}

root=${srcdir:-.}
check "the list of floors has no cycles" says_nothing find_cycles "$floors"
check "each floor includes only the floors of its line" says_nothing find_wrong_includes "$root"
check "each kernel has an operation and a test" says_nothing find_incomplete_operations "$root"
check "each operation has a check in the self-test" says_nothing find_unchecked_operations "$root"
check "docs/data-way.txt names the right files" says_nothing find_moved_functions "$root"
# find_ignored_files DIRECTORY: prints files in the repository that .gitignore excludes.
find_ignored_files() {
    (cd "$1" && git ls-files -ci --exclude-standard 2>/dev/null)
}
check "no generated file is in the repository" \
    says_nothing find_ignored_files "${srcdir:-.}"

check "Makefile.am lists every file" says_nothing find_unlisted_files "$root"

# The checks can fail: a small tree with one fault of each kind.
check "a cycle is found" says 'base: ops is not above it' find_cycles 'base: ops
ops: base'
bad=$scratch/bad
mkdir -p "$bad/src/base" "$bad/src/ops" "$bad/src/attic" "$bad/kernels" "$bad/tests"
printf '#include "base/a.h"\n#include <stdio.h>\n#include "device/b.h"\n' >"$bad/src/base/a.c"
check "an include that the list does not allow is found" \
    says 'src/base/a.c:3: base may not include "device/b.h"' find_wrong_includes "$bad"
printf '#include "b.h"\n' >"$bad/src/base/a.c"
check "an include without its floor is found" \
    says 'src/base/a.c:1: "b.h" does not name its floor' find_wrong_includes "$bad"
printf '#include "base/a.h"\n' >"$bad/src/base/a.c"
printf '#include "base/a.h"\n' >"$bad/src/attic/c.c"
check "a directory that is not a floor is found" \
    says 'src/attic/c.c:1: is not on a floor' find_wrong_includes "$bad"
rm "$bad/src/attic/c.c"
printf '#include "hcnn.h"\n' >"$bad/src/ops/a.c"
check "an include of hcnn.h outside the library is found" \
    says 'src/ops/a.c:1: "hcnn.h" does not name its floor' find_wrong_includes "$bad"
rm "$bad/src/ops/a.c"
mkdir "$bad/src/library"
printf '#include "hcnn.h"\n#include "commands/c.h"\n' >"$bad/src/library/a.c"
check "an include of a command in the library is found" \
    says 'src/library/a.c:2: library may not include "commands/c.h"' find_wrong_includes "$bad"
: >"$bad/kernels/common.cl"
: >"$bad/kernels/relu.cl"
: >"$bad/src/ops/relu.c"
check "a kernel without a test is found" \
    says 'kernels/relu.cl: tests/test_relu.c is missing' find_incomplete_operations "$bad"
check "an operation without a check is found" \
    says 'kernels/relu.cl: src/selftest/operation_checks.c has no check of it' \
    find_unchecked_operations "$bad"
mkdir "$bad/docs"
echo 'host | a step | relu_forward@src/ops/relu.c' >"$bad/docs/data-way.txt"
check "a function that is not in the documented file is found" \
    says 'docs/data-way.txt: src/ops/relu.c does not define relu_forward' find_moved_functions "$bad"
printf '\tsrc/ops/relu.c \\\n\tkernels/common.cl\n' >"$bad/Makefile.am"
rm -r "$bad/src/base/a.c" "$bad/src/library"
check "a file that Makefile.am does not list is found" \
    says 'kernels/relu.cl is not in Makefile.am' find_unlisted_files "$bad"

finish
