#!/bin/sh
# Data sets from outside: the forms CIFAR-100 comes in hold the same images, `preprocess` and the
# tree that it makes, damaged and missing files.
set -u
. "${srcdir:-.}/tests/tap.sh"
golden=$(cd "${srcdir:-.}/tests/golden" && pwd)
cd "$scratch" || exit 1

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
    check "... the same losses" same_losses from-binary-archive from-$form
done
mkdir nested
cp -r python nested/cifar-100-python
check_run "a directory that holds the directory" 0 '40 training' \
    train $once --data nested --run from-nested

# ---- Under data/ ----

mkdir data
cp "$golden/cifar-binary.tar.xz" data/cifar-100-binary.tar.xz
check_run "CIFAR-100 under data/ is found" 0 '20 coarse, 100 fine' train $once --run found
check "... and is not called a sample" sh -c "! grep -q sample '$scratch/out'"
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
check "... and no other" [ ! -e half/train_images ]
check "... as JPEG" [ "$(find half -name '*.jpg' | wc -l)" -eq 20 ]
check_run "half a tree is refused" 1 'half/train_images: holds no image' train $once --data half
check_run "a type that is none" 2 "'valid' is neither train nor test" \
    preprocess --data-dir python --types train,valid
check_run "a data set that is not known" 2 'cifar100' preprocess --dataset mnist --data-dir python
check_run "a format that is not known" 2 'png\|jpg' preprocess --data-dir python --format gif
check_run "an archive has no place for a tree" 2 'is no directory.*--out' \
    preprocess --data-dir "$golden/cifar-binary.tar.xz"
check_run "a checkpoint and data of other classes" 1 "class 0 is 'kind t'.*and 'kind a' in" \
    eval --checkpoint from-binary/last.safetensors --data tree

# ---- Damaged ----

damaged=tree/train_images/'kind t'/thing_00/train_00000.png
head -c 100 "$damaged" >cut && mv cut "$damaged"
check_run "a broken image stops the run, by name" 1 'train_00000.png: cannot be decoded' \
    train $once --data tree --run broken
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
mkdir empty
check_run "a directory with nothing in it" 1 'empty' train --data empty
check "none of them left a run" [ ! -e runs ]

finish
