#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# completions/hcnn-cl.bash: what it offers on a few lines, and that it offers every command and
# option of --help.
set -u
. "${srcdir:-.}/tests/tap.sh"

if ! command -v bash >/dev/null; then
    echo "1..0 # SKIP there is no bash"
    exit 0
fi

# As readline would: the line's words, the last of which is completed; a reply a line. bash splits
# words at '=', and so does who calls this.
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

# complete WORD...: what is offered behind `hcnn-cl`, into $scratch/out, sorted.
complete() {
    bash "$scratch/complete" "$here/completions/hcnn-cl.bash" "$program" "$@" \
        2>"$scratch/err" | sort -u >"$scratch/out"
}

# offers NAME REPLIES WORD...: exactly these, sorted, with blanks between.
offers() {
    offers_name=$1
    offers_expected=$2
    shift 2
    complete "$@"
    check "$offers_name" [ "$(tr '\n' ' ' <"$scratch/out")" = "$offers_expected " ]
    check "... and says nothing" is_empty "$scratch/err"
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

offers "a command that is begun" "data devices" d
offers "an option that is begun" "--no-norm-decay --no-shuffle" train --no
offers "words of a choice" "all test validation" eval --split ""
offers "one of them" "validation" eval --split v
offers "... behind =" "validation" eval --split = v
offers "... all of them" "all test validation" eval --split =
offers "... with a word for a dash" "layer3 layer4" train --coarse_depth ""
offers "words of a schedule" "cosine" train --schedule c
offers "backbones of import" "bit_r50x1" import --backbone b
offers "options alone where no operand is taken" "--help --json" devices ""
offers "nothing for a number" "" train --epochs ""
offers "options of train behind a sweep's --" "--epochs" sweep search.yaml -- --ep
offers "nothing behind another --" "" train -- --ep
offers "nothing for a command that there is not" "" tarin --

# ---- Files, directories and runs ----

mkdir "$scratch/place" "$scratch/place/my data" "$scratch/place/more"
cd "$scratch/place" || exit 1
touch mine.yaml "my cat.jpg"
offers "files" "mine.yaml more my cat.jpg my data" train --data m
complete train --data my
check "names with blanks" [ "$(cat "$scratch/out")" = "my cat.jpg
my data" ]
offers "an alias is the option" "mine.yaml" train --data-path mi
offers "directories" "more my data" train --run m
offers "a recipe's name or file" "mine.yaml modern more my cat.jpg my data" train --recipe m
offers "an image" "my cat.jpg my data" classify --json my
offers "-o takes a file" "mine.yaml" report -o mi
offers "no runs" "more my data" train --resume ""
if run_program train --backbone tiny --epochs 1 --run runs/first --max-steps 1; [ "$code" -eq 0 ]; then
    offers "the store's runs" "runs runs/first" train --resume r
    offers "... as operands" "runs/first" runs --compare runs/
    offers "a run's last checkpoint" "runs/first runs/first/last.safetensors" eval --checkpoint runs/f
    touch runs/first/best.safetensors
    offers "... and the best, if there is one" "runs/first runs/first/best.safetensors" \
        eval --checkpoint runs/f
    # A store knows runs whose directories are gone, which are no directories to offer.
    mkdir "my runs"
    mv runs/runs.db "my runs"
    rm -r runs
    offers "runs of another store" "my runs/first" runs --store 'my\ runs/runs.db' my\ runs/
    offers "... in quotes" "my runs/first" runs --store '"my runs/runs.db"' my\ runs/
    offers "... behind =" "my runs/first" runs --store = 'my\ runs/runs.db' my\ runs/
    home=${HOME-}
    export HOME="$scratch/place/my runs"
    offers "... at home" "$HOME/first" runs --store '~/runs.db' "$HOME/f"
    export HOME="$home"
    offers "... of a variable, which is not looked up" "" runs --store '$(touch made)/runs.db' my\ runs/
    check "... nor run" [ ! -e made ]
    for name in odd "odd$(printf '\033')"; do
        run_program train --backbone tiny --epochs 1 --max-steps 1 --run "runs/$name"
    done
    rm -r runs/odd*
    offers "no run whose name is masked" "runs/odd" runs runs/o
fi

finish
