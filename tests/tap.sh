# SPDX-License-Identifier: Apache-2.0
# Sourced by the script tests: reports cases in TAP, runs hcnn-cl and checks its output.
#
#   . "${srcdir:-.}/tests/tap.sh"
#   run_program devices --json          # sets code; leaves $scratch/out and $scratch/err
#   check "lists the devices" [ "$code" -eq 0 ]
#   finish                              # prints the plan; its status is the exit code

count=0
failures=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/hcnn-test-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

# check NAME COMMAND...: a case that passes if the command succeeds.
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

# skip NAME REASON: a case that cannot run here.
skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# Whether to leave out the cases that the comment at the head of the script names. .ci/run sets
# HCNN_TEST_SHORT=yes for its second pass, with sanitizers.
is_short() {
    [ "${HCNN_TEST_SHORT-no}" = yes ]
}

# run_program ARGUMENT...: runs hcnn-cl and sets code to its exit code.
run_program() {
    code=0
    "${HCNN_CL:-./hcnn-cl}" "$@" >"$scratch/out" 2>"$scratch/err" || code=$?
}

# check_run NAME CODE PATTERN ARGUMENT...: a case that passes if hcnn-cl ARGUMENT... exits with CODE
# and one of its two streams matches the extended regular expression.
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
        echo "exit code $code, expected $1"
        return 1
    fi
    if ! cat "$scratch/out" "$scratch/err" | grep -Eq -e "$2"; then
        echo "neither stream matches: $2"
        cat "$scratch/out"
        return 1
    fi
}

# says_nothing COMMAND..., says EXPECTED COMMAND...: whether a command prints nothing, or EXPECTED.
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

# words_of COMMAND...: prints the sorted lines of a command's output on one line.
words_of() {
    "$@" | sort | tr '\n' ' ' | sed 's/ $//'
}

is_empty() {
    [ ! -s "$1" ]
}

# tensors FILE: the tensors of a checkpoint without its header, which contains the length of the
# metrics file, which varies with the digits of the times in it.
tensors() {
    header=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    tail -c "+$((header + 9))" "$1"
}
same_tensors() {
    tensors "$1" >"$scratch/a" && tensors "$2" >"$scratch/b" && [ -s "$scratch/a" ] &&
        cmp "$scratch/a" "$scratch/b"
}

# step_lines FILE: the lines of steps in a metrics file.
step_lines() {
    grep '^{"step"' "$1"
}

finish() {
    echo "1..$count"
    [ "$failures" -eq 0 ]
}
