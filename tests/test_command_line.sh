#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The program as a user calls it: options, errors and exit codes.
set -u
. "${srcdir:-.}/tests/tap.sh"

# ---- Without a command ----

run_program
check "without a command the exit code is 2" [ "$code" -eq 2 ]
check "... nothing is on standard output" is_empty "$scratch/out"
check "... and the usage on standard error" grep -q '^Usage: hcnn-cl COMMAND' "$scratch/err"

run_program --help
check "--help succeeds" [ "$code" -eq 0 ]
check "--help prints nothing on standard error" is_empty "$scratch/err"
run_program --help=words
commands=$(grep -v -e '^--' "$scratch/out")
check "--help=words lists commands" [ "$(echo "$commands" | wc -l)" -gt 10 ]
for name in $commands; do
    check_run "--help lists $name" 0 "^  $name " --help
    check_run "$name --help shows its usage" 0 "^Usage: hcnn-cl $name" "$name" --help
    check_run "$name refuses an unknown option" 2 \
        "^hcnn-cl: unknown option --no-such-thing; --help lists" "$name" --no-such-thing
done

# Every option in a --help is in the man page and is used by a test.
here=${srcdir:-.}
for name in $commands; do
    run_program "$name" --help
    for option in $(sed -n 's/^  --\([a-z-]*\).*/\1/p' "$scratch/out"); do
        escaped=$(echo "$option" | sed 's/-/\\\\-/g')
        check "the man page has $name --$option" \
            grep -Eq "(\\\\-){2}$escaped([^a-z\\\\]|\$)" "$here/docs/hcnn-cl.1"
        check "a test uses $name --$option" \
            grep -Eq -e "--$(echo "$option" | sed 's/-/[-_]/g')([^a-z_-]|\$)" \
            "$here"/tests/test_*.sh
    done
done

# The example in each help. An unknown option is added at the end: it is the one reported only if
# every option and value before it was accepted.
program=${HCNN_CL:-./hcnn-cl}
PATH=$(cd "$(dirname "$program")" && pwd):$PATH
for name in $commands; do
    run_program "$name" --help
    example=$(sed -n '/^Example:$/,$s/^  //p' "$scratch/out" | sed 's/ *#.*//')
    check "the help of $name has an example of it" expr "$example " : ".*hcnn-cl $name "
    code=0
    (cd "$here" && eval "$example --no-such-thing") >"$scratch/out" 2>"$scratch/err" || code=$?
    check "... which is accepted: $example" answered 2 'unknown option --no-such-thing'
done

# The examples in the man page.
sed -n '/^.SH EXAMPLES/,/^.SH SEE/{ s/\\-/-/g; s/^\.B //p; }' "$here/docs/hcnn-cl.1" >"$scratch/examples"
check "the man page has examples" [ "$(wc -l <"$scratch/examples")" -gt 4 ]
while read -r example; do
    code=0
    sh -c "$example --no-such-thing" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
    check "an example of the man page: $example" answered 2 'unknown option --no-such-thing'
done <"$scratch/examples"

check_run "--help=words is for shells" 0 '^--split all\|validation\|test$' eval --help=words
check_run "--version names program and version" 0 '^hcnn-cl [0-9]+\.[0-9]+\.[0-9]+$' --version
check_run "help COMMAND is COMMAND --help" 0 '^Usage: hcnn-cl train' help train
check_run "--help COMMAND too" 0 '^Usage: hcnn-cl eval' --help eval
check_run "help of help" 0 '^Usage: hcnn-cl COMMAND' help help
check_run "help for an unknown command" 2 "unknown command 'trian'; did you mean train\?" help trian
check_run "help for two commands" 2 "^hcnn-cl: 'eval': unexpected argument" help train eval
check_run "--help with a value" 2 '^hcnn-cl: --help=foo: --help accepts no value' --help=foo
check_run "--help of a command with a value" 2 '^hcnn-cl: --help=foo: --help accepts no value' \
    train --help=foo
check_run "--version with an argument" 2 "^hcnn-cl: 'train': unexpected argument" --version train
check_run "a mistyped option without a command" 2 "unknown option '--hlep'; did you mean --help\?" --hlep
check_run "an option before the command" 2 "unknown option '--json'; .* whose options follow" --json devices
check_run "an empty command" 2 "unknown command ''; \`hcnn-cl --help\` lists" ''
check_run "an unknown command" 2 "^hcnn-cl: unknown command 'frobnicate'" frobnicate
check_run "a mistyped command" 2 "did you mean devices\?" devcies

run_program --help
check "--help does not list tune-gemm" sh -c "! grep -q tune-gemm '$scratch/out'"
check_run "... which needs a set and sizes" 2 'started by `hcnn-cl tune`' tune-gemm cpu
check_run "... of the form MxNxK" 2 '8x8 is not a size MxNxK' tune-gemm cpu 8x8

# A full disk must be an error.
if [ -w /dev/full ]; then
    code=0
    "${HCNN_CL:-./hcnn-cl}" --help >/dev/full 2>"$scratch/err" || code=$?
    check "output that cannot be written is exit code 1" \
        answered 1 'standard output cannot be written'
fi

# ---- devices ----

check_run "devices marks one" 0 '^\* [0-9]+:[0-9]+ ' devices
check_run "devices --json" 0 '"chosen": true' devices --json
for key in '"rank": 1' '"tested": ' '"failed_checks": ' '"hints": \['; do
    check "... has $key" grep -q "$key" "$scratch/out"
done
check_run "devices says which are tested" 0 ' FP16  TESTED +NAME' devices
check_run "devices: a mistyped option" 2 'did you mean --json\?' devices --jsno
check_run "devices takes no operand" 2 "'0:0': unexpected argument" devices 0:0
check_run "... after -- either" 2 "'--json': unexpected argument; devices accepts only" devices -- --json

# ---- Values ----

for text in 0 -1 1e3 nan '' ' 1' 99999999999; do
    check_run "--epochs '$text'" 2 '^hcnn-cl: --epochs .*1000000' train --epochs "$text"
done
for text in 0 -1 nan inf 1e400 '' 1,5; do
    check_run "--lr '$text'" 2 '^hcnn-cl: --lr .*1e-12.*1e\+30' train --lr "$text"
done
check_run "--run ''" 2 '^hcnn-cl: --run: is empty; expected DIR' train --run ''
check_run "a negative seed" 2 "^hcnn-cl: --seed '-1': is not a whole number from 0 up" train --seed -1
check_run "an option without its dashes" 2 "'epochs': unexpected argument; did you mean --epochs\?" \
    train epochs 3
check_run "an empty argument" 2 "^hcnn-cl: '': unexpected argument" train ''
check_run "a longer name of an option" 2 'unknown option --dataset; did you mean --data\?' \
    train --dataset cifar100
check_run "another data set" 2 "^hcnn-cl: --dataset 'cifar10': is not cifar100" preprocess --dataset cifar10

device=$HCNN_DEVICE
export HCNN_DEVICE
HCNN_DEVICE=nonsense
check_run "HCNN_DEVICE that matches no device" 2 "HCNN_DEVICE: no device matches 'nonsense'" devices
check "... prints the list" grep -Eq '^ +0:0 ' "$scratch/err"
check "... and does not advise to install a driver" sh -c "! grep -q nstall '$scratch/err'"
check_run "... with --json too" 2 '"chosen": false' devices --json
HCNN_DEVICE=0:0
check_run "HCNN_DEVICE by index" 0 '^\* 0:0 ' devices
HCNN_DEVICE=99:0
check_run "HCNN_DEVICE with a missing index" 2 "HCNN_DEVICE: no device matches '99:0'" devices
HCNN_DEVICE=
check_run "HCNN_DEVICE empty is the default" 0 '^\* ' devices
HCNN_DEVICE=$device

for value in 2 yes; do
    export HCNN_AS_GPU="$value"
    check_run "HCNN_AS_GPU=$value" 2 "HCNN_AS_GPU=$value: expected 0 or 1" devices
done
export HCNN_AS_GPU=1 HCNN_DEVICE=0:0
check_run "HCNN_AS_GPU=1 makes a processor count as a GPU" 0 '^\* 0:0 +gpu ' devices
unset HCNN_AS_GPU
HCNN_DEVICE=$device

# ---- Files that do not exist: exit code 1, whatever the option ----

for arguments in "train --recipe none" "train --resume none" "train --weights none" "train --data none" \
    "sweep none" "sweep s --summary --store none" "eval --checkpoint none" "classify --checkpoint none none" \
    "export none -o $scratch/n.pth" "import none -o $scratch/n.pth" "data none" "runs --store none" \
    "runs --add none" "report none -o $scratch/n.html" "report --store none -o $scratch/n.html" \
    "preprocess --data-dir none" "preprocess --data-dir none --out $scratch/tree"; do
    check_run "hcnn-cl $arguments" 1 '^hcnn-cl: .*none.*(No such file|does not exist|is not a run|not open)' $arguments
done

# The OpenCL loader reads the names of drivers from this directory. If it is empty, the machine has
# no driver.
mkdir "$scratch/vendors"
export OCL_ICD_VENDORS="$scratch/vendors/" OPENCL_VENDOR_PATH="$scratch/vendors/"
check_run "no driver at all" 2 'apt install pocl-opencl-icd' devices
unset OCL_ICD_VENDORS OPENCL_VENDOR_PATH

# Without its cache directory PoCL offers no device.
pocl_cache=${POCL_CACHE_DIR-} own_cache=${XDG_CACHE_HOME-}
if HCNN_DEVICE=portable "$program" devices >"$scratch/out" 2>&1 &&
    [ "$(grep -c '(Portable Computing' "$scratch/out")" = "$(grep -c '^. [0-9]*:' "$scratch/out")" ]; then
    export POCL_CACHE_DIR=/proc/nowhere HCNN_DEVICE=
    check_run "PoCL without a cache" 2 "its cache directory /proc/nowhere cannot be written" devices
    check "... says what to do" grep -q 'set POCL_CACHE_DIR' "$scratch/err"
    POCL_CACHE_DIR=$scratch/pocl
    export POCL_DEVICES=nonsense
    check_run "PoCL without a device" 2 "PoCL is installed but offers no device, with POCL_DEVICES=nonsense" devices
    check "... is not to be installed" sh -c "! grep 'apt install' '$scratch/err'"
    unset POCL_DEVICES
fi
POCL_CACHE_DIR=$pocl_cache HCNN_DEVICE=$device
[ -n "$pocl_cache" ] || unset POCL_CACHE_DIR

# Without its own, the program works, and says once that it compiles each time.
export XDG_CACHE_HOME=/proc/nowhere POCL_CACHE_DIR="${pocl_cache:-$scratch/pocl}"
check_run "hcnn-cl without a cache" 0 'images/s' bench --image-size 32 --batch-size 2 --runs 1 \
    --seconds 0.01 --backbone tiny --mode infer
check "... warns once" [ "$(grep -c 'the cache directory /proc/nowhere/hcnn-cl cannot' "$scratch/err")" = 1 ]
XDG_CACHE_HOME=$own_cache
[ -n "$own_cache" ] || unset XDG_CACHE_HOME

finish
