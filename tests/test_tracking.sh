#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tracking as a user sees it: what runs write to the store beside them, to event files and to JSON;
# what `hcnn-cl runs` shows; and what survives kills and damage.
set -u
. "${srcdir:-.}/tests/tap.sh"
cd "$scratch" || exit 1

tiny="--backbone tiny --batch-size 40 --seed 3"
program=${HCNN_CL:-./hcnn-cl}

same_steps() {
    step_lines "$1" >"$scratch/a" && step_lines "$2" >"$scratch/b" && cmp "$scratch/a" "$scratch/b"
}
# fact RUN KEY: the value of a column, as in JSON.
fact() {
    "$program" runs --json --columns "$2" "$1" |
        sed -n "s|.*\"$2\":\"\{0,1\}\([^,\"}]*\).*|\1|p"
}
is_fact() {
    got=$(fact "$1" "$2")
    [ "$got" = "$3" ] || {
        echo "$1: $2 is '$got', expected '$3'"
        return 1
    }
}
# The smallest loss of any step, and the last step, in a metrics file.
least_loss() {
    step_lines "$1" | sed 's/.*"loss":\([^,]*\),.*/\1/' | sort -g | head -n 1
}
last_step() {
    step_lines "$1" | tail -n 1 | sed 's/^{"step":\([0-9]*\),.*/\1/'
}
# agrees RUN: whether the store agrees with metrics.jsonl.
agrees() {
    is_fact "$1" loss "$(least_loss "$1/metrics.jsonl")" &&
        is_fact "$1" step "$(last_step "$1/metrics.jsonl")"
}
steps_once() {
    step_lines "$1/metrics.jsonl" | cut -d, -f1 | sort | uniq -d >"$scratch/twice"
    is_empty "$scratch/twice"
}
event_files() {
    find "$1" -name 'events.out.tfevents.*' | wc -l
}
# start_run RUN STEPS ARGUMENT...: trains in the background and waits until that number of steps is
# logged. Sets victim.
start_run() {
    started=$1
    wanted=$2
    shift 2
    "$program" train $tiny --run "$started" "$@" >"$scratch/going.out" 2>&1 &
    victim=$!
    until [ -f "$started/metrics.jsonl" ] &&
        [ "$(step_lines "$started/metrics.jsonl" | wc -l)" -ge "$wanted" ]; do
        kill -0 "$victim" 2>/dev/null || break
        sleep 0.05
    done
}
end_run() {
    kill "-$1" "$victim"
    wait "$victim" 2>/dev/null
}
# matrix_sum FILE KEY: the sum of a matrix of counts.
matrix_sum() {
    sed "s/.*\"$2\":\[\[//; s/\]\].*//" "$1" | tr -d '[]' | tr ',' '\n' |
        awk '{ sum += $1 } END { print sum }'
}

# ---- The states of runs ----

check_run "no store exists before the first run" 1 'runs/runs.db: this store of runs does not exist' runs
check_run "a whole run" 0 'whole test +loss' train $tiny --epochs 1 --run runs/whole
check "... is in the store beside it" [ -s runs/runs.db ]
check "... as finished" is_fact runs/whole state finished
check "... with its steps" agrees runs/whole
check "... its epoch" is_fact runs/whole validation/fine_top1 \
    "$(sed -n 's/.*"validation":.*"fine_top1":\([^,]*\),.*/\1/p' runs/whole/metrics.jsonl)"
check "... and its test result" [ "$(fact runs/whole test/loss)" != null ]
check "... leaves one event file" [ "$(event_files runs/whole)" -eq 1 ]
check "... and the confusions of the validation" grep -q \
    '^{"set":"validation","epoch":1,"step":30,"images":200,"undecided":0,' runs/whole/validation.json
check "... 200 images by their fine classes" [ "$(matrix_sum runs/whole/validation.json fine)" -eq 200 ]
check "... and by their coarse ones" [ "$(matrix_sum runs/whole/validation.json coarse)" -eq 200 ]
check "... and of the test half" grep -q \
    '^{"set":"test half","epoch":1,"step":30,"images":200,' runs/whole/test.json
check "... 200 images of it" [ "$(matrix_sum runs/whole/test.json fine)" -eq 200 ]
check "... with pictures" grep -q '"picture":"data:image/png;base64,' runs/whole/test.json
cp runs/whole/test.json kept.json
sed 's/"images":200/"images":201/' kept.json >runs/whole/test.json
check_run "... in a report only if no digit was changed" 0 \
    'whole/test.json: is damaged: its checksum does not match' report runs/whole -o changed.html
cp kept.json runs/whole/test.json
check_run "... as here" 0 '^whole.html: 1 run$' report runs/whole -o whole.html
check "... says nothing" is_empty "$scratch/err"

check_run "a limit" 0 'stopped after step 3' train $tiny --max-steps 3 --run runs/limited
check "... gives the state stopped" is_fact runs/limited state stopped
check "... whose steps are stored" agrees runs/limited
start_run runs/ended 3 --epochs 1000
end_run TERM
check "a TERM signal gives the state stopped" is_fact runs/ended state stopped
check "... whose steps are stored" agrees runs/ended
check_run "a run that diverges" 1 'is not finite' train $tiny --lr 1e30 --epochs 1 --run runs/diverged
check "... gives the state failed" is_fact runs/diverged state failed
check_run "... and says why" 0 'the loss of step [0-9]+ is not finite' runs diverged --columns message

# ---- Killed ----

start_run runs/killed 12 --epochs 1000 --checkpoint-every 5
check "a run in training has the state running" is_fact runs/killed state running
check_run "... and is not deleted" 1 'killed: is running; end it first' runs --delete killed
check_run "... or recorded again" 1 'killed: another hcnn-cl is working in it' runs --add runs/killed
check "... and keeps its directory" [ -s runs/killed/config.json ]
end_run KILL
check "without its process it has the state killed" is_fact runs/killed state killed
check_run "... in the list, too" 0 '^killed +killed ' runs --where state=killed
check_run "... and is resumed" 0 'whole test +loss' train --resume runs/killed --epochs 1
check "... and finishes" is_fact runs/killed state finished
check "... with each step once" steps_once runs/killed
check "... and the store agrees with its metrics" agrees runs/killed
check "... and a second event file" [ "$(event_files runs/killed)" -eq 2 ]

# ---- Two runs at the same time ----

together() {
    "$program" train $tiny --max-steps 9 --run runs/left >/dev/null 2>left.err &
    left=$!
    "$program" train $tiny --max-steps 9 --seed 4 --run runs/right >/dev/null 2>right.err &
    right=$!
    wait $left && wait $right && is_empty left.err && is_empty right.err
}
check "two runs write at the same time" together
check "... the first" agrees runs/left
check "... and the second" agrees runs/right

# ---- Histograms ----

check_run "a run with momentum" 0 '' train $tiny --momentum 0.9 --epochs 1 --run runs/plain
check_run "... and histograms" 0 '' \
    train $tiny --momentum 0.9 --epochs 1 --histograms 1 --run runs/histograms
check "... has bit-identical losses" \
    same_steps runs/plain/metrics.jsonl runs/histograms/metrics.jsonl
check "... and gradients in its events" grep -aq 'gradients/' runs/histograms/events.out.tfevents.*
check "... which the run without has not" sh -c '! grep -aq gradients/ runs/plain/events.out.tfevents.*'
check "... and no weights either" sh -c '! grep -aq weights/ runs/plain/events.out.tfevents.*'
# Plain SGD updates weights in the backward pass; with histograms another kernel does, which rounds
# differently.
close_steps() {
    step_lines "$1" | sed 's/.*"loss":\([^,]*\),.*/\1/' >"$scratch/a"
    step_lines "$2" | sed 's/.*"loss":\([^,]*\),.*/\1/' >"$scratch/b"
    paste "$scratch/a" "$scratch/b" |
        awk '$1 < $2 * 0.99999 || $1 > $2 * 1.00001 { print; wrong = 1 } END { exit wrong || NR < 30 }'
}
check_run "histograms with plain SGD" 0 '' train $tiny --epochs 1 --histograms 1 --run runs/sgd
check "... change the losses only by rounding" \
    close_steps runs/whole/metrics.jsonl runs/sgd/metrics.jsonl
check_run "histograms every second epoch" 0 '' \
    train $tiny --momentum 0.9 --epochs 1 --histograms 2 --run runs/seldom
check "... are not written in the first" sh -c '! grep -aq gradients/ runs/seldom/events.out.tfevents.*'

# ---- Listing ----

names() {
    "$program" runs --columns name "$@" | tail -n +2 | tr '\n' ' '
}
are_names() {
    want=$1
    shift
    got=$(names "$@")
    [ "$got" = "$want" ] || {
        echo "'$got', expected '$want'"
        return 1
    }
}
rising() {
    "$program" runs --columns loss --sort "$1" | tail -n +2 | grep -v '^-' >"$scratch/order"
    sort "$2" "$scratch/order" | cmp - "$scratch/order" && [ "$(wc -l <"$scratch/order")" -ge 5 ]
}
last_without() {
    "$program" runs --columns validation/loss --sort "$1" | tail -n 1 | grep -qx -e -
}

check_run "the list" 0 '^name +state +epoch +step +validation/loss ' runs
check "... contains the runs in their order" grep -q '^whole  *finished  *1  *30 ' "$scratch/out"
check "... with a line per run" [ "$(wc -l <"$scratch/out")" -eq 12 ]
check_run "accuracies are shown in percent" 0 '^ *[0-9.]+%$' runs whole --columns validation/fine_top1
check "runs by name" are_names "whole left " whole left
check "runs by directory" are_names "left whole " runs/left runs/whole/
check "runs of a named store" are_names "left " --store runs/runs.db left
check "a run elsewhere, whose store is beside it" sh -c \
    "mkdir -p sub && cd sub && '$program' runs ../runs/left | grep -q ^left"
check_run "an unknown run" 1 'runs/runs.db: the store does not have a run nobody' runs nobody
check_run "a missing store" 1 'none.db: this store of runs does not exist' runs --store none.db
: >empty.db
check_run "an empty file is a store without runs" 0 '^no runs$' runs --store empty.db

# A directory may have a name of any bytes, which JSON does not.
odd=$(printf 'odd-\377')
mkdir -p odd
cp -r runs/left "odd/$odd" && cp -r runs/left odd/even
run_program runs --add "odd/$odd" odd/even
check_run "a name that is not UTF-8 does not hide other runs" 0 '"name": ?"even"' \
    runs --store odd/runs.db --json
check "... and is shown with a replacement character" \
    grep -q '"name": *"odd-.uFFFD"' "$scratch/out"
check_run "... nor in a comparison" 0 'odd-.uFFFD' runs --store odd/runs.db --json --compare
check_run "... nor in a table" 0 '^odd-' runs --store odd/runs.db
check_run "... nor in a report" 0 ': 2 runs' report --store odd/runs.db -o odd.html
check_run "--where finds it" 0 '^odd-' runs --store odd/runs.db --where "name=$odd"

check "--where with a condition" are_names "whole killed plain histograms sgd seldom " --where state=finished
check "--where with several conditions" are_names "histograms sgd " --where 'state=finished,histograms=1,loss<1e3'
check "--where with !=" are_names "limited ended " \
    --where 'state!=finished,state!=failed,max-steps!=9'
check "--where with a key that few runs have" are_names "right " --where 'seed>=4'
check_run "conditions that no run meets" 0 '^no runs$' runs --where 'seed>4'
check_run "an invalid condition" 2 "^hcnn-cl: --where: 'seed': is not a condition" runs --where seed
check_run "... among valid ones" 2 "'=3': has no key" runs --where 'seed=3,=3'
check_run "... without a value" 2 "^hcnn-cl: --where: 'lr<': has no value; expected KEY=VALUE" \
    runs --where 'state=finished,lr<'
check_run "... with a word for a number" 2 "^hcnn-cl: --where: lr is a number, but .* 'fast'" \
    runs --where 'lr<fast'
check_run "... with an unknown state" 2 \
    "^hcnn-cl: --where: unknown state 'done'; expected running\|finished" runs --where state=done
check "--sort in rising order" rising loss -g
check "--sort in falling order" rising -loss -gr
check "runs without the value come last" last_without validation/loss
check "... in both orders" last_without -validation/loss
check "--limit" are_names "whole limited " --limit 2
check_run "an unknown column" 2 "^hcnn-cl: --columns: no run has the key 'los'" \
    runs --columns name,los
check_run "a metric without a value yet" 0 '^limited +- *$' \
    runs limited --columns name,validation/loss
check_run "columns of options, metrics and facts" 0 \
    '^name +batch-size +validation/fine-top1 +parameters +device$' \
    runs whole --columns name,batch-size,validation/fine-top1,parameters,device

check_run "lines of JSON" 0 '' runs --json
check "... with an object per run" [ "$(grep -c '^{"name":"[^"]*","state":.*}$' "$scratch/out")" -eq 11 ]
check "... and nothing else" [ "$(wc -l <"$scratch/out")" -eq 11 ]

check "... with times to the second" grep -q '"started":[0-9]\{10\},"updated":[0-9]\{10\},' \
    "$scratch/out"

check_run "two runs side by side" 0 '^ +left +right$' runs left right --compare
check "... with the option that differs" grep -Eq '^seed +3 +4 *$' "$scratch/out"
check "... and without those that do not" sh -c "! grep -q '^batch-size' '$scratch/out'"
check_run "... as JSON" 0 '^\{"key":"seed","values":\{"left":"3","right":"4"\}\}$' \
    runs left right --compare --json
check_run "one run alone" 2 'compare needs two runs or more; there is 1' runs left --compare
check_run "comparing and deleting at once" 2 'exclude each other' runs left --compare --delete
check_run "deleting nothing" 2 'delete needs the names or directories of runs' runs --delete
check_run "deleting what a filter finds" 2 'cannot be combined with --where' \
    runs --delete left --where state=failed
check_run "deleting as JSON" 2 'cannot be combined with .* and --json' runs --delete left --json
check_run "columns of a comparison" 2 'columns has no effect with --compare' \
    runs left right --compare --columns name
check_run "keeping files of nothing" 2 'keep-files needs --delete' runs left --keep-files

# ---- Names ----

odd=$(printf 'a\tb\033[1m\177')
check_run "a name with markup and spaces" 0 '' train $tiny --max-steps 1 --run 'runs/<script> & "b"'
check "... is found" is_fact 'runs/<script> & "b"' step 1
check_run "... in the list, too" 0 '^<script> & "b" +stopped' runs '<script> & "b"'
check_run "a name with control characters" 0 '' train $tiny --max-steps 1 --run "runs/$odd"
check_run "... is masked" 0 '^a\?b\?\[1m\? +stopped' runs "$odd"
check_run "... and complete in JSON" 0 '"name":"a\\tb\\u001B\[1m' runs "$odd" --json
check_run "... also beside another" 0 '^ +a\?b\?\[1m\? +left$' runs "$odd" left --compare
check_run "... and when it is deleted" 0 '^a\?b\?\[1m\?: deleted$' runs --delete "$odd"
check "... and its directory is gone" [ ! -e "runs/$odd" ]

check_run "a condition with an unknown key" 2 "where: no run has the key 'lrr'" runs --where 'lrr<1'
check_run "an order by an unknown key" 2 "sort: no run has the key 'lrr'" runs --sort -lrr
check_run "adding to a store elsewhere" 2 'leave out --store' runs --add runs/whole --store x.db

# ---- Deleting ----

# Two stores, each with a run of the same name.
check_run "a run elsewhere" 0 '' train $tiny --max-steps 1 --run other/whole
check_run "its directory may end in a slash" 0 '^whole +stopped' runs other/whole/ --columns name,state
check_run "runs of two stores are not deleted at once" 2 'name only runs of one store' \
    runs --delete runs/limited other/whole
check_run "... nor the other's run by the store's name" 2 'name only runs of one store' \
    runs --store runs/runs.db --delete other/whole
check "... and all of them stay" [ -e runs/limited ] && [ -e runs/whole ] && [ -e other/whole ]

rm -rf runs/left
check_run "a run whose directory is gone is forgotten" 0 \
    '^left: deleted from the store; there was no directory of this name$' runs --delete left
check_run "... permanently" 1 'does not have a run left' runs left
check_run "a run is forgotten and its files are kept" 0 '^right: deleted from the store; its files are kept' \
    runs --delete --keep-files right
check "... with its checkpoint" [ -s runs/right/last.safetensors ]
rm runs/seldom/config.json
check_run "a directory without config.json is not deleted" 1 'does not contain a config.json' runs --delete seldom
check "... with its files" [ -s runs/seldom/last.safetensors ]
check "... and in the store" are_names "seldom " seldom
mv runs/sgd elsewhere && ln -s ../elsewhere runs/sgd
check_run "a link to a directory is not deleted" 1 'sgd: is a symbolic link, .*--keep-files' runs --delete sgd
check "... nor is what it leads to" [ -s elsewhere/last.safetensors ] && [ -L runs/sgd ]
check "... and it stays in the store" are_names "sgd " sgd
rm runs/sgd && mv elsewhere runs/sgd
check_run "several at once" 0 '^sgd: deleted$' runs --delete ended sgd
check "... whose directories are gone" [ ! -e runs/ended ] && [ ! -e runs/sgd ]
check "the other runs stay" are_names \
    'whole limited diverged killed plain histograms seldom <script> & "b" '

# ---- Renamed directories ----

for run in a b c; do
    run_program train $tiny --max-steps 2 --momentum "0.$(printf %d "'$run")" --run "moved/$run"
done
mv moved/a moved/old && mv moved/b moved/a
check_run "a directory that holds another run is not deleted" 1 \
    'moved/a: holds another run than the record of this name, .*runs --add moved/a.*--keep-files' \
    runs --delete moved/a
check "... and its record stays" is_fact moved/a momentum 0.97
check_run "... nor shown in a report" 0 'moved/a: holds another run than the record' \
    report moved/a -o moved.html
check_run "a directory that is recorded again takes its record along" 0 '' runs --add moved/a
check "... with what it was" is_fact moved/a momentum 0.98
check "... and so does the run that had its name" is_fact moved/old momentum 0.97
check_run "then the run there is deleted" 0 '^a: deleted$' runs --delete moved/a
check "... and no other" [ -s moved/old/metrics.jsonl ] && [ ! -e moved/a ]
cp moved/old/metrics.jsonl whole.jsonl && head -n 1 whole.jsonl >moved/old/metrics.jsonl
check_run "a run is recorded again from a metrics file that was cut" 0 '' runs --add moved/old
check "... and the record keeps what it had" is_fact moved/old step 2
cp whole.jsonl moved/old/metrics.jsonl
mv moved/c moved/d && mv moved/old moved/c
check_run "runs that were renamed in a row" 0 '' train --resume moved/c --max-steps 3
check "... keep their records" is_fact moved/c momentum 0.97
check "... each of them" is_fact moved/d momentum 0.99
cp -r moved/c moved/copy
run_program train --resume moved/copy --max-steps 5
run_program train --resume moved/c --max-steps 4
mv moved/c moved/t && mv moved/copy moved/c && mv moved/t moved/copy
check_run "a copied run that took the name of the original is not deleted for it" 1 \
    'moved/c: holds another run' runs --delete moved/c
check_run "... each has its record" 0 '' runs --add moved/copy
check "... the original" is_fact moved/copy step 4
check "... and the copy" is_fact moved/c step 5
rm -r moved/c && cp -r moved/d moved/c
check_run "a run that took the place of a removed one" 0 '' train --resume moved/c --max-steps 3
check "... has a record of its own" is_fact moved/c momentum 0.99
check "... beside that of the removed one" is_fact 'moved/c (moved)' step 5

# ---- Without the store, and with a damaged one ----

best=$("$program" runs whole --columns loss,validation/fine_top1,test/loss,state)
printf 'this is no store of runs, and longer than the header that one would have: %0100d\n' 0 \
    >runs/damaged
mv runs/runs.db runs/kept
cp runs/damaged runs/runs.db
check_run "a run is trained beside a damaged store" 0 'runs/runs.db: .*move it away; the runs are complete' \
    train $tiny --max-steps 1 --run runs/next
check "... and reports it once" [ "$(cat "$scratch/out" "$scratch/err" | grep -c 'the run continues')" -eq 1 ]
check "... with its metrics and events" \
    [ -s runs/next/metrics.jsonl ] && [ "$(event_files runs/next)" -eq 1 ]
check_run "... and a list" 1 'runs/runs.db: .*move it away' runs
check "... which does not change the file" cmp runs/damaged runs/runs.db
mv runs/runs.db runs/away.db
check_run "a run after the store was moved away" 0 '' train $tiny --max-steps 1 --run runs/new
check "... the other run can be added to the new store" [ "$("$program" runs --add runs/next >/dev/null
    fact runs/next step)" = 1 ]
check_run "runs are recorded again" 0 '^runs/whole: recorded in .*runs/runs.db$' runs --add runs/whole
check "... with the same values" [ "$("$program" runs whole \
    --columns loss,validation/fine_top1,test/loss,state)" = "$best" ]
check_run "a directory that is not a run is not recorded" 1 'sub/config.json: cannot be opened' runs --add sub
check_run "adding nothing" 2 'add needs the names or directories of runs' runs --add
check_run "a run without a record is resumed" 0 'stopped after step 5' \
    train --resume runs/limited --max-steps 5
check "... and its history is complete again" agrees runs/limited
check "... from its first step" [ "$(fact runs/limited loss)" = \
    "$(least_loss runs/limited/metrics.jsonl)" ]

finish
