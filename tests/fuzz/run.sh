#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes each target, or only the named ones, for some seconds each, and prints a table. `make
# check-fuzz` runs this:
#
#   FUZZ_SECONDS=60 srcdir=. sh tests/fuzz/run.sh tests/fuzz/fuzz [TARGET]...
#
# FUZZ_JOBS targets run at a time, by default one per processor.
#
# Useful new inputs are written to work/TARGET beside the program. Inputs that reveal a fault (a
# crash, a condition that does not hold, a leak, undefined behaviour, too much memory or time) are
# written to found/TARGET-* and named in the output; the exit code is then 1.
set -eu

program=$1
shift
seconds=${FUZZ_SECONDS:-5}
jobs=${FUZZ_JOBS:-$(getconf _NPROCESSORS_ONLN)}
corpus=${srcdir:-.}/tests/fuzz/corpus
build=$(cd "$(dirname "$program")" && pwd)
program=$build/$(basename "$program")

scratch=$(mktemp -d "${TMPDIR:-/tmp}/hcnn-fuzz-run-XXXXXX")
memory=$scratch
[ ! -w /dev/shm ] || memory=$(mktemp -d /dev/shm/hcnn-fuzz-run-XXXXXX)
trap 'rm -rf "$scratch" "$memory"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$build/found"

# Limits on a single block of memory and on all memory, in MB, and on seconds per input. Exceeding
# one is a fault, whatever the machine has.
MALLOC_MB=512
RSS_MB=2048
TIMEOUT=10

# Fuzzes one target; its row of the table and, if it found something, what that was stay in $scratch.
fuzz() {
    name=$1
    longest=$2
    log=$scratch/$name.log
    mkdir -p "$build/work/$name" "$memory/files/$name"
    ln -s "$program" "$scratch/$name"
    before=$(ls "$build/found" | grep -c "^$name-" || true)
    TMPDIR=$memory/files/$name "$scratch/$name" -max_total_time="$seconds" -max_len="$longest" \
        -timeout=$TIMEOUT -rss_limit_mb=$RSS_MB -malloc_limit_mb=$MALLOC_MB \
        -artifact_prefix="$build/found/$name-" -print_final_stats=1 -verbosity=1 \
        "$build/work/$name" "$corpus/$name" >"$log" 2>&1 || true
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    found=$(($(ls "$build/found" | grep -c "^$name-" || true) - before))
    # A program that did not finish has found something, too.
    if [ "$found" -gt 0 ] || ! grep -q '^Done ' "$log"; then
        [ "$found" -gt 0 ] || found=1
        sed -n '/^==\|ERROR\|runtime error\|does not hold\|Test unit written\|^ *#[0-9]* /p' \
            "$log" | head -n 40 >"$scratch/$name.found"
    fi
    printf '%-16s %12s %6s\n' "$name" "${executions:--}" "$found" >"$scratch/$name.row"
}

"$program" --list >"$scratch/targets"
names=
running=0
while read -r name longest; do
    [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    echo "fuzz: $name, $seconds seconds"
    names="$names $name"
    fuzz "$name" "$longest" &
    # They all take the same time.
    running=$((running + 1))
    [ $((running % jobs)) -ne 0 ] || wait
done <"$scratch/targets"
wait

failed=0
for name in $names; do
    [ ! -e "$scratch/$name.found" ] || { failed=1 && cat "$scratch/$name.found"; }
    cat "$scratch/$name.row" >>"$scratch/table" || failed=1
done
printf '\n%-16s %12s %6s\n' target executions found
cat "$scratch/table"
[ $failed -eq 0 ] || echo "the inputs are in $build/found"
exit $failed
