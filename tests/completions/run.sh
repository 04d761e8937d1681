# Runs in a guest with bash, zsh and fish: each shell, with the script that `oomtrace completions` prints, is asked what it
# offers behind some words, without a person at it. What it offered is left in /out, a file for a shell and a question.
set -u
systemd-run -q --unit myapp sleep infinity
systemd-run -q --unit myapp-worker --slice batch sleep infinity
systemd-run -q --unit mydead false
mkdir -p /usr/share/bash-completion/completions /usr/share/zsh/vendor-completions /usr/share/fish/vendor_completions.d
oomtrace completions bash > /usr/share/bash-completion/completions/oomtrace || exit 1
oomtrace completions zsh > /usr/share/zsh/vendor-completions/_oomtrace || exit 1
oomtrace completions fish > /usr/share/fish/vendor_completions.d/oomtrace.fish || exit 1
# Files of the working directory must not be offered in the place of units.
mkdir /tmp/here && cd /tmp/here && touch myfile mycapture.jsonl

# bash loads the script when it is first needed, by the name of the command; then the function that was registered is
# called with what readline would have set.
cat > /tmp/ask.bash <<'ASK'
. /usr/share/bash-completion/bash_completion
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMP_LINE="$*"
COMP_POINT=${#COMP_LINE}
COMP_TYPE=9
COMP_KEY=9
__load_completion oomtrace 2> /dev/null || _completion_loader oomtrace
function=$(complete -p oomtrace | sed 's/.*-F \([^ ]*\).*/\1/')
compopt() { return 0; }
"$function" oomtrace "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
ASK

# zsh completes only where a line is edited: one is, in a pseudo terminal, with one TAB; what is offered goes to a file.
cat > /tmp/ask.zsh <<'ASK'
zmodload zsh/zpty
zpty shell zsh -f -i
line_to() { zpty -w shell "$1" }
wait_for() { local line; while zpty -r shell line; do print -r -- "${(V)line}" >&2; [[ $line == *"$1"* ]] && return; done }
line_to 'PROMPT=; stty -echo; fpath=(/usr/share/zsh/vendor-completions $fpath); autoload -U compinit; compinit -u -D; print re""ady'
wait_for ready
# With -D, -O or -A it only sorts out what will be offered.
line_to 'compadd() { local -a found; if (( ! ${@[(I)-[DOA]]} )); then builtin compadd -O found "$@"; print -rl -- $found >> $OFFERED; fi; builtin compadd "$@" }; print re""ady'
wait_for ready
line_to 'asked() { _main_complete; print do""ne }; zle -C asked complete-word asked; bindkey "^I" asked; print re""ady'
wait_for ready
zpty -w -n shell "$*"$'\t'
wait_for done
zpty -d shell
ASK

ask() {
    local name=$1
    shift
    bash /tmp/ask.bash "$@" > "/out/bash-$name" 2> "/out/bash-$name.stderr"
    OFFERED=/out/zsh-$name timeout 30 zsh -f /tmp/ask.zsh "$*" 2> "/out/zsh-$name.stderr"
    fish --no-config -c "set fish_complete_path /usr/share/fish/vendor_completions.d; complete -C '$*'" > "/out/fish-$name" 2> "/out/fish-$name.stderr"
}
ask why oomtrace why my
ask unit oomtrace -u my
ask record oomtrace record --unit my
ask slice oomtrace --slice bat
ask command oomtrace re
ask man oomtrace man re
