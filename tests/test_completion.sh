#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# completions/hcnn-cl.bash: the completions of a few lines, and whether every command and option of
# --help is offered.
set -u
. "${srcdir:-.}/tests/tap.sh"

if ! command -v bash >/dev/null; then
    echo "1..0 # SKIP bash is missing"
    exit 0
fi

# Completes like readline: the arguments are the words of the line, of which the last one is
# completed; each reply is a line. bash splits words at '=', so callers must do the same.
cat >"$scratch/complete" <<'END'
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_hcnn_cl "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
END

here=$(cd "${srcdir:-.}" && pwd)
program=$(cd "$(dirname "${HCNN_CL:-./hcnn-cl}")" && pwd)/hcnn-cl

# complete WORD...: writes the replies for the line `hcnn-cl WORD...` to $scratch/out, sorted.
complete() {
    bash "$scratch/complete" "$here/completions/hcnn-cl.bash" "$program" "$@" \
        2>"$scratch/err" | sort -u >"$scratch/out"
}

# offers NAME REPLIES WORD...: a case that passes if exactly these replies, sorted and separated by
# blanks, are offered.
offers() {
    offers_name=$1
    offers_expected=$2
    shift 2
    complete "$@"
    check "$offers_name" [ "$(tr '\n' ' ' <"$scratch/out")" = "$offers_expected " ]
    check "... and nothing is on standard error" is_empty "$scratch/err"
}

# ---- Every command and option ----

"$program" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' >"$scratch/commands"
check "--help lists commands" [ "$(wc -l <"$scratch/commands")" -gt 10 ]
complete ""
cp "$scratch/out" "$scratch/offered"
for name in $(cat "$scratch/commands"); do
    check "$name is offered" grep -qx "$name" "$scratch/offered"
    complete "$name" --
    for option in $("$program" "$name" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'); do
        check "$name $option is offered" grep -qx -e "$option" "$scratch/out"
    done
done

# ---- Values ----

offers "the start of a command" "data devices" d
offers "the start of an option" "--no-norm-decay --no-selftest --no-shuffle" train --no
offers "values of a choice" "all test validation" eval --split ""
offers "... one of them" "validation" eval --split v
offers "... after =" "validation" eval --split = v
offers "... all of them" "all test validation" eval --split =
offers "... with an underscore for a dash" "layer3 layer4" train --coarse_depth ""
offers "names of schedules" "cosine" train --schedule c
offers "backbones of import" "bit_r50x1" import --backbone b
offers "only options if the command has no operands" "--help --json" devices ""
offers "nothing for a number" "" train --epochs ""
offers "options of train after a sweep's --" "--epochs" sweep search.yaml -- --ep
offers "nothing after the -- of other commands" "" train -- --ep
offers "nothing for an unknown command" "" tarin --

# ---- Files, directories and runs ----

mkdir "$scratch/place" "$scratch/place/my data" "$scratch/place/more"
cd "$scratch/place" || exit 1
touch mine.yaml "my cat.jpg"
offers "files" "mine.yaml more my cat.jpg my data" train --data m
complete train --data my
check "names with blanks" [ "$(cat "$scratch/out")" = "my cat.jpg
my data" ]
offers "an alias completes like its option" "mine.yaml" train --data-path mi
offers "directories" "more my data" train --run m
offers "names and files of recipes" "mine.yaml modern more my cat.jpg my data" train --recipe m
offers "an image" "my cat.jpg my data" classify --json my
offers "a file for -o" "mine.yaml" report -o mi
offers "directories if there are no runs" "more my data" train --resume ""
if run_program train --backbone tiny --epochs 1 --run runs/first --max-steps 1; [ "$code" -eq 0 ]; then
    offers "the store's runs" "runs runs/first" train --resume r
    offers "... as operands" "runs/first" runs --compare runs/
    offers "a run's last checkpoint" "runs/first runs/first/last.safetensors" eval --checkpoint runs/f
    touch runs/first/best.safetensors
    offers "... and the best, if there is one" "runs/first runs/first/best.safetensors" \
        eval --checkpoint runs/f
    # The store still lists runs whose directories are gone; they are offered as runs only.
    mkdir "my runs"
    mv runs/runs.db "my runs"
    rm -r runs
    offers "runs of another store" "my runs/first" runs --store 'my\ runs/runs.db' my\ runs/
    offers "... in quotes" "my runs/first" runs --store '"my runs/runs.db"' my\ runs/
    offers "... after =" "my runs/first" runs --store = 'my\ runs/runs.db' my\ runs/
    home=${HOME-}
    export HOME="$scratch/place/my runs"
    offers "... in the home directory" "$HOME/first" runs --store '~/runs.db' "$HOME/f"
    export HOME="$home"
    offers "... but a variable is not expanded" "" runs --store '$(touch made)/runs.db' my\ runs/
    check "... and a command is not run" [ ! -e made ]
    for name in odd "odd$(printf '\033')"; do
        run_program train --backbone tiny --epochs 1 --max-steps 1 --run "runs/$name"
    done
    rm -r runs/odd*
    offers "not a run whose name is masked" "runs/odd" runs runs/o
fi

finish
