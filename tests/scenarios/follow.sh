# For scenarios that follow the pages of programs which wait until they are followed.
# Pages of 4 KiB: whoever touches a huge one first takes it whole. And an allocator that gives back at once what is freed.
thp=/sys/kernel/mm/transparent_hugepage/enabled
was=$(sed 's/.*\[\(.*\)\].*/\1/' "$thp")
trap 'echo "$was" > "$thp"' EXIT
echo never > "$thp"
run=/run/followed
mkdir -p $run
# Arguments: a name, how what is found is written, what the program says once it can begin, what to run once it is done, and the command.
follow() {
    local unit=$1 form=$2 warm=$3 after=$4
    shift 4
    systemd-run --unit "$unit" -p MemoryMax=600M -p PrivateTmp=yes -p "StandardOutput=file:$run/$unit" -p "StandardError=file:$OUT/$unit.err" \
        --setenv=MALLOC_MMAP_THRESHOLD_=131072 "$@" "$run/$unit.begin"
    says() { grep -q "$1" "$run/$unit" 2> /dev/null; }
    until_true says "$warm"
    systemd-run --unit follower -p RemainAfterExit=yes -p "StandardOutput=file:$OUT/$unit.stacks" -p "StandardError=file:$OUT/$unit.follower.err" \
        -p KillSignal=SIGINT oomtrace stacks -u "$unit" --for 30min --one-in 16 -o "$form"
    # It gives its system calls up once everything is attached.
    is_following() { grep -q '^Seccomp:.*2' "/proc/$(systemctl show -P MainPID follower.service)/status" 2> /dev/null; }
    until_true is_following
    touch "$run/$unit.begin"
    until_true says done
    $after
    systemctl kill --signal INT follower.service
    until_true test -s "$OUT/$unit.stacks"
    is_over() { [ "$(systemctl show -P SubState follower.service)" = exited ]; }
    until_true is_over
    systemctl stop follower.service
    systemctl kill --signal KILL "$unit.service"
    systemctl reset-failed "$unit.service" 2> /dev/null
}
