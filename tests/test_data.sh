#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Data sets as a user gives them: all forms of CIFAR-100 give the same images; `preprocess` and its
# tree, other trees, CSV and DeepFashion; `data`, --balance and --crop-boxes; damaged and missing
# files.
set -u
. "${srcdir:-.}/tests/tap.sh"
golden=$(cd "${srcdir:-.}/tests/golden" && pwd)
cd "$scratch" || exit 1

program=${HCNN_CL:-./hcnn-cl}
once="--backbone tiny --batch-size 10 --augment none --no-shuffle --max-steps 4"

steps() {
    grep '^{"step"' "$1/metrics.jsonl"
}
same_losses() {
    steps "$1" >a && steps "$2" >b && [ -s a ] && cmp a b
}

# ---- CIFAR-100's forms ----

mkdir python binary
tar xzf "$golden/cifar-python.tar.gz" -C python --strip-components=1
tar xzf "$golden/cifar-binary.tar.gz" -C binary --strip-components=1

check_run "binary version, .tar.xz" 0 '40 training, 10 validation, 20 test images; 20 coarse, 100 fine' \
    train $once --data "$golden/cifar-binary.tar.xz" --run from-binary-archive
check_run "binary version, .tar.gz" 0 '40 training' \
    train $once --data "$golden/cifar-binary.tar.gz" --run from-binary-gz
check_run "binary version, a directory" 0 '40 training' train $once --data binary --run from-binary
check_run "python version, .tar.gz" 0 '40 training' \
    train $once --data "$golden/cifar-python.tar.gz" --run from-python-archive
check_run "python version, a directory" 0 '40 training' \
    train $once --data_path python --run from-python
for form in binary-gz binary python-archive python; do
    check "... $form gives the same losses" same_losses from-binary-archive from-$form
done
mkdir nested
cp -r python nested/cifar-100-python
check_run "a directory that contains the directory" 0 '40 training' \
    train $once --data nested --run from-nested

# ---- Under data/ ----

mkdir data
cp "$golden/cifar-binary.tar.xz" data/cifar-100-binary.tar.xz
check_run "CIFAR-100 under data/ is found" 0 '20 coarse, 100 fine' train $once --run found
check "... and is not reported as the sample" sh -c "! grep -q sample '$scratch/out'"
rm -r data

# ---- preprocess ----

check_run "preprocess needs a directory" 2 'needs --data-dir' preprocess
check_run "preprocess" 0 'label_map.json: 20 coarse, 100 fine classes' \
    preprocess --dataset cifar100 --data-dir python --types train,test
check "... makes a file per image" [ "$(find python/train_images python/test_images -name '*.png' | wc -l)" -eq 60 ]
check "... under its coarse and fine class" [ -f "python/train_images/kind t/thing_00/train_00000.png" ]
check "... sorts the coarse names" sh -c "head -n 2 python/label_map.json | grep -q '\"kind a\"'"
mkdir tree
mv python/train_images python/test_images python/label_map.json tree
check_run "the tree can be trained on" 0 '40 training.*20 coarse, 100 fine' \
    train $once --data tree --run from-tree
check_run "only one part" 0 'test_images: 20 images' \
    preprocess --data_dir "$golden/cifar-binary.tar.xz" --out half --types test --format jpg
check "... and not the other" [ ! -e half/train_images ]
check "... as JPEG" [ "$(find half -name '*.jpg' | wc -l)" -eq 20 ]
check_run "a part that exists is not replaced" 2 'half/test_images: already exists; remove it' \
    preprocess --data_dir "$golden/cifar-binary.tar.xz" --out half
echo '{"kind a": ["mine"]}' >half/label_map.json
cp half/label_map.json own.json
check_run "a map of other classes is not replaced" 2 'half/label_map.json: already exists and .*; remove it' \
    preprocess --data_dir "$golden/cifar-binary.tar.xz" --out half --types train
check "... nor are images written" [ ! -e half/train_images ]
check "... and it is as before" cmp own.json half/label_map.json
check_run "half a tree is refused" 1 'half/train_images: contains no image' train $once --data half

# ---- A preprocess that is killed ----

# Enough images that it takes seconds. Whenever it is killed, there is either no data set or a whole
# one; the next start removes what it left, or completes it.
mkdir many
cp binary/*.txt binary/test.bin many
five_times() {
    cat "$1" "$1" "$1" "$1" "$1"
}
five_times binary/train.bin >many/5
five_times many/5 >many/25
cat many/25 many/25 >many/50
five_times many/50 >many/train.bin
rm many/5 many/25 many/50
all=10020
images() {
    find "$1" -name '*.png' | wc -l
}
none_or_whole() {
    if run_program data killed && [ "$code" -eq 0 ]; then
        [ "$(images killed/train_images)" -eq $((all - 20)) ] &&
            [ "$(images killed/test_images)" -eq 20 ]
    else
        [ ! -e killed/train_images ]
    fi
}
torn=0
for moment in 0.02 0.05 0.1 0.3 0.6 1 1.5 2; do
    "$program" preprocess --data-dir many --out killed >going 2>&1 &
    victim=$!
    sleep $moment
    kill -9 $victim 2>/dev/null
    wait $victim 2>/dev/null
    none_or_whole || torn=$((torn + 1))
done
check "killed at any moment, preprocess leaves no part of a data set" [ $torn -eq 0 ]
run_program preprocess --data-dir many --out killed
check "the next start completes it" [ "$(images killed)" -eq $all ]
check "... and leaves nothing else" says "label_map.json test_images train_images" words_of ls -A killed
check_run "... which is then refused" 2 'killed/test_images: already exists; remove it' \
    preprocess --data-dir many --out killed
check "... and is still whole" [ "$(images killed)" -eq $all ]
mkdir killed/.preprocess.new-1-0
mv killed/test_images killed/train_images killed/label_map.json killed/.preprocess.new-1-0
check_run "a start that only completes succeeds" 0 'killed: completed what .* wrote nothing else' \
    preprocess --data-dir many --out killed
check "... with all images" [ "$(images killed/train_images)" -eq $((all - 20)) ]
rm -r killed many

# ---- Other trees and CSV: the same images give the same losses ----

mkdir plain
cp -r tree/train_images plain/train
cp -r tree/test_images plain/val
check_run "a tree of train and val" 0 '40 training, 20 validation, 0 test images; 20 coarse, 100' \
    train $once --data plain --run from-plain
check "... gives the same losses" same_losses from-tree from-plain
check_run "eval has nothing to test on there" 1 'no images for --split all.*--split validation' \
    eval --checkpoint from-plain/last.safetensors --data plain
check_run "eval on what validated" 0 '"images":20,.*"split":"validation"' \
    eval --checkpoint from-plain/last.safetensors --data plain --split validation --json
mkdir plain/test
cp -r plain/val/* plain/test
find plain/test -name '*1.png' -exec rm {} +
check_run "a tree of three parts" 0 '40 training, 20 validation, 1[0-9] test images' \
    train $once --max-steps 1 --data plain --run from-three
rm -r plain/test

# rows DIRECTORY SPLIT: rows PATH,COARSE,FINE,SPLIT for the files below a directory, in the tree's
# order.
rows() {
    find "$1" -name '*.png' | LC_ALL=C sort | awk -F/ -v OFS=, -v part="$2" '
        { print "\"" $0 "\"", $(NF - 2), $(NF - 1), part }'
}
{
    echo image,coarse,fine,split
    rows plain/train train
    rows plain/val test
} >images.csv
sed 's/,[a-z]*$//' images.csv | head -n 31 >train.csv
# The tree may also have classes without images, a CSV file cannot.
check_run "a CSV file" 0 '40 training, 10 validation, 20 test images; 20 coarse, [0-9]+ fine' \
    train $once --only-fine --data images.csv --run from-csv
check_run "... whose test half and whole are measured" 0 'whole test' \
    train $once --epochs 1 --max-steps 0 --data images.csv --run csv-tested
check_run "a CSV file without a split" 0 '24 training, 3 validation, 3 test.*' \
    train $once --max-steps 1 --data train.csv --run from-train-csv
check "... reports the images that are held out" grep -q 'a tenth of the training images for validation' "$scratch/out"
echo 'plain/x.png,a,b,dev' >>images.csv
check_run "a CSV file with an error" 1 'images.csv: line 62: the split is .dev.' train --data images.csv

# ---- data ----

check_run "data shows the form and the classes" 0 '^plain: tree; 20 coarse, 100 fine classes, 40 of' \
    data plain
check "... as a tree with counts" grep -Eq '^  thing_00 +1 +0 +0$' "$scratch/out"
check "... the sizes" grep -q 'width 32 to 32, median 32' "$scratch/out"
check "... and no bad file" grep -q '^broken files: 0 of 60' "$scratch/out"
check_run "data without a path shows the sample" 0 '^drawn sample: sample; 4 coarse, 10 fine' data
check_run "data --json" 0 '^{"source":"plain","form":"tree","train":40,"valid":20,"test":0,' \
    data --json --threads 2 plain
check "... with the classes" \
    grep -q '{"class":0,"name":"kind a","train":2,"valid":1,"test":0,"fine":\[{"class":0,' "$scratch/out"
check "... and the sizes" grep -q '"width":{"min":32,"median":32,"max":32}' "$scratch/out"
check_run "data takes one path" 2 'accepts one PATH' data a b
check_run "data of something that is not a data set" 1 'known form; --data accepts:' data half/test_images

# ---- --balance ----

check_run "--balance" 0 '40 training' \
    train --backbone tiny --batch-size 10 --data plain --balance --epochs 2 --run balanced
check_run "--balance, stopped in an epoch" 0 'stopped after step 6' \
    train --backbone tiny --batch-size 10 --data plain --balance --epochs 2 --max-steps 6 --run half-balanced
check_run "... and resumed" 0 'best checkpoint' train --resume half-balanced
check "... with the same losses" same_losses balanced half-balanced
check_run "--balance and --no-shuffle" 2 '--balance draws' train $once --balance --data plain

# ---- DeepFashion, with CIFAR's pictures ----

mkdir -p fashion/Anno fashion/Eval fashion/Img/img/Things
cp plain/train/*/*/*.png plain/val/*/*/*.png fashion/Img/img/Things
names=$(cd fashion/Img && LC_ALL=C ls img/Things/*.png)
# list FILE HEADER VALUES: writes a list with a row for each image.
list() {
    {
        echo "$names" | wc -l
        echo "image_name $2"
        echo "$names" | awk -v values="$3" '{
            gsub(/.*_0*|.png/, "", $2)
            print $1 "    " (values == "label" ? NR % 3 + 1 : \
                             values == "part" ? (NR <= 30 ? "train" : NR <= 45 ? "val" : "test") : values)
        }'
    } >"fashion/$1"
}
printf '4\ncategory_name category_type\nTee 1\nJeans 2\nSkirt 2\nCape 3\n' \
    >fashion/Anno/list_category_cloth.txt
list Anno/list_category_img.txt category_label label
list Eval/list_eval_partition.txt evaluation_status part
check_run "DeepFashion" 0 '30 training, 15 validation, 15 test images; 3 coarse, 4 fine classes' \
    train $once --max-steps 2 --data fashion --run from-fashion
check_run "--crop-boxes without boxes" 2 'fashion has no boxes' \
    train $once --crop-boxes --data fashion
list Anno/list_bbox.txt 'x_1 y_1 x_2 y_2' '012 014 018 016'
check_run "--crop-boxes" 0 '30 training' \
    train $once --max-steps 2 --crop-boxes --data fashion --run cropped
check "... changes what is trained on" sh -c "! cmp -s from-fashion/metrics.jsonl cropped/metrics.jsonl"
check_run "eval crops as the run did" 0 '"images":15' \
    eval --checkpoint cropped/last.safetensors --data fashion --json
cp "$scratch/out" cropped-eval
check_run "... or if told to" 0 '"images":15' \
    eval --checkpoint cropped/last.safetensors --data fashion --json --crop-boxes
check "... with the same scores" cmp "$scratch/out" cropped-eval
check_run "data lists a class without images" 0 'Cape +0 +0 +0' data fashion
check "... and the boxes" grep -q '^boxes: one for each image' "$scratch/out"
rm fashion/Anno/list_bbox.txt
check_run "eval without the boxes that the run had" 2 '--crop-boxes: the data set has no boxes' \
    eval --checkpoint cropped/last.safetensors --data fashion
check_run "an unknown type" 2 "'valid' is neither train nor test" \
    preprocess --data-dir python --types train,valid
check_run "an unknown data set" 2 'cifar100' preprocess --dataset mnist --data-dir python
check_run "an unknown format" 2 'png\|jpg' preprocess --data-dir python --format gif
check_run "an archive without --out" 2 'is not a directory.*--out' \
    preprocess --data-dir "$golden/cifar-binary.tar.xz"
check_run "a checkpoint and data of other classes" 1 "class 0 is 'kind t'.*and 'kind a' in" \
    eval --checkpoint from-binary/last.safetensors --data tree

# ---- Damaged ----

damaged=tree/train_images/'kind t'/thing_00/train_00000.png
head -c 100 "$damaged" >cut && mv cut "$damaged"
check_run "a broken image is skipped, by name" 0 \
    'skipped image 1 of at most 10: .*train_00000.png: cannot be decoded' \
    train $once --data tree --run broken
check_run "... unless none is allowed" 1 '1 images cannot be read, and --max-bad allows 0' \
    train $once --data tree --max-bad 0 --checkpoint-every 1 --run broken-too
check_run "... but the run can be resumed with a higher limit" 0 'skipped image 1 of at most 1: ' \
    train --resume broken-too --max-steps 4 --max-bad 1
check "... to the same losses" same_losses broken broken-too
check_run "data does not notice a truncated image from its header" 0 'broken files: 0 of 60' data tree
check_run "... but with --check" 1 'broken files: 1 of 60' data --check tree
check "... names it" grep -q 'train_00000.png: cannot be decoded' "$scratch/out"
check_run "... and in JSON" 1 '"decoded":true,"bad":\[{"part":"train","image":"tree/train_im' \
    data --check --json tree
escape=$(printf '\033')
for part in train valid; do
    mkdir -p "masked/$part/animal/red$escape[31m" "masked/$part/animal/été"
    cp tree/test_images/*/*/test_00000.png "masked/$part/animal/été/one.png"
    cp tree/test_images/*/*/test_00000.png "masked/$part/animal/red$escape[31m/one$escape.png"
done
: >"masked/train/animal/red$escape[31m/two$escape.png"
check_run "control characters in names are masked" 0 'red\?\[31m' data masked
check "... and columns are aligned by characters" grep -Eq '^  été {36}1 {9}1 {9}0$' "$scratch/out"
check "... also in messages" grep -qF 'two?.png: ' "$scratch/out"
check "... without any control character" sh -c "! grep -q '$escape' '$scratch/out'"
check_run "... also in errors" 1 'no\?\[2J.csv' data "no${escape}[2J.csv"
check "... without any control character" sh -c "! grep -q '$escape' '$scratch/err'"
mirror=$(printf '\342\200\256') # the text after it is shown from right to left
mv masked "mas${mirror}ked"
check_run "... also in JSON, which is ASCII" 0 'mas\\u202[Ee]ked' data --json "mas${mirror}ked"
check "... without any control character" sh -c "! grep -q '$mirror' '$scratch/out'"
check_run "... also in the name of a run" 0 '^run +r\?\[1mun$' train $once --run "r$escape[1mun"
check "... also at the end" grep -q -e '--resume r?\[1mun continues' "$scratch/out"
check "... without any control character" sh -c "! grep -q '$escape' '$scratch/out'"
for bad in tree/test_images/*/*/*.png; do : >"$bad"; done
check_run "eval stops after --max-bad broken images" 1 '4 images cannot be read, and --max-bad allows 3' \
    eval --checkpoint from-tree/last.safetensors --data tree --max-bad 3
check_run "... and names those it skips" 1 'skipped image 1 of at most 10' \
    eval --checkpoint from-tree/last.safetensors --data tree
rm "$damaged"
for size in 0 10 1000 6000; do
    head -c "$size" "$golden/cifar-binary.tar.xz" >cut.tar.xz
    head -c "$size" "$golden/cifar-python.tar.gz" >cut.tar.gz
    check_run "a .tar.xz of $size bytes" 1 '^hcnn-cl: .*cut.tar.xz' train --data cut.tar.xz
    check_run "a .tar.gz of $size bytes" 1 '^hcnn-cl: .*cut.tar.gz' train --data cut.tar.gz
done
head -c 5000 python/train >cut && mv cut python/train
check_run "a pickle cut short" 1 'train: byte [0-9]+' train --data python
head -c 100000 binary/train.bin >cut && mv cut binary/train.bin
check_run "records cut short" 1 'train.bin: 100000 bytes are 32 whole records' train --data binary
# Opening a pipe without a writer would wait forever.
for name in pipe.tar.gz pipe.csv pipe.pth; do
    mkfifo $name
    code=0
    case $name in
    *.pth) set -- import $name --out imported.safetensors ;;
    *) set -- data $name ;;
    esac
    timeout 20 "${HCNN_CL:-./hcnn-cl}" "$@" >"$scratch/out" 2>"$scratch/err" || code=$?
    check "a pipe is not waited for: $*" answered 1 "$name: is not a regular file"
done
echo '# Title' >page.md
printf 'PK\003\004' >photos.zip
check_run "a text file" 1 'page.md: appears to be a text file; --data accepts:' data page.md
check "... lists the forms" grep -q '^  CIFAR-100, binary or python' "$scratch/err"
check_run "a zip archive" 1 'photos.zip: appears to be a zip archive; --data accepts:' \
    train --data photos.zip
check_run "... for preprocess" 1 'photos.zip: appears to be a zip archive; expected a .tar.gz' \
    preprocess --data-dir photos.zip --out photos
mkdir empty
check_run "a directory with nothing in it" 1 'empty' train --data empty
check "none of these left a run" [ ! -e runs ]

finish
