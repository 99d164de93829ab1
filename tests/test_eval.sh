#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# eval and classify as a user calls them, with the tiny backbone on the drawn sample: the numbers that
# training reported, the keys of --json, decisions, the table of classes, the CSV file, and pictures.
set -u
. "${srcdir:-.}/tests/tap.sh"
cd "$scratch" || exit 1

tiny="--backbone tiny --batch-size 40 --seed 3"

# The last epoch's validation in the run's metrics, and the same part of eval's output.
validation() {
    grep '^{"epoch"' "$1" | tail -n 1 | sed 's/.*"validation":{\(.*\)}}$/\1/'
}
measured() {
    sed 's/^{\(.*\),"split":"validation".*$/\1/' "$scratch/out"
}
# value KEY: the first number with that key in the last --json output.
value() {
    sed "s/.*\"$1\":\([0-9.e+-]*\).*/\1/" "$scratch/out"
}
same_values() {
    [ -n "$(value "$1")" ] && [ "$(value "$1")" = "$(value "$2")" ]
}
# The keys of the last --json output in their order, without those in elements of arrays.
keys() {
    tr '{,' '\n\n' <"$scratch/out" | sed -n 's/^"\([a-z_0-9]*\)":.*/\1/p' | tr '\n' ' '
}
has_keys() {
    echo "got:      $(keys)"
    echo "expected: $* "
    [ "$(keys)" = "$* " ]
}
head_keys="macro_f1 nll ece mce undecided names support precision recall f1 confusion"

check_run "a run with its own seed and loss weights" 0 '' \
    train $tiny --coarse 3 --fine 0.5 --epochs 1 --run terms
check_run "a run of only the fine half" 0 '' train $tiny --only-fine --max-steps 2 --run fine
terms=terms/last.safetensors

# ---- eval ----

check_run "eval" 0 '^fine +[0-9.]+% +[0-9.]+% +[0-9.]+% +[0-9]' eval --checkpoint $terms
check "... of the whole test set" answered 0 '^400 images \(all\), decision argmax'
check "... both heads" answered 0 '^coarse +[0-9.]+%'
check "... and the tree" answered 0 'heads.* agree +[0-9.]+%'
check "... and all classes, since there are ten" answered 0 '^fine classes, worst F1 first \(10 of 10\)'
check_run "--classes 3 lists three" 0 'fine classes, .*\(3 of 10\)' eval --checkpoint $terms --classes 3
check "... and three coarse classes" answered 0 'coarse classes, .*\(3 of 4\)'
check_run "--classes 0, in half precision" 0 '^fine +[0-9.]+%' \
    eval --checkpoint $terms --classes 0 --precision fp16
check "... lists neither classes nor pairs" sh -c "! grep -q classes '$scratch/out'"
check_run "--classes with another word" 2 "'some' is neither a number nor all" \
    eval --checkpoint $terms --classes some

check_run "--classes, of which --json has all" 2 'classes has no effect with --json' \
    eval --checkpoint $terms --classes 3 --json
check_run "a seed for the whole test set" 2 'seed halves the test set, so it needs --split' \
    eval --checkpoint $terms --seed 4
check_run "eval of a half" 0 '"images":200,' eval --checkpoint $terms --split validation --json
check "... uses the run's halves and loss weights" [ "$(measured)" = "$(validation terms/metrics.jsonl)" ]
check "... has these keys" has_keys images loss coarse_loss coarse_top1 coarse_top5 fine_loss fine_top1 \
    fine_top5 agreement split decision coarse $head_keys fine $head_keys hierarchy coarse_head \
    coarse_from_fine coarse_marginal agreement both_right mistake_severity mistakes_within \
    distance_at_1 distance_at_5
check "... on one line" [ "$(wc -l <"$scratch/out")" -eq 1 ]
check "... the loss of each head is its negative log likelihood" \
    grep -Eq '"coarse_loss":([0-9]+\.[0-9]{5}).*"nll":\1' "$scratch/out"
check_run "... --seed overrides the run's" 0 '"images":200,' \
    eval --checkpoint $terms --split validation --seed 4 --json
check "... and gives another half" [ "$(measured)" != "$(validation terms/metrics.jsonl)" ]
check_run "... in batches that do not divide the set" 0 '^\{"images":400,' \
    eval --checkpoint $terms --batch-size 37 --json
check_run "eval without a checkpoint" 2 'needs --checkpoint' eval
check_run "a run in place of its checkpoint" 1 \
    '^hcnn-cl: terms: is a directory; expected a file, such as terms/best.safetensors$' \
    eval --checkpoint terms

# ---- Decisions ----

check_run "eval --decision joint" 0 '"decision":"joint"' \
    eval --checkpoint $terms --decision joint --json
check "... the coarse answer is the fine one's parent" same_values coarse_top1 coarse_from_fine
check "... so both are right whenever the fine one is" same_values fine_top1 both_right
joint=$(value fine_top1)
check_run "eval --decision crm" 0 '"decision":"crm"' eval --checkpoint $terms --decision crm --json
check "... coarse and fine answers agree" same_values coarse_top1 coarse_from_fine
check "... with other answers than joint" [ "$(value fine_top1)" != "$joint" ]
check_run "an unknown decision" 2 'decision' eval --checkpoint $terms --decision vote
check_run "joint without a coarse head" 2 '^hcnn-cl: --decision joint needs a coarse head' \
    eval --checkpoint fine/last.safetensors --decision joint
check_run "crm works without a coarse head" 0 '"decision":"crm"' \
    eval --checkpoint fine/last.safetensors --decision crm --json
check "... and leaves out the keys of the coarse head" has_keys images loss fine_loss fine_top1 fine_top5 split \
    decision coarse $head_keys fine $head_keys hierarchy coarse_from_fine coarse_marginal \
    mistake_severity mistakes_within distance_at_1 distance_at_5
check_run "the table without a coarse head" 0 '^from fine +[0-9.]+%' \
    eval --checkpoint fine/last.safetensors --classes all
check "... lists all classes" answered 0 'fine classes, .*\(10 of 10\)'
check "... leaves out the lines of the coarse head" sh -c "! grep -Eq 'coarse head|heads' '$scratch/out'"

# ---- The CSV file ----

# Whether it counts all images, and as many right ones as the top-1 accuracy.
adds_up() {
    awk -F, 'NR > 1 && $1 == "fine" { all += $6; if ($2 == $4) right += $6 }
        END { exit !(all == 400 && right / all - top1 < 1e-6 && top1 - right / all < 1e-6) }' \
        top1="$(value fine_top1)" confusion.csv
}
check_run "--confusion" 0 '' eval --checkpoint $terms --json --confusion confusion.csv
check "... a row for each pair" [ "$(wc -l <confusion.csv)" -eq $((1 + 4 * 4 + 10 * 10)) ]
check "... adds up" adds_up
check_run "... where it cannot be written" 1 'no-such-directory/c.csv.*cannot be written' \
    eval --checkpoint $terms --json --confusion no-such-directory/c.csv
check "... the scores are printed nevertheless" grep -q '^{"images":400' "$scratch/out"

# ---- classify ----

# A 3x2 picture as BMP: PPM is not supported.
bmp() {
    printf 'BM\116\0\0\0\0\0\0\0\066\0\0\0\050\0\0\0\003\0\0\0\002\0\0\0\001\0\030\0\0\0\0\0\030\0\0\0'
    printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
    printf '\377\0\0\0\377\0\0\0\377\0\0\0\020\040\060\100\120\140\160\0\0\0\0\0'
}
bmp >picture.bmp
check_run "classify" 0 'picture.bmp' classify --checkpoint $terms picture.bmp
check "... coarse and fine, with bars" sh -c "grep -q '^  coarse' '$scratch/out' && grep -q '%  [#.]*\$' '$scratch/out'"
check_run "classify --json" 0 '^{"image":"picture.bmp","coarse":\[{"name":' \
    classify --checkpoint $terms --json --top 2 picture.bmp
# Whether the first coarse name is the parent of the first fine one.
agreeing() {
    grep -Eq '"coarse":\[\{"name":"([a-z]+)".*"fine":\[\{"name":"[a-z]+",[^}]*"coarse":"\1"' \
        "$scratch/out"
}
for decision in joint crm; do
    check_run "classify --decision $decision" 0 '' \
        classify --checkpoint $terms --json --decision $decision picture.bmp
    check "... coarse and fine agree" agreeing
done
check_run "classify with joint but without a coarse head" 2 'needs a coarse head' \
    classify --checkpoint fine/last.safetensors --decision joint picture.bmp
echo 'no picture' >broken.png
check_run "a file that cannot be read is an error of its own" 1 'broken.png: cannot be decoded' \
    classify --checkpoint $terms broken.png missing.jpg picture.bmp
check "... a missing file, too" grep -q 'missing.jpg: cannot be opened' "$scratch/err"
check "... and the other files are still classified" grep -q '^picture.bmp' "$scratch/out"
check_run "classify without an image" 2 'at least one image' classify --checkpoint $terms

finish
