# shellcheck shell=bash disable=SC2154,SC2034 # variables shared with run
# SPDX-License-Identifier: Apache-2.0
# Part of the kit, sourced by ./run: which shared libraries the programs use on this machine, and
# which OpenCL drivers they find.
#
# Uses: kit, the kit's directory; work, a directory for its own files.

loader=/lib64/ld-linux-x86-64.so.2

# ---- Shared libraries ----

# The kit's copy of a library is used only if this machine has none that fits. The OpenCL driver is
# loaded into the same process, needs this machine's libraries, and may be newer than the kit.

library_path=$work/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

# list_libraries: what the dynamic loader says about the libraries of the kit's programs.
list_libraries() {
    local program
    for program in "$kit"/bin/*; do
        LD_LIBRARY_PATH=$library_path LD_WARN=yes LD_TRACE_LOADED_OBJECTS=1 "$loader" "$program" 2>&1
    done
}

# missing_libraries: the names of the libraries that this machine lacks or has in an old version.
missing_libraries() {
    list_libraries | sed -nE -e 's/^[[:space:]]*([^ ]+) => not found$/\1/p' \
        -e "s/^.*\/([^\/ :]+): version .* not found .*/\1/p" | sort -u
}

# The OpenCL loader is always the kit's, because not all loaders read OCL_ICD_VENDORS.
choose_libraries() {
    local name names added
    mkdir -p "$work/lib"
    ln -sf "$kit/lib/libOpenCL.so.1" "$work/lib"
    while :; do
        names=$(missing_libraries)
        added=no
        for name in $names; do
            if [ -e "$kit/lib/$name" ] && [ ! -e "$work/lib/$name" ]; then
                ln -s "$kit/lib/$name" "$work/lib"
                added=yes
            fi
        done
        [ $added = yes ] || break
    done
    [ -z "$names" ] || cannot_run "these libraries are missing or too old: ${names//$'\n'/, }"
}

glibc_version() {
    getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/.* //'
}

check_machine() {
    [ "$(uname -sm)" = 'Linux x86_64' ] ||
        cannot_run "the kit is for Linux on x86-64, and this is $(uname -sm)"
    [ -e "$loader" ] ||
        cannot_run "there is no $loader: the kit needs the GNU C library, 2.36 or later"
    local version
    version=$(glibc_version)
    [ "$(printf '%s\n' 2.36 "${version:-0}" | sort -V | head -n 1)" = 2.36 ] ||
        cannot_run "the kit needs glibc 2.36 or later, and this machine has ${version:-an unknown version}"
}

# ---- OpenCL drivers ----

vendors=/etc/OpenCL/vendors
driver_names='libnvidia-opencl.so.1 libamdocl64.so libigdrcl.so'
# Besides those of the dynamic loader. An unmatched pattern names no directory.
driver_directories='/usr/lib/x86_64-linux-gnu /usr/lib64 /usr/lib /usr/local/lib /usr/local/lib64
    /usr/local/nvidia/lib64 /usr/local/nvidia/lib /usr/lib/wsl/lib /usr/lib/nvidia*
    /usr/lib/x86_64-linux-gnu/nvidia* /run/opengl-driver/lib
    /opt/rocm*/lib /opt/rocm*/opencl/lib /opt/amdgpu*/lib/x86_64-linux-gnu /opt/amdgpu*/lib64
    /usr/lib/x86_64-linux-gnu/intel-opencl /usr/lib64/intel-opencl /usr/lib/intel-opencl'

# find_driver NAME: the path of a driver's library; nothing if this machine does not have it.
find_driver() {
    local directory path
    path=$({ ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null |
        awk -v name="$1" '$1 == name && /x86-64/ { print $NF; exit }')
    if [ -n "$path" ]; then
        echo "$path"
        return
    fi
    # shellcheck disable=SC2086 # words and patterns
    for directory in ${library_path//:/ } $driver_directories; do
        if [ -e "$directory/$1" ]; then
            echo "$directory/$1"
            return
        fi
    done
}

# Makes a directory of .icd files with the registered drivers and with those that are installed but
# not registered, as in many containers, and tells the loader to use it. A directory that the user
# chose is left as it is.
choose_drivers() {
    local name path
    found_drivers=
    [ -z "${OCL_ICD_VENDORS:-}${OCL_ICD_FILENAMES:-}" ] || return 0
    mkdir -p "$work/vendors"
    cp "$vendors"/*.icd "$work/vendors" 2>/dev/null
    for name in $driver_names; do
        ! cat "$work/vendors"/*.icd 2>/dev/null | grep -qF "${name%.so*}" || continue
        path=$(find_driver "$name")
        [ -n "$path" ] || continue
        echo "$path" >"$work/vendors/kit-${name%.so*}.icd"
        found_drivers="$found_drivers${found_drivers:+, }$name"
    done
    [ -z "$found_drivers" ] || export OCL_ICD_VENDORS=$work/vendors
}

what_to_install='Install the OpenCL part of your GPU'\''s driver:
  NVIDIA  libnvidia-opencl.so.1 (Debian: nvidia-opencl-icd; in a container, start it with
          --gpus all and NVIDIA_DRIVER_CAPABILITIES=compute,utility)
  AMD     libamdocl64.so (rocm-opencl-icd, or rocm-opencl-runtime from AMD)
  Intel   libigdrcl.so (intel-opencl-icd)
  none    for the processor: pocl-opencl-icd
If it is installed: does your user have access to /dev/nvidia* or /dev/dri/renderD* (group render)?'
