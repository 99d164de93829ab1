#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# import and export as a user calls them: a golden network becomes a checkpoint, is exported in every
# format and imported again unchanged.
set -u
. "${srcdir:-.}/tests/tap.sh"

golden=${srcdir:-.}/tests/golden/network-imagenet-sgd.safetensors
fine=${srcdir:-.}/tests/golden/network-only-fine-nesterov.safetensors

# A picture of 2x2 pixels, blue, green, red and white.
make_picture() {
    {
        printf 'BM\106\0\0\0\0\0\0\0\066\0\0\0\050\0\0\0\2\0\0\0\2\0\0\0\1\0\030\0\0\0\0\0'
        printf '\020\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
        printf '\377\0\0\0\377\0\0\0\0\0\377\377\377\377\0\0'
    } >"$1"
}

# A tree of three coarse and seven fine classes, like the golden networks.
tree=$scratch/tree
make_class() {
    for part in train test; do
        mkdir -p "$tree/${part}_images/$1/$2"
        make_picture "$tree/${part}_images/$1/$2/0.bmp"
    done
}
for class in ant bee; do make_class insect $class; done
for class in oak elm fir; do make_class tree $class; done
for class in cod eel; do make_class fish $class; done
echo '{"fish": ["cod", "eel"], "insect": ["ant", "bee"], "tree": ["elm", "fir", "oak"]}' \
    >"$tree/label_map.json"

# ---- A whole network ----

network=$scratch/network.safetensors
check_run "a whole network is recognised" 0 'a network of tiny, imagenet stem, 3 coarse' \
    import "$golden" --prefix before. -o "$network" --data "$tree" --image-size 40
check "... and every tensor is taken" grep -Eq '^186 tensors taken, [0-9]+ skipped, 0 missing$' "$scratch/out"
check_run "with classes it becomes a checkpoint" 0 '^7 images' \
    eval --checkpoint "$network" --data "$tree"
check "... without a training state" sh -c "! grep -aq 'hcnn.state\|hcnn.run' '$network'"
check_run "... that classifies" 0 '\((insect|tree|fish)\)' \
    classify --checkpoint "$network" "$tree/test_images/tree/oak/0.bmp"

check_run "export as safetensors" 0 'plain.safetensors: 186 tensors' \
    export "$network" -o "$scratch/plain.safetensors"
check_run "export for torch.load" 0 'out.pth: 186 tensors' export "$network" --out "$scratch/out.pth"
check_run "PyTorch's file is imported again" 0 '^186 tensors taken, 0 skipped, 0 missing$' \
    import "$scratch/out.pth" -o="$scratch/back.safetensors"
check "... bit-identical" cmp "$scratch/back.safetensors" "$scratch/plain.safetensors"
check_run "training starts from PyTorch's file" 0 '186 tensors loaded' \
    train --weights "$scratch/out.pth" --backbone tiny --data "$tree" --image-size 40 \
    --batch-size 7 --max-steps 1 --run "$scratch/run"

cp "$network" "$scratch/run/last.safetensors"
check_run "a model without a training state cannot be resumed" 1 \
    'has no hcnn.state, so there is no training to resume: .*start a run from it with --weights .*run/last.safetensors$' \
    train --resume "$scratch/run"

# ---- One backbone ----

check_run "the fine backbone under torchvision's names" 0 'tv.pth: 102 tensors' \
    export "$network" --format torchvision --backbone fine -o "$scratch/tv.pth"
check "... without a classifier that has another input" \
    grep -q 'the fine classifier comes after the fusion' "$scratch/out"
check_run "... is accepted by import" 0 'backbone tiny, imagenet stem' \
    import "$scratch/tv.pth" -o "$scratch/tv.safetensors"
check_run "the coarse backbone" 0 'coarse.safetensors: 78 tensors' \
    export "$network" --format torchvision --backbone coarse -o "$scratch/coarse.safetensors"
check_run "... is only a part of a backbone" 1 'the closest is tiny, of which it contains 65 of 85' \
    import "$scratch/coarse.safetensors" -o "$scratch/part.safetensors"
check_run "... and accepted if the backbone is named" 0 '^78 tensors taken, 0 skipped, 20 missing$' \
    import "$scratch/coarse.safetensors" -o "$scratch/part.safetensors" --backbone tiny

alone=$scratch/alone.safetensors
run_program import "$fine" --prefix before. -o "$alone" --data "$tree" --image-size 10
check_run "an only-fine network has its classifier with it" 0 'fc.pth: 104 tensors' \
    export "$alone" --format torchvision -o "$scratch/fc.pth"
check_run "... which import keeps" 0 '^104 tensors taken, 0 skipped, 0 missing$' \
    import "$scratch/fc.pth" -o "$scratch/fc.safetensors"
check_run "... and training loads" 0 '104 tensors loaded$' \
    train --weights "$scratch/fc.safetensors" --backbone tiny --stem cifar --only-fine \
    --data "$tree" --image-size 10 --batch-size 7 --max-steps 1 --run "$scratch/run-fine"
check_run "it has no coarse backbone" 2 'has no coarse backbone, because it was trained with --only-fine' \
    export "$alone" --format torchvision --backbone coarse -o "$scratch/none.pth"

# ---- ONNX ----

check_run "export as ONNX" 0 'image \[batch, 3, 40, 40\], logits coarse and fine' \
    export "$network" -o "$scratch/n.onnx"
check "... with the names of the classes" grep -aq '\["cod","eel","ant","bee","elm","fir","oak"\]' \
    "$scratch/n.onnx"
check "... and the mean of the input" grep -aq '\[0.5071,0.4867,0.4408\]' "$scratch/n.onnx"
check_run "probabilities on demand" 0 'probabilities fine' \
    export "$alone" -o "$scratch/n.onnx" --softmax --format onnx
check "... through a softmax" grep -aq Softmax "$scratch/n.onnx"

# ---- Errors ----

check_run "import without a file" 2 'one file of weights' import -o "$scratch/x.safetensors"
check_run "import without -o" 2 'needs -o FILE' import "$golden"
check_run "a prefix that no network has" 1 'fits no known network' \
    import "$golden" --prefix gradient. -o "$scratch/x.safetensors"
check "... names whole tensors" sh -c "! tail -n +2 '$scratch/err' | grep -Ev '^(hcnn-cl: .*|[^ ]+: (missing|skipped); .* shape \\[[0-9, ]*\\]|and [0-9]+ more)$'"
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\n' >"$scratch/lfs.pth"
check_run "a file that is not weights" 1 'lfs.pth: appears to be a Git LFS pointer .*; expected weights' \
    import "$scratch/lfs.pth" -o "$scratch/x.safetensors"
check_run "... as a checkpoint" 1 'README.md: appears to be a text file; expected weights' \
    export "${srcdir:-.}/README.md" -o "$scratch/x.pth"
check_run "an image size without classes" 2 'image-size needs --data' \
    import "$golden" --image-size 32 -o "$scratch/x.safetensors"
check_run "classes for a backbone" 2 'leave out --data' \
    import "$scratch/tv.pth" -o "$scratch/x.safetensors" --data "$tree"
check_run "a checkpoint as .pth" 2 'with --data the result is a model file' \
    import "$golden" --prefix before. -o "$scratch/x.pth" --data "$tree"
make_class fish ray
echo '{"fish": ["cod", "eel", "ray"], "insect": ["ant", "bee"], "tree": ["elm", "fir", "oak"]}' \
    >"$tree/label_map.json"
check_run "other classes" 1 'has 3 coarse and 8 fine classes, but the network' \
    import "$golden" --prefix before. -o "$scratch/x.safetensors" --data "$tree"
check_run "export without a checkpoint" 2 'needs one checkpoint' export -o "$scratch/x.onnx"
check_run "export without -o" 2 'needs -o FILE' export "$network"
check_run "weights without a checkpoint" 1 'is not a checkpoint' \
    export "$scratch/plain.safetensors" -o "$scratch/x.onnx"
check_run "PyTorch's file as a checkpoint" 1 'hcnn-cl import .* makes it a checkpoint' \
    eval --checkpoint "$scratch/out.pth" --data "$tree"
printf 'PK\003\004 but not an archive' >"$scratch/damaged.pth"
check_run "... even if it cannot be read" 1 'hcnn-cl import .* makes it a checkpoint' \
    eval --checkpoint "$scratch/damaged.pth" --data "$tree"
# An archive of one empty file.
{
    printf 'PK\003\004\012\0\0\0\0\0\0\0\041\0\0\0\0\0\0\0\0\0\0\0\0\0\005\0\0\0a.txt'
    printf 'PK\001\002\012\0\012\0\0\0\0\0\0\0\041\0\0\0\0\0\0\0\0\0\0\0\0\0\005\0\0\0\0\0'
    printf '\0\0\0\0\0\0\0\0\0\0\0\0a.txt'
    printf 'PK\005\006\0\0\0\0\001\0\001\0\063\0\0\0\043\0\0\0\0\0'
} >"$scratch/other.zip"
check_run "another zip archive as a checkpoint" 1 \
    'data.pkl is missing.*; if it is a PyTorch file, `hcnn-cl import .*other.zip' \
    eval --checkpoint "$scratch/other.zip" --data "$tree"
check "... is not called a PyTorch file" sh -c "! grep -q ': is a PyTorch file' '$scratch/err'"
check_run "a name without a format" 2 'does not say the format' export "$network" -o "$scratch/x"
check_run "a name of another format" 2 'does not fit --format onnx' \
    export "$network" -o "$scratch/x.pth" --format onnx
check_run "--backbone with another format" 2 'needs --format torchvision' \
    export "$network" -o "$scratch/x.pth" --backbone fine
check_run "--softmax with another format" 2 'needs --format onnx' \
    export "$network" -o "$scratch/x.pth" --softmax

# ---- What may not be replaced ----

run=$scratch/run
touch "$run/optimizer-1.safetensors"
ln "$network" "$scratch/second.safetensors"
cp -r "$run" "$scratch/kept"
cp "$network" "$scratch/kept.safetensors"
for name in network second; do
    check_run "export to what it reads, as $name" 2 "$name.safetensors: is the file that is read" \
        export "$network" -o "$scratch/$name.safetensors"
done
check_run "import to what it reads" 2 'network.safetensors: is the file that is read' \
    import "$network" -o "$network"
check_run "a confusion matrix to what eval reads" 2 'network.safetensors: is the file that is read' \
    eval --checkpoint "$network" --data "$tree" --confusion "$network"
for name in last best optimizer-1; do
    check_run "export to the run's $name" 2 "run/$name.safetensors: is a file that its run needs" \
        export "$network" -o "$run/$name.safetensors"
done
check_run "import to a run's checkpoint" 2 'run/best.safetensors: is a file that its run needs' \
    import "$scratch/out.pth" -o "$run/best.safetensors"
check_run "a confusion matrix to a run's metrics" 2 'run/metrics.jsonl: is a file that its run needs' \
    eval --checkpoint "$network" --data "$tree" --confusion "$run/metrics.jsonl"
check "... and all of them stay" diff -r "$run" "$scratch/kept"
check "... as does what was read" cmp "$network" "$scratch/kept.safetensors"
check_run "another name in a run's directory" 0 '186 tensors' export "$network" -o "$run/out.safetensors"
check_run "a run's name elsewhere" 0 '186 tensors' export "$network" -o "$scratch/last.safetensors"

# `! ls x.* *tmp*` would succeed as soon as one of the two patterns matches nothing.
left=$(find "$scratch" -maxdepth 1 \( -name 'x.*' -o -name '*tmp*' \))
check "no output or temporary file is left" [ -z "$left" ]

finish
