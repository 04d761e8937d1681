# Runs in a guest: the packages of `cargo xtask dist` (/share), as an administrator installs, uses, upgrades
# and purges them. Every line of /out/results is a check by its name, and 0 where it holds.
set -u
check() {
    local name=$1
    shift
    "$@" > /out/"$name".txt 2>&1
    echo "$name $?" >> /out/results
}
until_true() {
    local i
    for i in $(seq 300); do "$@" && return 0; sleep 0.1; done
    echo "gave up waiting for: $*" >&2
    return 1
}
# Nothing of oomtrace is here yet, and what documents there are gets installed.
rm -rf /usr/bin/oomtrace /usr/lib/systemd/*/oomtrace.service /usr/lib/systemd/catalog/oomtrace.catalog /usr/share/oomtrace /etc/oomtrace /usr/lib/oomtrace
rm -f /etc/dpkg/dpkg.cfg.d/*
systemctl daemon-reload
# What systemd, dpkg and the kernel keep for themselves changes all the time.
every_file() {
    find / -xdev \( -path /out -o -path /tmp -o -path /run -o -path /share -o -path /var/log -o -path /var/lib/dpkg -o -path /var/cache \
        -o -path /var/lib/systemd/catalog -o -path /var/tmp \) -prune -o -print | sort
}
every_file > /out/before

leak() {
    systemd-run -q --wait --unit "$1" -p MemoryMax=64M -p MemorySwapMax=0 python3 -c '
kept = []
while True:
    kept.append(bytearray(1 << 20))' || true
}
why() { until_true sh -c "oomtrace why $1 | tee /dev/stderr | grep -q 'its own MemoryMax=64.0M'"; }
is_not() { ! "$@"; }
works() {
    check "$1-enable" systemctl enable --now oomtrace
    check "$1-active" systemctl is-active oomtrace
    leak "leak-$1"
    check "$1-why" why "leak-$1"
    check "$1-captures" sh -c 'ls -l /var/lib/oomtrace/*.jsonl.zst'
    check "$1-attached" sh -c "oomtrace doctor -o json"
    check "$1-verify" systemd-analyze verify --man=no oomtrace.service # the image has no man(1)
    check "$1-man" test -s /usr/share/man/man8/oomtrace.8.gz
    check "$1-man-conf" test -s /usr/share/man/man5/oomtrace.conf.5.gz
    check "$1-journal" sh -c "oomtrace config | grep '^journal .*yes .*/usr/lib/oomtrace/oomtrace.conf:'"
    check "$1-completion" bash -c '. /usr/share/bash-completion/completions/oomtrace && complete -p oomtrace'
}

deb=$(echo /share/*.deb)
check install dpkg -i "$deb"
check not-started is_not systemctl is-active oomtrace
check catalog-known sh -c 'journalctl --list-catalog | grep cc5381e276d348dca2e39282be935c48'
works deb
echo max-size=2G >> /etc/oomtrace/oomtrace.conf
check upgrade dpkg -i "$deb"
check upgrade-keeps-settings sh -c "oomtrace config | grep '^max-size .*2G .*/etc/oomtrace/oomtrace.conf:'"
check upgrade-goes-on systemctl is-active oomtrace
check upgrade-keeps why leak-deb
check remove dpkg --remove oomtrace
check remove-stops is_not systemctl is-active oomtrace
check remove-keeps sh -c 'ls /var/lib/oomtrace/*.jsonl.zst'
check purge dpkg --purge oomtrace
every_file > /out/after
check purge-leaves-nothing diff /out/before /out/after

check tar tar --extract --gzip --file /share/*.tar.gz --strip-components=1 --no-same-owner --directory /
systemctl daemon-reload
journalctl --update-catalog
works tar
systemctl disable -q --now oomtrace
