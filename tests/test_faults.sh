#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Faults during a run: full and read-only disks, limits, too little device memory, damaged caches, a
# damaged store. After each fault the run can be resumed from its last good state, or a message says
# what to do. docs/faults.md lists the faults.
set -u

# Runs again in a mount namespace, if the kernel allows users to mount file systems there.
if [ -z "${HCNN_TEST_MOUNTS:-}" ]; then
    HCNN_TEST_MOUNTS=no
    unshare -rm true 2>/dev/null && HCNN_TEST_MOUNTS=yes
    export HCNN_TEST_MOUNTS
    [ $HCNN_TEST_MOUNTS = no ] || exec unshare -rm sh "$0"
fi
. "${srcdir:-.}/tests/tap.sh"
cd "$scratch" || exit 1
# PoCL has no device without its cache, so that must stay when XDG_CACHE_HOME changes.
export POCL_CACHE_DIR="${POCL_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/pocl}"

program=${HCNN_CL:-./hcnn-cl}
tiny="--backbone tiny --batch-size 40 --seed 3"

nothing_temporary() {
    [ -z "$(find "$@" -name '*.tmp-*' -o -name '*.new-*' -o -name '*.link-*')" ]
}
said_once() {
    [ "$(cat "$scratch/out" "$scratch/err" | grep -c "$1")" -eq 1 ]
}
# disk SIZE: mounts an empty file system of that size on disk/.
disk() {
    umount disk 2>/dev/null
    mount -t tmpfs -o "size=$1" tmpfs disk
}
random_bytes() {
    head -c "$1" /dev/urandom
}

check_run "an undisturbed run" 0 'whole test +loss' \
    train $tiny --momentum 0.9 --epochs 1 --run good/whole

# ---- Checkpoints that were changed ----

# changed FROM TO: copies a file with its last byte changed.
changed() {
    size=$(wc -c <"$1")
    head -c $((size - 1)) "$1" >"$2" && printf '\125' >>"$2"
}
cp -r good/whole changed-run
changed good/whole/last.safetensors changed-run/last.safetensors
mismatch='last.safetensors: its checksum does not match: it was changed or damaged after it was written; .*best.safetensors'
check_run "a changed checkpoint is refused by eval" 1 "$mismatch" \
    eval --checkpoint changed-run/last.safetensors
check_run "... by train --resume, which blames no option" 1 "^hcnn-cl: changed-run/$mismatch" \
    train --resume changed-run --epochs 2
check_run "... by train --weights" 1 "$mismatch" \
    train $tiny --weights changed-run/last.safetensors --max-steps 1 --run none
check_run "... by export" 1 "$mismatch" export changed-run/last.safetensors -o none.safetensors
check_run "... by import" 1 "$mismatch" import changed-run/last.safetensors -o none.safetensors
check "... and no file is left" [ ! -e none ] && [ ! -e none.safetensors ]
check_run "the remedy in the message works" 0 'after step 1,' \
    train $tiny --weights changed-run/best.safetensors --max-steps 1 --run again
changed again/last.safetensors damaged && mv damaged again/last.safetensors
check_run "... and a run that began with --weights is not blamed for them" 1 \
    '^hcnn-cl: again/last.safetensors: its checksum does not match' train --resume again
cp good/whole/last.safetensors changed-run/
changed good/whole/optimizer-30.safetensors changed-run/optimizer-30.safetensors
check_run "a changed state of the optimizer is refused" 1 'optimizer-30.safetensors: its checksum does not match' \
    train --resume changed-run --epochs 2
rm changed-run/optimizer-30.safetensors
check_run "a missing one, too" 1 \
    'optimizer-30.safetensors: .*; the run needs it: .* --weights changed-run/last.safetensors$' \
    train --resume changed-run --epochs 2
rm changed-run/last.safetensors
check_run "... and a missing checkpoint" 1 \
    'last.safetensors: .*; the run needs it: .* --weights changed-run/best.safetensors$' \
    train --resume changed-run --epochs 2

# ---- Closed streams ----

# A file that is opened next must not get their numbers.
only_json() {
    ! grep -v '^{.*}$' closed/metrics.jsonl
}
"$program" train $tiny --epochs 1 --run closed <&- >&- 2>&-
check "with closed streams the metrics are only JSON" only_json
check_run "... and the run is resumed" 0 'whole test +loss' train --resume closed --epochs 2

# ---- A directory that gets another name ----

# moved COMMAND...: runs the command while a run trains in moved/, which must then fail. It does so
# after a checkpoint was written: between the check and the end of one nothing can help.
moved() {
    $program train $tiny --epochs 900 --checkpoint-every 30 --run moved >out 2>err &
    while [ ! -s moved/metrics.jsonl ] && kill -0 $!; do
        sleep 0.1
    done
    touch mark
    while [ ! moved/last.safetensors -nt mark ] && kill -0 $!; do
        sleep 0.1
    done
    sleep 0.1
    "$@"
    wait $!
    [ $? -eq 1 ] && grep -q 'with its new name continues' err
}
replace_it() {
    mv moved away && mv ready moved
}
cp -r good/whole ready
check "a run whose directory was replaced ends" moved replace_it
check "... says why" grep -q 'moved: is no longer the directory of this run' err
check "... and leaves what is there now as it is" diff -qr good/whole moved
check_run "... and continues under its new name" 0 'step' train --resume away --max-steps 5
check_run "... with its record" 0 '^away +stopped' runs --store runs.db away
check_run "... which has no other name" 1 'does not have a run moved' runs --store runs.db moved
rm -r moved away
check "a run whose directory was moved ends" moved mv moved moved-away
check "... and makes no other" [ ! -e moved ]
check_run "... and is recorded under its new name, once" 0 'moved-away: recorded' runs --add moved-away
check_run "... not under both" 1 'does not have a run moved;' runs --store runs.db moved

# ---- A metrics file that is removed ----

$program train $tiny --epochs 900 --checkpoint-every 30 --run unlogged >out 2>err &
until [ -s unlogged/metrics.jsonl ] || ! kill -0 $!; do
    sleep 0.1
done
rm unlogged/metrics.jsonl
until grep -q 'no longer the metrics file' out err || ! kill -0 $!; do
    sleep 0.1
done
sleep 1
kill $!
wait $!
check "a run whose metrics file was removed says so once" \
    [ "$(cat out err | grep -c 'unlogged/metrics.jsonl: is no longer the metrics file of this run')" -eq 1 ]
check_run "... and logs to a new one when it is resumed" 0 'after step' \
    train --resume unlogged --max-steps 1000000 --epochs 1

# ---- A run that may not be read ----

# Root may read everything, unless it gives up that right.
if [ "$(id -u)" != 0 ]; then
    plainly=
elif setpriv --bounding-set=-dac_override,-dac_read_search true 2>/dev/null; then
    plainly="setpriv --bounding-set=-dac_override,-dac_read_search"
else
    plainly=none
fi
printf '#!/bin/sh\nexec %s %s "$@"\n' "$plainly" "$(realpath "$program")" >plain
chmod +x plain
mkdir shut && cp -r good/whole good/runs.db shut
if [ "$plainly" = none ]; then
    skip "a run that may not be read" "root cannot give up its rights here"
else
    denied='cannot be (opened|read): Permission denied; get access to it and to the directories above it'
    chmod 000 shut/whole
    HCNN_CL=./plain
    check_run "a run that may not be read is not called missing by --resume" 1 \
        "whole/config.json: $denied" train --resume shut/whole
    check_run "... by --recipe" 1 "whole/config.json: $denied" train --recipe shut/whole/config.json
    check_run "... by --run" 2 'whole: already exists; continue it with' train --run shut/whole
    check_run "... by --data" 1 "shut/whole: $denied" train --data shut/whole
    check_run "... by runs --delete" 1 "whole: $denied" runs --delete shut/whole
    check_run "... which keeps its record" 0 '^whole +finished' runs shut/whole
    check_run "... by report" 0 "shut/whole: $denied.*; the report shows the run without its evaluation" \
        report shut/whole -o part.html
    chmod 000 shut
    for command in "runs shut/whole" "report shut/whole -o none.html" \
        "report --store shut/runs.db -o none.html" "sweep none --summary --store shut/runs.db"; do
        check_run "a store that may not be read is not called missing by ${command%% *}" 1 \
            "shut/runs.db: $denied" $command
    done
    chmod 755 shut shut/whole
    chmod 555 shut/whole
    check_run "a run whose directory may not be written is not resumed" 1 \
        'shut/whole: cannot be written: Permission denied; make this directory writable' \
        train --resume shut/whole --epochs 2
    chmod 755 shut/whole
    chmod 444 shut/whole/metrics.jsonl
    check_run "... nor one whose metrics file may not be" 1 \
        'whole/metrics.jsonl: cannot be written: Permission denied; make this file writable' \
        train --resume shut/whole --epochs 2
    chmod 644 shut/whole/metrics.jsonl
    mkdir listless
    head -c 307400 /dev/zero >listless/train.bin
    head -c 122960 /dev/zero >listless/test.bin
    seq 20 >listless/coarse_label_names.txt
    seq 100 >listless/fine_label_names.txt
    chmod 311 listless
    check_run "a data set of known files that may not be listed is read" 0 'after step 1,' \
        train $tiny --data listless --max-steps 1 --run listed
    chmod 755 listless && rm listless/* && chmod 311 listless
    check_run "... but without them the directory has to be listed" 1 \
        'listless: cannot be listed: Permission denied' \
        train $tiny --data listless --max-steps 1 --run unlisted
    chmod 444 shut/runs.db
    check_run "a run whose record may not be deleted" 1 'runs.db: .*readonly.*have to be writable' \
        runs --delete shut/whole
    check "... keeps its directory" [ -s shut/whole/config.json ]
    chmod 644 shut/runs.db
    HCNN_CL=$program
fi

# ---- An evaluation that is not a file ----

check_run "a report of a run" 0 '^whole.html: 1 run$' report shut/whole -o whole.html
# no_evaluation WHAT MESSAGE: the report names what is in the place of test.json.
no_evaluation() {
    check_run "a report of a run whose evaluation is $1" 0 \
        "whole/test.json: $2.*; the report shows the run without it; remove the file, or test again" \
        report shut/whole -o part.html
    rm -r shut/whole/test.json
}
rm shut/whole/test.json
ln -s nowhere shut/whole/test.json
no_evaluation "a link to nothing" 'is a symbolic link whose target does not exist'
ln -s test.json shut/whole/test.json
no_evaluation "a link to itself" 'is a symbolic link whose target does not exist'
mkdir shut/whole/test.json
no_evaluation "a directory" 'is a directory; expected a file'
mkfifo shut/whole/test.json
no_evaluation "a pipe" 'is not a regular file'
head -c 40000000 /dev/zero >shut/whole/test.json
no_evaluation "too large" 'has 40000000 bytes; at most 33554432 are expected'

# ---- A full disk, and a read-only one ----

full='No space left on device; make room there'
if [ "$HCNN_TEST_MOUNTS" = yes ] && mkdir disk && disk 600k; then
    check_run "a disk that fills while a checkpoint is written" 1 \
        "safetensors: cannot be written: $full; once that is solved, .*train --resume disk/run\` continues" \
        train $tiny --momentum 0.9 --epochs 1 --checkpoint-every 1 --run disk/run
    check "... no temporary file is left" nothing_temporary disk
    check_run "... the last checkpoint is good" 0 '^400 images' \
        eval --checkpoint disk/run/last.safetensors
    mount -o remount,size=8m disk
    check_run "... with room the run is resumed" 0 'whole test +loss' train --resume disk/run
    check "... and ends bit-identical" same_tensors good/whole/last.safetensors disk/run/last.safetensors

    disk 4k
    check_run "a disk that fills with metrics" 1 "metrics: cannot be written: $full; once that is solved, " \
        train $tiny --momentum 0.9 --epochs 2 --metrics disk/metrics --run metered
    mount -o remount,size=1m disk
    check_run "... with room that run is resumed, too" 0 'whole test +loss' train --resume metered
    check "... with each step once" [ "$(step_lines disk/metrics | cut -d, -f1 | uniq | wc -l)" -eq 60 ]

    disk 8k
    for name in copy.safetensors copy.pth copy.onnx; do
        check_run "a full disk for $name" 1 "$name: cannot be written: $full" \
            export good/whole/best.safetensors -o disk/$name
    done
    check_run "... for an import" 1 "imported.safetensors: cannot be written: $full" \
        import good/whole/best.safetensors -o disk/imported.safetensors
    check_run "... for a report" 1 "report.html: cannot be written: $full" \
        report good/whole -o disk/report.html
    check "... leaves no file" [ -z "$(ls disk)" ]

    disk 8m
    cp -r good/whole good/runs.db disk
    echo 'program: hcnn-cl train
method: grid
parameters:
  lr: {values: [0.1, 0.01]}' >search.yaml
    mount -o remount,ro disk
    closed='Read-only file system; make its directory writable, or choose another place'
    check_run "a read-only place refuses a start" 1 "disk/new.*: $closed" \
        train $tiny --max-steps 1 --run disk/new
    check_run "... and a resumed run" 1 "disk/whole: cannot be written: Read-only file system; make this directory writable" \
        train --resume disk/whole --epochs 2
    check_run "... and an export" 1 "disk/copy.pth.*: cannot be written: $closed" \
        export good/whole/best.safetensors -o disk/copy.pth
    check_run "... and a report" 1 "disk/report.html.*: cannot be written: $closed" \
        report good/whole -o disk/report.html
    check_run "... and a sweep" 1 'disk/runs.db: .*writable' \
        sweep search.yaml --store disk/runs.db -- $tiny --max-steps 1
    check_run "... but existing checkpoints can be measured" 0 '^400 images' \
        eval --checkpoint disk/whole/best.safetensors
    XDG_CACHE_HOME=$PWD/disk check_run "... and a cache need not be writable" 0 'after step 1,' \
        train $tiny --momentum 0.9 --max-steps 1 --run uncached
    umount disk
else
    skip "full and read-only disks" "mounting is not allowed here"
fi

# A block has 512 or 1024 bytes. A checkpoint of this network is larger than 2000 of them; what PoCL
# writes to compile is smaller.
limited() (
    ulimit -f 2000 && exec "$program" train --backbone resnet18 --only-fine --batch-size 40 \
        --momentum 0.9 --max-steps 1 --no-selftest --run "$1" >out 2>err
)
code=0
limited limited || code=$?
check "a limit on the size of files ends a start" answered 1 \
    'cannot be written: File too large; raise the limit on file sizes \(ulimit -f\)'
check "... and no file is left" [ -z "$(find . -name 'limited*')" ]
if "$program" devices | grep -q 'Portable Computing Language'; then
    narrow() (
        ulimit -f 16 && exec "$program" train $tiny --max-steps 1 --no-selftest --run narrow \
            >"$scratch/out" 2>"$scratch/err"
    )
    code=0
    narrow || code=$?
    check "a limit below what PoCL needs" answered 2 \
        'its cache directory .* takes no file of 4 MiB .File too large.*raise .ulimit -f'
else
    skip "a limit below what PoCL needs" "for PoCL"
fi

# ---- Device memory ----

# PoCL's smallest limit on device memory is 1 GiB.
POCL_MEMORY_LIMIT=1 check_run "a batch that does not fit names the largest that does" 1 \
    'the largest batch that fits is [0-9]+' \
    train --backbone wide_resnet_50 --image-size 64 --batch-size 600 --run huge
check "... leaves no run" [ ! -e huge ]

# ---- The caches ----

# Trains with a cache in this directory, so that the cache of other tests is not damaged.
cached() {
    XDG_CACHE_HOME=$PWD/cache "$program" train $tiny --momentum 0.9 --max-steps 2 --run "$1" \
        >"$scratch/out" 2>"$scratch/err"
}
damage() {
    case $1 in
    truncated) head -c 100 "$2" >part && mv part "$2" ;;
    random) random_bytes 5000 >"$2" ;;
    directory) rm "$2" && mkdir "$2" ;;
    esac
}
compiled() {
    find cache/hcnn-cl -name '*.bin' | wc -l
}
check "verdicts of the self-test are cached" cached cached
check "... in a file" [ -n "$(find cache/hcnn-cl -name 'selftest-*.json')" ]
if "$program" devices | grep -q 'Portable Computing Language'; then
    check "compiled kernels are left to PoCL's own cache" [ "$(compiled)" -eq 0 ]
    # The programs that PoCL has cached, without their content.
    (cd "$POCL_CACHE_DIR" && find . -name program.bc -exec dirname {} +) | while read -r place; do
        mkdir -p "empty/$place" && : >"empty/$place/program.bc"
    done
    (POCL_CACHE_DIR=$PWD/empty && cached pocl-damaged)
    check "a damaged cache of PoCL is named with the remedy" \
        grep -q "PoCL's cache directory .*/empty is damaged: remove that directory" "$scratch/err"
else
    check "compiled kernels are cached, too" [ "$(compiled)" -gt 3 ]
fi
for kind in truncated random directory; do
    for file in cache/hcnn-cl/*; do
        [ -d "$file" ] || damage $kind "$file"
    done
    check "a damaged cache is not used: $kind" cached cached-$kind
    check "... and give the same results" same_tensors cached/last.safetensors \
        cached-$kind/last.safetensors
done
# Compiled kernels are code, so nobody else may be able to put them there.
modes() {
    find cache/hcnn-cl -printf '%m\n' | sort -u | tr '\n' ' '
}
rm -r cache && check "a new cache" cached cached-private
check "... is for this user alone" says '600 700 ' modes
refused_cache() {
    rm cache/hcnn-cl/*
    check "a cache $1" cached "cached-$2"
    check "... is named with the remedy, once" said_once "not kept or used: .*/cache/hcnn-cl: $3"
    check "... and neither read nor written" [ -z "$(ls cache/hcnn-cl)" ]
}
chmod 777 cache/hcnn-cl
refused_cache "that others can write to" shared 'other users can write to it (mode 0777); run .chmod -R go-w '
chmod 755 cache/hcnn-cl
check "a cache that others can read" cached cached-readable
check "... is used" [ -n "$(ls cache/hcnn-cl)" ]
if [ "$(id -u)" = 0 ] && chown 12345 cache/hcnn-cl 2>"$scratch/err"; then
    refused_cache "of another user" foreign 'belongs to another user (number 12345)'
else
    skip "a cache of another user" "only root can give a directory away"
fi
rm -r cache && : >cache
check "a file in place of the cache directory" cached cached-file

# ---- The store of runs ----

# store_fault NAME: with the store in its present state, a run can be trained, and the commands that
# read the store work or say what to do.
store_fault() {
    check_run "a run beside a store that is $1" 0 'after step 1,' \
        train $tiny --max-steps 1 --run "store/run-$1"
    check "... reports the store at most once" \
        [ "$(cat "$scratch/out" "$scratch/err" | grep -c 'the run continues')" -le 1 ]
    for command in "runs --store store/runs.db" "report --store store/runs.db -o store/report.html" \
        "sweep search --summary --store store/runs.db"; do
        run_program $command
        check "... ${command%% *} works or says what to do" works_or_says
    done
}
works_or_says() {
    [ "$code" -eq 0 ] || answered 1 'store/runs.db: .*(runs --add|writable|does not have a (sweep|run)|no run)'
}
mkdir store
run_program train $tiny --max-steps 3 --run store/first
size=$(wc -c <store/runs.db)
cp store/runs.db whole.db
for length in 0 100 $((size / 3)); do
    rm -f store/runs.db-*
    head -c "$length" whole.db >store/runs.db
    store_fault "cut-to-$length"
done
random_bytes 20000 >store/runs.db
store_fault random
{
    head -c 5000 whole.db
    random_bytes $((size - 5000))
} >store/runs.db
store_fault half-random
rm store/runs.db
store_fault removed
rm store/runs.db*
check_run "runs --add creates it again" 0 'store/first: recorded in .*store/runs.db' \
    runs --add store/first store/run-random
check_run "... with the runs that were in it" 0 '^first +stopped +- +3 ' runs --store store/runs.db first

finish
