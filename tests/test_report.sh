#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# report as a user calls it: which runs are shown, errors, --watch, and the page in a browser.
set -u
. "${srcdir:-.}/tests/tap.sh"
here=$(cd "${srcdir:-.}/tests" && pwd)
make_runs=$(cd "$(dirname "${HCNN_CL:-./hcnn-cl}")" && pwd)/tests/make_runs
cd "$scratch" || exit 1

check "a store of runs" "$make_runs" runs
if [ "$failures" -gt 0 ]; then
    echo "Bail out! tests/make_runs made no runs; \`make check TESTS=\` builds it"
    exit 1
fi

# ---- Which runs ----

# has_runs PAGE NUMBER: whether a page shows that number of runs.
has_runs() {
    runs=$(grep -o '"directory":' "$1" | wc -l)
    echo "$1 has $runs runs"
    [ "$runs" -eq "$2" ]
}

check_run "report of two runs" 0 '^two.html: 2 runs$' report runs/both-1 runs/fine-1/ -o two.html
check "... shows them" has_runs two.html 2
check "... has the default title" grep -q '^<title>Runs</title>' two.html
check "... does not refresh" sh -c "! grep -q 'http-equiv=\"refresh\"' two.html"
check_run "report of all runs" 0 '^all.html: 4 runs$' \
    report --out all.html --title 'All <b> & more'
check_run "... under the option's other name" 0 '^same.html: 4 runs$' report --output same.html
check "... shows them" has_runs all.html 4
check "... escapes its title" grep -q '^<title>All &lt;b&gt; &amp; more</title>' all.html
check "... turns no name into an element" sh -c "! grep -q '<script>alert' all.html"
check "... keeps the text of names" grep -q 'u003cscript.u003ealert(1)' all.html
check "... loads nothing from the network" \
    sh -c "! grep -Eq '(src|href)=.?https?:|@import|url\\(.?http' all.html"
check "... uses nothing newer than the browsers of 2023" \
    sh -c "! grep -Eq 'light-dark\(|Map\.groupBy|\.(toSorted|toSpliced|with)\(' all.html"
check_run "--store" 0 '^other.html: 4 runs$' report --store runs/runs.db -o other.html
(
    cd runs/fine-1 || exit 1
    "${HCNN_CL:-./hcnn-cl}" report . -o ../../here.html >"$scratch/out" 2>"$scratch/err"
)
check "report of the run in the current directory" has_runs here.html 1

# ---- Errors ----

check_run "report without a page" 2 'report needs -o FILE' report runs/both-1
check_run "a missing run" 1 '^hcnn-cl: none/nowhere: this run does not exist$' \
    report none/nowhere -o no.html
mkdir -p elsewhere/unknown runs/unknown
check_run "a directory without a store beside it" 1 \
    '^hcnn-cl: elsewhere/unknown: is not in a store of runs; `hcnn-cl runs --add elsewhere/unknown`' \
    report elsewhere/unknown -o no.html
check_run "a directory that the store does not know" 1 '`hcnn-cl runs --add .*runs/unknown`' \
    report runs/unknown -o no.html
check_run "a missing store" 1 'elsewhere/runs.db: this store of runs does not exist' \
    report --store elsewhere/runs.db -o no.html
check_run "a store and runs" 2 'leave out either --store or the RUNs' \
    report --store runs/runs.db runs/both-1 -o no.html
check_run "a page that cannot be written" 1 'no-such-directory/r.html' \
    report runs/both-1 -o no-such-directory/r.html
check_run "--watch 0" 2 '^hcnn-cl: --watch 0: has to be between 1 and' \
    report runs/both-1 --watch=0 -o no.html
cp runs/both-1/test.json whole.json
head -c 500 whole.json >runs/both-1/test.json
check "none of these left a page" [ ! -e no.html ]
check_run "a damaged evaluation does not hide the run" 0 \
    'runs/both-1/test.json: is damaged: line 1: .*; remove the file' report runs/both-1 -o no.html
check "... on the page" grep -q '"name":"both-1"' no.html
cp whole.json runs/both-1/test.json

check_run "an unknown sweep" 1 'the store does not have a sweep none' \
    report --sweep none --store runs/runs.db -o no.html
check_run "a sweep takes its own runs" 2 'sweep shows the runs of the sweep' \
    report runs/both-1 --sweep none -o no.html

cp runs/both-1/test.json precious.json
check_run "a file that is not a report is not replaced" 2 'already exists and is not a report' \
    report runs/both-1 -o precious.json
check "... unchanged" cmp precious.json runs/both-1/test.json
mkfifo pipe
check_run "a pipe is not opened" 1 'pipe: is a device or a pipe, not a regular file' \
    report runs/both-1 -o pipe

# ---- --watch ----

check_run "--watch without a running run" 0 '^still.html: 1 run$' \
    report runs/both-1 -o still.html --watch
check "... does not refresh" sh -c "! grep -q 'http-equiv=\"refresh\"' still.html"

live=runs/going/live
check_run "report of a run without a process" 0 '' report $live -o killed.html
check "... shows it as killed" grep -q '"state":"killed"' killed.html

# watch_while SECONDS: starts report --watch while another process locks the run for that time.
watch_while() {
    flock $live sleep "$1" &
    holder=$!
    while flock -n $live true; do sleep 0.1; done
    "${HCNN_CL:-./hcnn-cl}" report $live -o live.html --watch 1 >"$scratch/out" 2>"$scratch/err" &
    watcher=$!
    until [ -e live.html ]; do sleep 0.1; done
}
refreshes() {
    grep -q '^<meta http-equiv="refresh" content="1">$' live.html
}
watch_while 4
check "--watch writes a page that reloads itself" refreshes
ln live.html first.html
code=0
wait $watcher || code=$?
check "... ends with the run" answered 0 '^live.html: rewritten every 1 s while a run is training'
check "... names the page" grep -q '^live.html: 1 run$' "$scratch/out"
check "... and has written it again" sh -c '! [ live.html -ef first.html ]'
check "... without a refresh" sh -c "! grep -q 'http-equiv=\"refresh\"' live.html"
check "... the run is now killed" grep -q '"state":"killed"' live.html
wait $holder
rm -f live.html
watch_while 30
# A background job of a script ignores SIGINT, so SIGTERM is used, which has the same effect.
sleep 0.3
kill -TERM $watcher
code=0
wait $watcher || code=$?
check "an interrupted --watch succeeds" answered 0 '^live.html: 1 run$'
check "... and leaves a page without a refresh" sh -c "! grep -q 'http-equiv=\"refresh\"' live.html"
check "... of a running run" grep -q '"state":"running"' live.html
kill $holder

# ---- In a browser ----

# HCNN_TEST_BROWSER=no skips the browser, for a second pass over the same page.
python=
no_browser=
[ "${HCNN_TEST_BROWSER-yes}" = yes ] || no_browser="HCNN_TEST_BROWSER=$HCNN_TEST_BROWSER"
for candidate in python3 /usr/bin/python3; do
    [ -n "$python$no_browser" ] || ! command -v $candidate >/dev/null ||
        [ -n "$($candidate "$here/report_page.py" --missing)" ] || python=$candidate
done
# Checks the page in a browser; each line of the answer is a case.
use_page() {
    "$python" "$here/report_page.py" runs/sweep.html >said 2>&1
    check "the page can be used" grep -q '^ok ' said
    while IFS= read -r line; do
        case $line in
        'ok '*) check "${line#ok }" true ;;
        'not ok '*) check "${line#not ok }" false ;;
        *) echo "# $line" ;;
        esac
    done <said
    check "... and every check ran" grep -q '1440 pixels, dark: quiet console' said
}
if [ -n "$python" ]; then
    use_page
else
    skip "the page in a browser" "${no_browser:-chromium, chromium-driver or python3-selenium is missing}"
fi

finish
