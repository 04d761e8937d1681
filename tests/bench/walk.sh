#!/bin/bash
# What a walk over all cgroups takes a cgroup, and what reading a file of each does. Prints lines `cgroups N WHAT NANOSECONDS`; under
# `--icount` a nanosecond of the guest is an instruction.
set -eu
root=/sys/fs/cgroup/bench
mkdir "$root"
echo +memory > "$root/cgroup.subtree_control"
made=0
for cgroups in "$@"; do
    for ((; made < cgroups; made++)); do
        # As many below one parent as a busy slice has.
        parent=$root/$((made / 50))
        [ -d "$parent" ] || { mkdir "$parent"; echo +memory > "$parent/cgroup.subtree_control"; }
        mkdir "$parent/$made"
    done
    walk cost 5
done
