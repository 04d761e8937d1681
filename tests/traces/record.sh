#!/bin/bash
# Records programs that run at once, each in a memory cgroup with a limit: until it was killed there, or has ended, as
# often as is asked, or its time is over. They run in folders of their own below this one.
# Argument: the folder for what is recorded. Input, a line each: NAME LIMIT SECONDS leak|calm LIVES COMMAND...
# Leaves there what oomtrace said (raw) and for each program when each of its lives began and ended (NAME.lives). One that
# does not live as it should is told of and does not keep the others from being recorded.
set -u
out=$1
root=/sys/fs/cgroup limit_file=memory.max events=memory.events
if [ -e "$root/memory/memory.limit_in_bytes" ]; then
    root=$root/memory limit_file=memory.limit_in_bytes events=memory.oom_control
fi

now() { date --utc +%FT%T.%6NZ; }
make_cgroup() { mkdir -p "$root/trace-$1" && echo "$2" > "$root/trace-$1/$limit_file"; }
kills() { awk '$1 == "oom_kill" {print $2}' "$root/trace-$1/$events"; }

# Ends what is left in it, and removes it.
remove_cgroup() {
    local _
    for _ in $(seq 50); do
        xargs --no-run-if-empty kill -KILL < "$root/trace-$1/cgroup.procs" 2> /dev/null
        rmdir "$root/trace-$1" 2> /dev/null && return
        sleep 0.2
    done
    echo "cannot remove $root/trace-$1" >&2
    return 1
}

# Tells of an end that should not be, and of what the program said last.
ended() {
    echo "$1"
    tail -n 3 "$out/$name.stderr" | cut -c 1-200
} >&2

# One life after the other, until there were enough or the time is over.
live() {
    local name=$1 limit=$2 end=$((SECONDS + $3)) kind=$4 lives=$5 killed=0 lived=0 start program now_killed
    shift 5
    mkdir -p "$name" && cd "$name" || return
    while true; do
        make_cgroup "$name" "$limit" || return
        start=$(now)
        (echo "$BASHPID" > "$root/trace-$name/cgroup.procs" && exec bash -c "$*") < /dev/null > /dev/null 2> "$out/$name.stderr" &
        program=$!
        disown "$program" # else bash tells of every kill
        while [ "$SECONDS" -lt "$end" ] && kill -0 "$program" 2> /dev/null; do
            sleep 0.2
            [ "$kind" = leak ] && [ $((killed + $(kills "$name"))) -ge "$lives" ] && break
        done
        now_killed=$(kills "$name")
        echo "$start $(now)" >> "$out/$name.lives"
        remove_cgroup "$name" || return
        killed=$((killed + now_killed)) lived=$((lived + 1))
        [ "$SECONDS" -ge "$end" ] && return
        if [ "$kind" = leak ]; then
            [ "$killed" -ge "$lives" ] && return
            [ "$now_killed" = 0 ] && ended "$name ended without a kill" && return
        else
            [ "$lived" -ge "$lives" ] && return
        fi
        sleep 1 # as RestartSec= has it
    done
}

options=()
programs=()
while read -r name limit rest; do
    make_cgroup "$name" "$limit" || exit
    options+=(--cgroup "/trace-$name")
    programs+=("$name $limit $rest")
done
oomtrace --output json --host trace --no-cmdline "${options[@]}" > "$out/raw" &
observer=$!
pids=()
for program in "${programs[@]}"; do
    # shellcheck disable=SC2086 # words
    live $program &
    pids+=($!)
done
wait "${pids[@]}"
sleep 1.5 # the last kill is to be seen
kill "$observer"
wait "$observer"
