# The same storm while oomtrace stands still from its first to its last kill.
kill -STOP "$OOMTRACE"
. /share/storm/run.sh
kill -CONT "$OOMTRACE"
