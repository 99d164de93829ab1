#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sweeps as a user runs them, with runs of a second: kills at any moment, several agents at once, the
# ends of sweeps, errors, and output. Short leaves out kills: it continues only sweeps whose agent
# was asked to stop.
set -u
. "${srcdir:-.}/tests/tap.sh"
golden=$(cd "${srcdir:-.}/tests/golden" && pwd)
original=$(cd "${srcdir:-.}/docs" && pwd)/sweep-original.yaml
case ${HCNN_CL:-./hcnn-cl} in
/*) program=${HCNN_CL:-./hcnn-cl} ;;
*) program=$(pwd)/${HCNN_CL:-hcnn-cl} ;;
esac
HCNN_CL=$program
cd "$scratch" || exit 1

data=$golden/cifar-binary.tar.gz # 40 images
words="--backbone tiny --data $data"
brief="$words --batch-size 4 --max-steps 3"
short="$words --batch-size 8 --epochs 1" # with validation and test
steps=50                                 # of a long run: about a second, without validation
long="$words --batch-size 4 --max_steps $steps --checkpoint-every 5"

rates='parameters:
  lr: {distribution: log_uniform_values, min: 0.001, max: 0.1}'
{
    echo 'method: random'
    echo 'metric: {name: loss}'
    echo "$rates"
} >random.yaml
sed 's/random/bayes/' random.yaml >bayes.yaml
sed 's/loss/validation\/loss/' random.yaml >validated.yaml

# trials SWEEP STATE [STORE]: the number of trials of a sweep in that state.
trials() {
    "$program" sweep "$1" --summary --json --store "${3:-runs/runs.db}" 2>/dev/null |
        grep -c "^{\"trial\":.*\"state\":\"$2"
}
# numbered SWEEP COUNT [STORE]: whether the trials have exactly the numbers from 1 to COUNT.
numbered() {
    "$program" sweep "$1" --summary --json --store "${3:-runs/runs.db}" |
        sed -n 's/^{"trial":{"number":\([0-9]*\),.*/\1/p' >numbers
    seq 1 "$2" | cmp - numbers
}
# fingerprint RUN...: inodes, times and content of files, which training a run again would change.
fingerprint() {
    for run in "$@"; do
        ls -li --time-style=full-iso "$run/metrics.jsonl" "$run/last.safetensors"
        cksum "$run/metrics.jsonl"
    done
}
# steps_once RUN COUNT: whether the metrics have exactly one line for each step from 1 to COUNT.
steps_once() {
    grep -o '^{"step":[0-9]*' "$1/metrics.jsonl" | cut -d: -f2 >steps
    seq 1 "$2" | cmp - steps
}
# await FILE PATTERN: waits until a line of the file matches.
await() {
    for turn in $(seq 600); do
        grep -q "$2" "$1" 2>/dev/null && return 0
        sleep 0.1
    done
    echo "$1 never contained $2"
    return 1
}
start() {
    "$program" sweep "$@" >agent.out 2>agent.err &
    agent=$!
}
end() {
    kill "-$1" "$agent" 2>/dev/null
    code=0
    wait "$agent" 2>/dev/null || code=$?
    cp agent.out "$scratch/out"
    cp agent.err "$scratch/err"
}

# ---- Killed half-way: the rest is trained, and no run is trained twice ----

if is_short; then
    skip "an agent that is killed half-way" "it needs a kill"
else
    start bayes.yaml --name seven --count 7 -- $long
    check "three of seven runs finish" await agent.out '^seven-003 finished'
    check "... and the next one is running" await runs/seven-004.log '^step'
    check "... in a directory beside the store" await runs/seven-004/metrics.jsonl '^{"step":3,'
    fingerprint runs/seven-00[1-3] >before
    inode=$(ls -id runs/seven-004)
    end KILL
    check "... when its agent is killed" [ "$code" -eq 137 ]
    check "... its finished trials are kept" [ "$(trials seven finished)" -eq 3 ]
    check_run "the same command continues it" 0 '^seven-004 resumes' \
        sweep bayes.yaml --name seven --count 7 -- $long
    check "... reports that the sweep exists" answered 0 '^sweep seven, continued,'
    check "... predicts the results of later runs" \
        answered 0 '^seven-007 begins .*\(expected [0-9.]+ \+- '
    check "... seven trials in all" numbered seven 7
    check "... each finished" [ "$(trials seven finished)" -eq 7 ]
    fingerprint runs/seven-00[1-3] >after
    check "... no finished run was touched" cmp before after
    check "... or started again" sh -c "! grep -Eq '^seven-00[1-3] (begins|resumes)' '$scratch/out'"
    check "... the interrupted run kept its directory" [ "$(ls -id runs/seven-004)" = "$inode" ]
    check "... has each step once" steps_once runs/seven-004 $steps
    check "... and its log shows both parts" grep -q '^run .*resumed' runs/seven-004.log
    check_run "the command once more has nothing to do" 0 '^best: seven-' \
        sweep bayes.yaml --name seven --count 7 -- $long
    check "... and no run is started" sh -c "! grep -Eq '^seven-00. (begins|resumes)' '$scratch/out'"
    check_run "--count is a total" 0 '^seven-008 finished' \
        sweep bayes.yaml --name seven --count 8 -- $long
    check "... of eight" numbered seven 8
fi

# ---- Other ends of agents and runs ----

start random.yaml --name asked --count 2 -- $long
await runs/asked-001/metrics.jsonl '^{"step":10,'
end TERM
check "an agent that is asked to end saves its runs, exit code 130" answered 130 \
    'the runs of the sweep asked are saved, and the same command continues them'
check "... its trial has not ended" [ "$(trials asked running)" -eq 1 ]
check "... and its run stopped" grep -q 'everything is saved' runs/asked-001.log
check_run "... and is continued" 0 '^asked-001 resumes' sweep random.yaml --name asked --count 2 -- $long
check "... to its end" [ "$(trials asked finished)" -eq 2 ]
check "... every step once, and no more than --max-steps" steps_once runs/asked-001 $steps

# The agent's runs.
children() {
    cat "/proc/$agent/task/$agent/children" 2>/dev/null
}
if is_short; then
    skip "agents killed at any moment" "it needs kills"
else
    # Each agent's run has not yet ended when the next agent starts; the first one must build kernels,
    # which takes seconds.
    export POCL_CACHE_DIR=$PWD/cold
    for delay in 0.4 0.1 0.2 0.3; do
        start random.yaml --name struck --count 3 -- $long
        sleep "$delay"
        kill -KILL "$agent" 2>/dev/null
        wait "$agent" 2>/dev/null
    done
    unset POCL_CACHE_DIR
    for delay in 0.3 0.9 1.3; do
        start random.yaml --name struck --count 2 -- $long
        sleep "$delay"
        kill -KILL "$agent" $(children) 2>/dev/null
        wait "$agent" 2>/dev/null
    done
    check_run "agents killed at any moment, with their runs and without" 0 '^struck-003 finished' \
        sweep random.yaml --name struck --count 3 -- $long
    check "... three trials, each finished" [ "$(trials struck finished)" -eq 3 ]
    check "... never by two processes at once" \
        sh -c "! grep 'created by another start' runs/struck-*.log"
    check "... with every step once" steps_once runs/struck-001 $steps
    check "... the last too" steps_once runs/struck-003 $steps
fi

# The cause of the kill, usually a lack of memory, would come again: the run is not started again.
if is_short; then
    skip "a run that is killed without its agent" "it needs a kill"
else
    start random.yaml --name lonely --count 2 -- $long
    await runs/lonely-001/metrics.jsonl '^{"step":3,'
    kill -KILL $(children)
    code=0
    wait "$agent" || code=$?
    check "a run that is killed without its agent is a failed trial" \
        grep -q '^lonely-001 failed .*the run was killed' agent.out
    check "... and the sweep continues" [ "$code" -eq 0 -a "$(trials lonely finished)" -eq 1 ]
fi

# Of other runs, only their state is read.
if command -v sqlite3 >/dev/null; then
    start random.yaml --name bent --count 2 --store bent/runs.db -- $long
    await bent/bent-001/metrics.jsonl '^{"step":3,'
    sqlite3 -cmd '.timeout 30000' bent/runs.db "UPDATE runs SET config = '{'"
    code=0
    wait "$agent" || code=$?
    check "a run whose record is damaged does not end the sweep" \
        [ "$code" -eq 0 -a "$(trials bent finished bent/runs.db)" -eq 2 ]
else
    skip "a run whose record is damaged" "sqlite3 is missing"
fi

start random.yaml --name removed --count 1 -- $long
await runs/removed-001/metrics.jsonl '^{"step":3,'
end TERM
rm -r runs/removed-001
check_run "a run whose directory was removed starts again" 0 '^removed-001 begins' \
    sweep random.yaml --name removed --count 1 -- $long
check "... whole" steps_once runs/removed-001 $steps

# ---- Two agents at once ----

"$program" sweep random.yaml --name pair --count 6 --jobs 2 --store pair/runs.db -- $brief \
    >one.out 2>&1 &
one=$!
run_program sweep random.yaml --name pair --count 6 --store pair/runs.db -- $brief
wait $one
check "two agents both succeed" [ "$?" -eq 0 -a "$code" -eq 0 ]
check "... six trials, no number twice" numbered pair 6 pair/runs.db
check "... each finished" [ "$(trials pair finished pair/runs.db)" -eq 6 ]
check "... each started by only one of them" [ "$(cat one.out "$scratch/out" | grep -c ' begins ')" -eq 6 ]
check "... some by the first agent" grep -q ' begins ' one.out
check "... and some by the second" grep -q ' begins ' "$scratch/out"

# ---- Ends ----

{
    echo 'method: grid'
    echo 'name: all of it'
    echo "command: [python, train.py, --backbone, tiny, --data, $data, \"--max-steps=\${envvar:STEPS}\", \"\${args}\"]"
    echo 'parameters: {batch_size: {values: [4, 5]}, lr: {values: [0.1, 0.001]}, seed: {value: 2}}'
} >grid.yaml
export STEPS=2
check_run "a grid goes through all points and ends" 0 '^all of it-004 finished' \
    sweep grid.yaml --devices cpu,0:0
check "... after four trials" numbered "all of it" 4
check "... varying the last parameter first" answered 0 \
    '^all of it-002 begins  batch_size=4 lr=0.001 seed=2$'
check "... reports the words of \`command\` that have no meaning" answered 0 'grid.yaml: line 3: .*left out'
check "... its fixed words reach the runs" grep -q '"backbone": "tiny"' "runs/all of it-003/config.json"
check "... without a metric there is no best run" sh -c "! grep -q '^best' '$scratch/out'"
export STEPS=3
check_run "a variable in \`command\` that changed" 2 'all of it was started with other words' sweep grid.yaml
unset STEPS
check_run "... does not matter for --summary" 0 '^all of it-003 ' sweep "all of it" --summary

# The trial's run is gone, and its directory is now that of another run.
start random.yaml --name replaced --count 1 -- $long
await runs/replaced-001/metrics.jsonl '^{"step":10,'
end TERM
run_program runs --delete replaced-001
run_program train $brief --lr 0.5 --run runs/replaced-001
run_program runs --delete --keep-files replaced-001
cp runs/replaced-001/metrics.jsonl before
check_run "a directory of another run is not resumed as a trial" 1 \
    'The last one, replaced-001, failed: a run with other options has this name: its lr is 0.5, not ' \
    sweep random.yaml --name replaced --count 1 -- $long
check "... nor changed" cmp before runs/replaced-001/metrics.jsonl

check_run "a missing device fails every run" 1 \
    "^hcnn-cl: 3 runs of the sweep nowhere failed.* the run could not start: HCNN_DEVICE: no device matches '99:0'" \
    sweep random.yaml --name nowhere --devices 99:0 -- $brief
check "... and the reason is in their logs" grep -q "HCNN_DEVICE: no device matches '99:0'" runs/nowhere-003.log
check "... no fourth run was started" numbered nowhere 3
check_run "... with another device the sweep continues" 0 '^nowhere-004 finished' \
    sweep random.yaml --name nowhere --count 4 -- $brief
check_run "failures beside a running run do not end the sweep" 0 '^half-001 finished' \
    sweep random.yaml --name half --count 4 --devices cpu,99:0 -- $long
check "... three" [ "$(trials half failed)" -eq 3 ]
check_run "a sweep without a successful run fails" 1 \
    '^hcnn-cl: no run of the sweep succeeded. The last one, none-001, failed: the run could not start' \
    sweep random.yaml --name none --count 1 --devices 99:0 -- $brief

{
    cat random.yaml
    echo 'run_cap: 2'
} >capped.yaml
# The parent process may have set SIGCHLD to be ignored.
check "run_cap ends a sweep, also with SIGCHLD ignored" timeout 60 \
    sh -c 'trap "" CHLD; "$@"' - "$program" sweep capped.yaml -- $brief
check "... after two trials" numbered capped 2
check_run "... even with a larger --count" 0 '' sweep capped.yaml --count 5 -- $brief
check "... still two" numbered capped 2
sed 's/validation.loss/validation_loss, target: 1000/' validated.yaml >target.yaml
check_run "a target that is reached ends a sweep" 0 '^target-001 finished' sweep target.yaml -- $short
check "... after one trial" numbered target 1

# ---- Hyperband ----

{
    echo 'method: grid'
    echo 'metric: {name: loss}'
    echo 'early_terminate: {type: hyperband, min_iter: 20, eta: 6}'
    echo 'parameters: {lr: {values: [0.05, 1.0e-9, 0.04]}}'
} >band.yaml
check_run "hyperband ends bad runs early" 0 '^band-002 ended early .*hyperband, at iteration 20' \
    sweep band.yaml -- $words --batch-size 8 --max-steps 119 # the next band is 120
check "... one run" [ "$(trials band 'ended early')" -eq 1 ]
check "... and no other" [ "$(trials band finished)" -eq 2 ]
# Applies the rule to the recorded histories, one file per run: if n runs have reached the band, a run
# at the band stops if more than int(n / 6) of their values there are below its best value.
rule_holds() {
    for run in 1 2 3; do
        sed -n 's/^{"step":[0-9]*,"loss":\([0-9.]*\).*/\1/p' \
            "runs/band-00$run/metrics.jsonl" >"history.$run"
        grep "^band-00$run .*ended early" "$scratch/band" | sed 's/.*iteration //; s/).*//' |
            head -n 1 >"stop.$run"
        [ -s "stop.$run" ] && echo "$run $(cat "stop.$run")" || echo "$run 0"
    done >stops
    awk 'FILENAME != "stops" { split(FILENAME, part, "."); v[part[2], ++n[part[2]]] = $1; next }
        { stopped[$1] = $2 }
        END {
            for (k = 1; k <= 3; k++) {
                band = 20
                if (stopped[k] && stopped[k] != band) { print k, "stopped at", stopped[k]; exit 1 }
                if (n[k] < band) { print k, "ends before", band; exit 1 }
                best = v[k, 1] + 0; reached = 0; below = 0
                for (i = 2; i <= n[k]; i++) if (v[k, i] + 0 < best) best = v[k, i] + 0
                for (j = 1; j <= k; j++) if (n[j] >= band) {
                    reached++
                    below += (v[j, band] + 0 < best)
                }
                print k, n[k], band, reached, below, stopped[k]
                if ((below > int(reached / 6)) != (stopped[k] > 0)) exit 1
            }
        }' history.1 history.2 history.3 stops
}
cp "$scratch/out" "$scratch/band"
check "... as the rule says for the logged values" rule_holds

# ---- Errors at the start ----

# refused NAME EDIT PATTERN: a case that passes if random.yaml, edited by sed, is refused.
refused() {
    sed "$2" random.yaml >refused.yaml
    check_run "$1" 1 "^hcnn-cl: refused.yaml: $3" sweep refused.yaml --store refused/runs.db -- $brief
}
refused "an unknown key" 's/^method/methode/' 'line 1: .*methode'
refused "a parameter that is not an option" 's/lr:/learning:/' 'line 4: .*learning'
refused "a metric that no run logs; the error lists the metrics" 's/loss/val_loss/' \
    'line 2: .*val_loss.*validation/loss'
refused "a value that train refuses" 's/max: 0.1/max: 1e40/' "line 4: 'lr' ranges from .*--lr"
check_run "an unknown option for the runs" 2 "after --.*--epoch; did you mean --epochs" \
    sweep random.yaml --store refused/runs.db -- $brief --epoch 3
check_run "... one that the sweep sets" 2 "after --.*--run: sweep sets this option for each run" \
    sweep random.yaml --store refused/runs.db -- $brief --run x
check_run "... a value that train refuses" 2 "after --.*--epochs 'many'" \
    sweep random.yaml --store refused/runs.db -- $brief --epochs many
check "... none of these made a store" [ ! -e refused ]
odd=$(printf '\377')
check_run "words that are not UTF-8" 2 'is not UTF-8' sweep random.yaml -- $words --data "$odd"
check_run "a name that is not UTF-8" 2 'is not UTF-8' sweep random.yaml --name "$odd" -- $brief
check_run "no file" 2 'sweep needs a sweep file' sweep
check_run "a missing file" 1 'no-such.yaml' sweep no-such.yaml
check_run "a name with a slash" 2 "'a/b' cannot begin the names" sweep random.yaml --name a/b
cp capped.yaml was.yaml
sed -i 's/max: 0.1/max: 0.2/' capped.yaml
check_run "another file under the same name" 2 'capped was started with another file; .*another --name' \
    sweep capped.yaml -- $brief
mv was.yaml capped.yaml
check_run "other words for the runs" 2 'capped was started with other words' sweep capped.yaml -- $words
check_run "another seed" 2 'capped was started with another --seed' sweep capped.yaml --seed 2 -- $brief
check_run "a summary with a number of runs" 2 'count has no effect with --summary' \
    sweep "all of it" --summary --count 3
check_run "a summary of two sweeps" 2 "'other': unexpected argument" sweep "all of it" other --summary
check_run "the summary of an unknown sweep" 1 'the store does not have a sweep sevens; its sweeps are all of it, ' \
    sweep sevens --summary
mkdir damaged
head -c 5000 /dev/zero | tr '\0' x >damaged/runs.db
check_run "a damaged store" 1 'damaged/runs.db: ' sweep random.yaml --store damaged/runs.db -- $brief
check "... which is not changed" [ "$(wc -c <damaged/runs.db)" -eq 5000 ]
check_run "a run outside of a sweep" 0 '' train $brief --run runs/mine-001
check_run "... does not count as a trial" 1 'mine-001: already exists and is not a run of this sweep; .*runs --delete' \
    sweep random.yaml --name mine --count 1 -- $brief
sed 's/validation.loss/validation_coarse_acc/' validated.yaml >coarse.yaml
check_run "a metric that --only-fine never logs ends the sweep after the first run" 1 \
    "coarse.yaml: line 2: the run coarse-001 never logged 'validation/coarse_top1'.*only_fine" \
    sweep coarse.yaml --count 3 -- $brief --only-fine
check "... and not later" numbered coarse 1
check "... whose trial failed" [ "$(trials coarse failed)" -eq 1 ]
check_run "... also in a second attempt" 1 "the run coarse-002 never logged" \
    sweep coarse.yaml --count 3 -- $brief --only-fine

# ---- Output ----

check_run "--json of a new sweep prints only its lines" 0 '^{"sweep":' \
    sweep validated.yaml --name "it's \"one\"" --seed 7 --count 3 --json -- $short
check "... the sweep, three trials, a parameter and the best run" \
    [ "$(cut -d: -f1 "$scratch/out" | tr -d '\n')" = \
    '{"sweep"{"trial"{"trial"{"trial"{"importance"{"best"' ]
check "... each line is an object" [ "$(grep -c '^{.*}$' "$scratch/out")" -eq 6 ]
check "... the sweep's" grep -q '^{"sweep":{"name":"it.s \\"one\\"","method":"random","metric":"validation/loss","goal":"minimize","parameters":\[{"name":"lr","log":true,"values":null}\],"damaged":0}}$' "$scratch/out"
check "... a trial's" grep -Eq '^{"trial":{"number":2,"run":"it.s \\"one\\"-002","state":"finished","message":null,"objective":[0-9.]+,"parameters":{"lr":"0\.[0-9]+"}}}$' "$scratch/out"
check "... a parameter's" grep -Eq '^{"importance":{"name":"lr","correlation":-?[0-9.e-]+,"share":([0-9.]+|null)}}$' "$scratch/out"
check "... the best run's" grep -Eq '^{"best":{"run":"it.s \\"one\\"-00[1-3]","objective":[0-9.]+,"command":"hcnn-cl train .* --lr=0\.[0-9]+"}}$' "$scratch/out"
cp "$scratch/out" json.out
check_run "--summary shows the same" 0 '^best: it.s "one"-00' sweep "it's \"one\"" --summary
command=$(tail -n 1 "$scratch/out")
check_run "a report shows its runs" 0 '^page.html: 3 runs$' \
    report --store runs/runs.db --sweep "it's \"one\"" -o page.html
check "... without a message" [ ! -s "$scratch/err" ]
check_run "a run is forgotten" 0 '002: deleted' runs --delete --keep-files "it's \"one\"-002"
check_run "... and the report names it" 0 'does not have the run it.s "one"-002 of a finished trial' \
    report --store runs/runs.db --sweep "it's \"one\"" -o page.html
# The runs are renamed, or replaced by others.
printf '%s\n' 'method: grid' 'metric: {name: loss}' 'parameters: {lr: {values: [0.01, 0.02, 0.03]}}' >named.yaml
run_program sweep named.yaml -- $brief
mv runs/named-001 runs/aside && mv runs/named-002 runs/named-001 && mv runs/aside runs/named-002
run_program runs --add runs/named-001 runs/named-002
check_run "trials follow runs that changed their names" 0 '^named-002 +finished .* lr=0.01$' \
    sweep named --summary
check "... both of them" answered 0 '^named-001 +finished .* lr=0.02$'
run_program runs --delete named-001
run_program train $brief --lr 0.05 --run runs/named-001
check_run "a run with other options does not count for a trial" 0 \
    '^named-001 +finished +-  +lr=0.02  \(a run with other options has this name: its lr is 0.05, not 0.02\)' \
    sweep named --summary
check_run "... and the report says so" 0 'named-001: a run with other options has this name' \
    report --store runs/runs.db --sweep named -o page.html
check "... and shows the others" answered 0 '^page.html: 2 runs$'

# Runs the command as if typed, with this program as hcnn-cl.
type_it() {
    mkdir -p bin && ln -sf "$program" bin/hcnn-cl
    PATH=$PWD/bin:$PATH sh -c "$command --max-steps 1 --run typed"
}
check "the best run's command trains" type_it
check "... with its options" grep -Eq "\"lr\": $(echo "$command" | sed 's/.*--lr=//')" typed/config.json

check_run "a name with control characters is refused" 2 'cannot begin the names' \
    sweep random.yaml --name "$(printf 'be\033l')" --count 1 -- $brief
check_run "... and one that looks like an option" 2 'cannot begin the names' \
    sweep random.yaml --name=-x --count 1 -- $brief

# ---- The PyTorch project's file, unchanged ----

check_run "the original's search, corrected" 0 '^original-001 finished  validation/loss' \
    sweep "$original" --count 1 -- $words --max-steps 4
cat >wandb.yaml <<'END'
method: bayes
metric:
  goal: minimize
  name: validation_loss
parameters:
  batch_size:
    values: [16, 32]
  epochs:
    values: [10, 15]
  lr:
    min: .001
    max: .01
  fine_const:
    min: 1.0
    max: 3.0
  coarse_const:
    min: 1.0
    max: 2.0
END
check_run "... and as written for wandb" 0 '^wandb-001 finished  validation/loss' \
    sweep wandb.yaml --count 1 -- $words --max-steps 4

finish
