# SPDX-License-Identifier: Apache-2.0
# Compares two tables of tests/offline/run: awk -f compare.awk OLD NEW. Prints every difference.
# It is a failure, and the exit code 1, if a kernel spills more or needs more scratch memory or stack
# than before, or no longer uses local memory. A new kernel is compared with zero.
FNR == 1 { table++ }
$1 == "#" && $2 == "program" {
    for (i = 3; i <= NF; i++)
        figure[i - 1] = $i
}
$1 == "#" && $2 != "program" { made[table] = $0 }
/^#/ { next }
table == 1 {
    for (i = 3; i <= NF; i++)
        old[$1, $2, i] = $i
    known[$1 " " $2] = 1
    next
}
{
    is_new = !(($1 " " $2) in known)
    delete known[$1 " " $2]
    changes = is_new ? ", which is not in the table" : ""
    for (i = 3; i <= NF; i++) {
        before = old[$1, $2, i] + 0
        if ($i > before && figure[i] ~ /spill|scratch|stack/ ||
            $i == 0 && before > 0 && figure[i] == "local") {
            print "FAILED: " $1 " " $2 ": " figure[i] " " $i ", in the table " before
            failures++
        } else if ($i != before && !is_new)
            changes = changes ", " figure[i] " " before " -> " $i
    }
    if (changes != "") {
        print "changed: " $1 " " $2 ": " substr(changes, 3)
        changed++
    }
}
END {
    if (made[1] != made[2])
        print "changed: the table is of " substr(made[1], 3) "; this is " substr(made[2], 3)
    for (gone in known) {
        print "changed: " gone ": only in the table"
        changed++
    }
    print failures + 0 " failures, " changed + 0 " other changes; --update makes them the table"
    exit failures > 0
}
