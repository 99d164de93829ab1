#!/bin/sh
# The built library: it exports what include/hcnn.h declares and nothing else.
set -u
. "${srcdir:-.}/tests/tap.sh"

library=.libs/libhcnn.so
if [ ! -f "$library" ]; then
    echo "1..0 # SKIP configured without a shared library"
    exit 0
fi

sed -n 's/^HCNN_API.*[ *]\(hcnn_[a-z0-9_]*\)(.*/\1/p' "${srcdir:-.}/include/hcnn.h" | sort \
    >"$scratch/declared"
nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$scratch/exported"

check "the header declares functions" [ -s "$scratch/declared" ]
check "exports are the declared functions" diff "$scratch/declared" "$scratch/exported"

finish
