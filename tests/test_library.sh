#!/bin/sh
# The built library: it exports what include/hcnn.h declares and nothing else, and a program needs
# no more than the header and -lhcnn.
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

cat >"$scratch/use.c" <<'END'
#include <hcnn.h>
#include <stdio.h>
int main(void)
{
    char message[4096];
    hcnn_device *device = hcnn_device_open("nonsense", message, sizeof message);
    printf("%d %s\n", device == NULL, message);
    hcnn_device_close(device);
    device = hcnn_device_open(HCNN_TEST_DEVICE, NULL, 0);
    printf("%d %s\n", device != NULL, device ? hcnn_device_name(device) : "");
    hcnn_device_close(device);
    return 0;
}
END
# shellcheck disable=SC2086 # a command with its flags
check "a program links with the header and the library alone" \
    $HCNN_CC -I"${srcdir:-.}/include" -DHCNN_TEST_DEVICE="\"$HCNN_DEVICE\"" \
    "$scratch/use.c" -o "$scratch/use" -L.libs -lhcnn
LD_LIBRARY_PATH=$PWD/.libs "$scratch/use" >"$scratch/out" 2>"$scratch/err"
check "a device that is not there is refused" \
    grep -q '^1 HCNN_DEVICE=nonsense fits no device' "$scratch/out"
check "the tests' device opens" grep -Eq '^1 [^ ]' "$scratch/out"

finish
