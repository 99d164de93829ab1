#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Files of earlier versions can be read: a run, its store, a sweep and an imported network. The
# archive contains, written by version 0.1.0 with format 1 of checkpoints,
#
#   runs/old              train --backbone tiny_basic --stem cifar --batch-size 16 --epochs 2
#                         --momentum 0.9 --ema 0.9 --max-steps 100 --metrics-every 5
#   runs/tried-00[12]     sweep sweep.yaml --name tried --count 2 -- --backbone tiny_basic
#                         --only-fine --data cifar-binary.tar.gz --batch-size 8 --max-steps 4
#   imported.safetensors  import --data cifar-binary.tar.gz, of a network after two steps
#
# and the numbers below are those that version 0.1.0 computed from these files.
set -u
. "${srcdir:-.}/tests/tap.sh"
golden=$(cd "${srcdir:-.}/tests/golden" && pwd)
case ${HCNN_CL:-./hcnn-cl} in
/*) ;;
*) HCNN_CL=$(pwd)/${HCNN_CL:-hcnn-cl} ;;
esac
cd "$scratch" || exit 1
tar xzf "$golden/format-1.tar.gz"
cp "$golden/cifar-binary.tar.gz" .
data=cifar-binary.tar.gz

# close_to EXPECTED NUMBERS: whether each number is within 1e-4 of the expected one, relatively.
close_to() {
    echo "$1 / $2" | awk '{
        half = (NF - 1) / 2
        if (NF % 2 == 0 || half < 1 || $(half + 1) != "/")
            exit 1
        for (i = 1; i <= half; i++) {
            off = ($i - $(half + 1 + i)) / $i
            if (off > 1e-4 || off < -1e-4) {
                print $i " became " $(half + 1 + i)
                exit 1
            }
        }
    }'
}
# The losses of the five steps after step 100 in a run's metrics.
later_losses() {
    sed -n '1,/^{"step":100,/d; s/^{"step".*"loss":\([0-9.e-]*\),"coarse.*/\1/p' "$1" | head -n 5 | tr '\n' ' '
}
# The first loss in the output.
loss() {
    sed 's/^[^"]*"images":[0-9]*,"loss":\([0-9.e-]*\),.*/\1/' "$scratch/out"
}
sum() {
    cksum <"$1"
}
picture() {
    printf 'BM\106\0\0\0\0\0\0\0\066\0\0\0\050\0\0\0\2\0\0\0\2\0\0\0\1\0\030\0\0\0\0\0'
    printf '\020\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
    printf '\377\0\0\0\377\0\0\0\0\0\377\377\377\377\0\0'
}
picture >picture.bmp

# ---- The store ----

check_run "runs are listed" 0 '^old +stopped +1 +100 +4.01035 +64.00% +46.00%' runs
check_run "one is shown" 0 '"step":100,"config":\{"data":null,"epochs":2,.*"ema":0.9,.*"validation/loss":4.0103499' \
    runs old --json
check_run "two are compared" 0 '^lr +0.00287135 +0.00437311$' runs --compare tried-001 tried-002
check_run "one is recorded again from its directory" 0 '' runs --add runs/old
check_run "... as it was" 0 '^old +stopped +1 +100 +4.01035 +64.00% +46.00%' runs
check_run "a report is written" 0 '' report runs/old runs/tried-001 -o report.html
check "... with a curve's values" grep -q '4.0103' report.html

# ---- Networks ----

check_run "eval measures the best checkpoint" 0 '"images":200,.*"coarse_top1":0.64,.*"fine_top1":0.46,' \
    eval --checkpoint runs/old/best.safetensors --split validation --json
check "... as before" close_to 4.0103499 "$(loss)"
check_run "... and one of only the fine half" 0 '"images":20,' \
    eval --checkpoint runs/tried-001/last.safetensors --data $data --json
check "... as before" close_to 9.21210747 "$(loss)"
check_run "... and one that was imported" 0 '"images":20,' \
    eval --checkpoint imported.safetensors --data $data --json
check "... as before" close_to 12.2196115 "$(loss)"
check_run "classify" 0 '"name":"landscape","class":1,"probability":0.4891.*"striped","class":8,"probability":0.1857' \
    classify --checkpoint runs/old/best.safetensors --json --top 1 picture.bmp
check_run "... with an imported network" 0 '"kind t","class":0,"probability":0.0525.*"thing_09"' \
    classify --checkpoint imported.safetensors --json --top 1 picture.bmp

last=runs/old/last.safetensors
check_run "export to safetensors" 0 '156 tensors' export $last -o last.safetensors
check "... with the same bytes" [ "$(sum last.safetensors)" = "365068776 50312" ]
check_run "export for torch.load" 0 '156 tensors' export $last -o last.pth
check "... with the same bytes" [ "$(sum last.pth)" = "2336151448 90586" ]
check_run "export to ONNX" 0 'logits coarse and fine' export $last -o last.onnx
check_run "import of the file for torch.load" 0 '^156 tensors taken, 0 skipped, 0 missing$' \
    import last.pth -o back.safetensors
check "... with the same bytes" cmp back.safetensors last.safetensors
check_run "export of the imported network" 0 '156 tensors' export imported.safetensors -o plain.safetensors
check "... with the same bytes" [ "$(sum plain.safetensors)" = "1464794271 59432" ]
check_run "training starts from a checkpoint's weights" 0 '156 tensors loaded' \
    train --backbone tiny_basic --stem cifar --weights $last --max-steps 1 --run started

# ---- Resuming ----

check_run "the run is resumed" 0 'resumed after step 100' train --resume runs/old
# Only five of ten: the roundings of another vector width grow threefold with each step.
check "... its next steps have the same losses" close_to \
    '3.03833206 2.67838284 2.20383475 2.63133169 3.9387108' \
    "$(later_losses runs/old/metrics.jsonl)"
check_run "... it is finished in the store" 0 '^old +finished +2 +150 ' runs
check_run "the sweep is continued" 0 '^tried-003 begins +lr=0.0037204938' \
    sweep sweep.yaml --name tried --count 3 -- --backbone tiny_basic --only-fine --data $data \
    --batch-size 8 --max-steps 4
check "... by only one trial" sh -c "! grep -q '^tried-00[12] begins' '$scratch/out'"
check "... which has the same loss" \
    close_to 9.20373 "$(sed -n 's/^tried-003 finished *loss //p' "$scratch/out")"

finish
