# shellcheck shell=bash disable=SC2154,SC2034 # variables shared with run
# SPDX-License-Identifier: Apache-2.0
# Part of the kit, sourced by ./run: the two reports. report.jsonl gets a line per step as soon as the
# step ends, and report.md is written anew after each step.
#
# Uses: kit, out, work, the directories of the kit, of the results and of temporary files.

tables=$work/tables
# A table of report.md is a file here; the number is its place.
begin_reports() {
    mkdir -p "$tables" "$out/logs"
    rm -f "$tables"/*
    : >"$out/report.jsonl"
}

# anonymous: copies stdin without the paths of this machine, which may contain the user's name. A
# directory stands before those that contain it.
anonymous() {
    local text place path
    text=$(cat)
    for place in "RESULTS=$out" "KIT=$kit" "WORK=$work" "TMPDIR=${TMPDIR:-}" "HOME=${HOME:-}"; do
        path=${place#*=}
        path=${path%/}
        [[ $path != /?* ]] || text=${text//"$path"/${place%%=*}}
    done
    printf '%s\n' "$text"
}

# json_text TEXT: a JSON string.
json_text() {
    printf '"%s"' "$(printf %s "$1" | tr -c '[:print:]' ' ' | sed 's/[\\"]/\\&/g')"
}

# json_field NAME FILE: the first number, text or truth of that name in a file of JSON.
json_field() {
    grep -oE "\"$1\": *(\"[^\"]*\"|[-+0-9.e]+|true|false)" "$2" 2>/dev/null | head -n 1 |
        sed 's/^[^:]*: *//; s/"//g'
}

# result STEP RESULT SECONDS [MEMBERS]: the line of a step; MEMBERS is more JSON, as '"failed": 2'.
result() {
    printf '{"step": %s, "result": %s, "seconds": %s%s}\n' "$(json_text "$1")" \
        "$(json_text "$2")" "$3" "${4:+, $4}" | anonymous >>"$out/report.jsonl"
    write_report
}

# unfinished_steps: how many steps had too little time, also when they were tried once more.
unfinished_steps() {
    awk -F '"' '{ result[$4] = $8 }
        END { for (step in result) count += result[step] ~ /^(stopped|not run)$/; print count + 0 }' \
        "$out/report.jsonl"
}

# row PLACE CELL...: a row of a table.
row() {
    local place=$1
    shift
    {
        printf '|'
        printf ' %s |' "$@"
        echo
    } >>"$tables/$place"
}

# table PLACE TITLE COLUMN...: begins a table.
table() {
    local place=$1 title=$2
    shift 2
    [ ! -e "$tables/$place" ] || return 0
    printf '## %s\n\n' "$title" >"$tables/$place"
    row "$place" "$@"
    row "$place" "${@//*/---}"
}

# sentence PLACE TEXT: a line below the rows of a table.
sentence() {
    printf '\n%s\n' "$2" >>"$tables/$1"
}

# failure NAME LOG: the last lines of the log of what failed.
failure() {
    failures=$((failures + 1))
    [ -e "$tables/90" ] || printf '## Failures\n' >"$tables/90"
    {
        printf '\n### %s\n\n```\n' "$1"
        grep -v '^\[\(==========\| RUN \|       OK\)' "$2" | tail -n 12 | cut -c1-300
        printf '```\n'
    } >>"$tables/90"
}

# keep_findings: copies what tune chose and what the self-test found for this device, and what its
# compiler said about programs that do not build.
keep_findings() {
    mkdir -p "$out/found"
    cp "$work"/cache/hcnn-cl/*.json "$work"/cache/hcnn-cl/*-build.log "$out/found" 2>/dev/null
}

write_report() {
    local file
    {
        printf '# hcnn-cl on %s\n\n' "${device_name:-an unknown device}"
        cat "$work/head" 2>/dev/null
        for file in "$tables"/*; do
            [ ! -e "$file" ] || { echo && cat "$file"; }
        done
        printf '\n%s\n' "${ending:-Not finished: this is what was known after $SECONDS seconds.}"
    } | anonymous >"$work/report.md" && mv "$work/report.md" "$out/report.md"
}
