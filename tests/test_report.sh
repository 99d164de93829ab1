#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# report from outside: which runs, what is refused, --watch, and the page in a browser.
set -u
. "${srcdir:-.}/tests/tap.sh"
here=$(cd "${srcdir:-.}/tests" && pwd)
make_runs=$(cd "$(dirname "${HCNN_CL:-./hcnn-cl}")" && pwd)/tests/make_runs
cd "$scratch" || exit 1

check "a store of runs" "$make_runs" runs
if [ "$failures" -gt 0 ]; then
    echo "Bail out! tests/make_runs left no runs; \`make check TESTS=\` builds it"
    exit 1
fi

# ---- Which runs ----

# How many runs a page has.
has_runs() {
    runs=$(grep -o '"directory":' "$1" | wc -l)
    echo "$1 has $runs runs"
    [ "$runs" -eq "$2" ]
}

check_run "report of two runs" 0 '^two.html: 2 runs$' report runs/both-1 runs/fine-1/ -o two.html
check "... has them" has_runs two.html 2
check "... is of the default title" grep -q '^<title>Runs</title>' two.html
check "... does not refresh" sh -c "! grep -q 'http-equiv=\"refresh\"' two.html"
check_run "report of all runs" 0 '^all.html: 4 runs$' \
    report --output all.html --title 'All <b> & more'
check "... has them" has_runs all.html 4
check "... escapes its title" grep -q '^<title>All &lt;b&gt; &amp; more</title>' all.html
check "... no name is an element" sh -c "! grep -q '<script>alert' all.html"
check "... names keep their text" grep -q 'u003cscript.u003ealert(1)' all.html
check "... reaches for nothing" \
    sh -c "! grep -Eq '(src|href)=.?https?:|@import|url\\(.?http' all.html"
check "... asks for nothing that only browsers of 2024 know" \
    sh -c "! grep -Eq 'light-dark\(|Map\.groupBy|\.(toSorted|toSpliced|with)\(' all.html"
check_run "--store" 0 '^other.html: 4 runs$' report --store runs/runs.db -o other.html
(
    cd runs/fine-1 || exit 1
    "${HCNN_CL:-./hcnn-cl}" report . -o ../../here.html >"$scratch/out" 2>"$scratch/err"
)
check "report of the run that one stands in" has_runs here.html 1

# ---- What is refused ----

check_run "report without a page" 2 'report needs -o FILE' report runs/both-1
check_run "a run that is not there" 1 '^hcnn-cl: none/nowhere: there is no such run$' \
    report none/nowhere -o no.html
mkdir -p elsewhere/unknown runs/unknown
check_run "a directory beside which there is no store" 1 \
    '^hcnn-cl: elsewhere/unknown: is in no store of runs; `hcnn-cl runs --add elsewhere/unknown`' \
    report elsewhere/unknown -o no.html
check_run "a directory that the store does not know" 1 '`hcnn-cl runs --add .*runs/unknown`' \
    report runs/unknown -o no.html
check_run "a store that is not there" 1 'elsewhere/runs.db: there is no such store of runs' \
    report --store elsewhere/runs.db -o no.html
check_run "a store and runs" 2 'leave it or the RUNs away' \
    report --store runs/runs.db runs/both-1 -o no.html
check_run "a page that cannot be written" 1 'no-such-directory/r.html' \
    report runs/both-1 -o no-such-directory/r.html
check_run "--watch of no time" 2 '^hcnn-cl: --watch 0: has to be between 1 and' \
    report runs/both-1 --watch=0 -o no.html
cp runs/both-1/test.json whole.json
head -c 500 whole.json >runs/both-1/test.json
check_run "a damaged evaluation" 1 'runs/both-1/test.json: is damaged: line 1: .*; remove it' \
    report runs/both-1 -o no.html
check "... none of them left a page" [ ! -e no.html ]
cp whole.json runs/both-1/test.json

check_run "a sweep that there is not" 1 'knows no sweep none' \
    report --sweep none --store runs/runs.db -o no.html
check_run "a sweep takes its own runs" 2 'sweep takes the runs of the sweep' \
    report runs/both-1 --sweep none -o no.html

cp runs/both-1/test.json precious.json
check_run "a file that is no report stays" 2 'is there already and is no report' \
    report runs/both-1 -o precious.json
check "... as it was" cmp precious.json runs/both-1/test.json

# ---- --watch ----

check_run "--watch where no run goes on" 0 '^still.html: 1 run$' \
    report runs/both-1 -o still.html --watch
check "... does not refresh" sh -c "! grep -q 'http-equiv=\"refresh\"' still.html"

live=runs/going/live
check_run "a run that no process holds is killed" 0 '' report $live -o killed.html
check "... and said to be" grep -q '"state":"killed"' killed.html

# Starts report --watch while something holds the run for so many seconds.
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
check "--watch writes a page that loads itself anew" refreshes
ln live.html first.html
code=0
wait $watcher || code=$?
check "... ends with the run" answered 0 '^live.html: anew every 1 s while a run goes on'
check "... says what it left" grep -q '^live.html: 1 run$' "$scratch/out"
check "... and wrote it anew" sh -c '! [ live.html -ef first.html ]'
check "... without a refresh" sh -c "! grep -q 'http-equiv=\"refresh\"' live.html"
check "... the run is killed by now" grep -q '"state":"killed"' live.html
wait $holder
rm -f live.html
watch_while 30
# A background job of a script ignores SIGINT; SIGTERM is taken alike.
sleep 0.3
kill -TERM $watcher
code=0
wait $watcher || code=$?
check "--watch that is interrupted ends well" answered 0 '^live.html: 1 run$'
check "... and leaves a page without a refresh" sh -c "! grep -q 'http-equiv=\"refresh\"' live.html"
check "... of a run that goes on" grep -q '"state":"running"' live.html
kill $holder

# ---- In a browser ----

# HCNN_TEST_BROWSER=no: what a browser shows has been looked at.
python=
no_browser=
[ "${HCNN_TEST_BROWSER-yes}" = yes ] || no_browser="HCNN_TEST_BROWSER=$HCNN_TEST_BROWSER"
for candidate in python3 /usr/bin/python3; do
    [ -n "$python$no_browser" ] || ! command -v $candidate >/dev/null ||
        [ -n "$($candidate "$here/report_page.py" --missing)" ] || python=$candidate
done
# Says what holds of a page, a case for each line.
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
    check "... to its end" grep -q '1440 pixels, dark: quiet console' said
}
if [ -n "$python" ]; then
    use_page
else
    skip "the page in a browser" "${no_browser:-chromium, chromium-driver or python3-selenium is missing}"
fi

finish
