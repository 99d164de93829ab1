# SPDX-License-Identifier: Apache-2.0
# What the script tests share: cases of TAP, and a run of a program with its answers. Sourced.
#
#   . "${srcdir:-.}/tests/tap.sh"
#   run_program devices --json          # sets code; leaves $scratch/out and $scratch/err
#   check "lists the devices" [ "$code" -eq 0 ]
#   finish                              # the plan, and the exit code

count=0
failures=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/hcnn-test-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# check NAME COMMAND...: one case, which passes if the command succeeds.
check() {
    count=$((count + 1))
    case_name=$1
    shift
    if "$@" >"$scratch/check" 2>&1; then
        echo "ok $count - $case_name"
        return 0
    fi
    failures=$((failures + 1))
    echo "not ok $count - $case_name"
    echo "# failed: $*"
    sed 's/^/# /' "$scratch/check"
    [ ! -f "$scratch/err" ] || sed 's/^/# stderr: /' "$scratch/err" | head -n 20
    return 0
}

# skip NAME REASON: one case that cannot be tried here.
skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# Whether the script is to leave out what its head names: a second run of the same program, with
# sanitizers (HCNN_TEST_SHORT=yes, .ci/run).
is_short() {
    [ "${HCNN_TEST_SHORT-no}" = yes ]
}

# Runs hcnn-cl; code is its exit code.
run_program() {
    code=0
    "${HCNN_CL:-./hcnn-cl}" "$@" >"$scratch/out" 2>"$scratch/err" || code=$?
}

# check_run NAME CODE PATTERN ARGUMENT...: hcnn-cl ARGUMENT... exits with CODE, and its two streams
# together hold the extended regular expression.
check_run() {
    run_name=$1
    run_code=$2
    run_pattern=$3
    shift 3
    run_program "$@"
    check "$run_name" answered "$run_code" "$run_pattern"
}

answered() {
    if [ "$code" -ne "$1" ]; then
        echo "exit code $code, not $1"
        return 1
    fi
    if ! cat "$scratch/out" "$scratch/err" | grep -Eq -e "$2"; then
        echo "neither stream holds: $2"
        cat "$scratch/out"
        return 1
    fi
}

# says_nothing COMMAND..., says EXPECTED COMMAND...: what a command writes.
says_nothing() {
    answer=$("$@")
    echo "$answer"
    [ -z "$answer" ]
}

says() {
    expected=$1
    shift
    answer=$("$@")
    echo "expected: $expected"
    echo "got:      $answer"
    [ "$answer" = "$expected" ]
}

# What a command writes, on one line.
words_of() {
    "$@" | sort | tr '\n' ' ' | sed 's/ $//'
}

is_empty() {
    [ ! -s "$1" ]
}

# The tensors of a checkpoint, without the header, which holds the metrics file's length and so the
# number of digits in a time.
tensors() {
    header=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    tail -c "+$((header + 9))" "$1"
}
same_tensors() {
    tensors "$1" >"$scratch/a" && tensors "$2" >"$scratch/b" && [ -s "$scratch/a" ] &&
        cmp "$scratch/a" "$scratch/b"
}

# The lines of steps in a run's metrics.
step_lines() {
    grep '^{"step"' "$1"
}

finish() {
    echo "1..$count"
    [ "$failures" -eq 0 ]
}
