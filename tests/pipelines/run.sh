# Runs in a guest that has what log pipelines are made of, each with its configuration from docs/pipelines (/share): one
# real kill, and what each program made of it is left in /out.
set -u
until_true() {
    local i
    for i in $(seq 600); do "$@" && return 0; sleep 0.1; done
    echo "gave up waiting for: $*" >&2
    return 1
}
fetch() { python3 -c 'import sys, urllib.request as u; r = u.Request(sys.argv[1], headers={"Accept": sys.argv[2]}); sys.stdout.write(u.urlopen(r).read().decode())' "$@"; }

mkdir -p /etc/systemd/system/oomtrace.service.d /var/lib/rsyslog /var/lib/syslog-ng /var/lib/prometheus
cp /share/oomtrace-metrics.conf /etc/systemd/system/oomtrace.service.d/metrics.conf
cp /share/oomtrace-stream.service /etc/systemd/system/
systemctl daemon-reload
systemctl start oomtrace oomtrace-stream || exit 1

syslog_ng=$(echo /usr/lib/syslog-ng/*.*/)
systemd-run -q --unit rsyslog-test rsyslogd -n -f /share/rsyslog.conf -i /run/rsyslog-test.pid
systemd-run -q --unit syslog-ng-test -E LD_LIBRARY_PATH=/usr/lib/syslog-ng \
    syslog-ng -F -f /share/syslog-ng.conf --module-path "$syslog_ng" --no-caps \
    --control /run/syslog-ng.ctl --persist-file /run/syslog-ng.persist --pidfile /run/syslog-ng.pid
systemd-run -q --unit prometheus-test prometheus --config.file /share/prometheus.yml --storage.tsdb.path /var/lib/prometheus
scraped() { fetch 'http://127.0.0.1:9090/api/v1/query?query=oomtrace_build_info' '*/*' 2> /dev/null | grep -q '"value"'; }
until_true scraped

# One that lives on: the labels of a unit that ended are given back.
systemd-run -q --unit lives -p MemoryMax=256M python3 -c '
import time
kept = []
while True:
    kept.append(bytearray(1 << 20))
    time.sleep(2)'
systemd-run -q --unit leak -p MemoryMax=64M -p MemorySwapMax=0 python3 -c '
import os, time
open("/out/pid", "w").write(str(os.getpid()))
kept = []
while True:
    kept.append(bytearray(1 << 20))
    time.sleep(0.2)'

written() { grep -qs leak.service "$1"; }
until_true written /var/log/oomtrace-kills.json
until_true written /var/log/oomtrace.json
until_true written /var/log/oomtrace-entries.json
fired() { fetch http://127.0.0.1:9090/api/v1/alerts '*/*' > /out/alerts.json && jq -e '.data.alerts | any(.state == "firing" and .labels.unit == "leak.service")' /out/alerts.json > /dev/null; }
until_true fired
fetch http://127.0.0.1:9877/metrics '*/*' > /out/metrics.txt
fetch http://127.0.0.1:9877/metrics application/openmetrics-text > /out/metrics.om
fetch http://127.0.0.1:9090/api/v1/targets '*/*' > /out/targets.json
promtool check metrics < /out/metrics.txt > /out/promtool.txt 2>&1
echo "$?" > /out/promtool.status
promtool check rules /usr/share/oomtrace/prometheus-rules.yaml >> /out/promtool.txt 2>&1 || echo 1 > /out/promtool.status
# A dashboard's panel must find something to show.
jq -r '.panels[].targets[].expr' /usr/share/oomtrace/grafana-dashboard.json |
    sed 's/\$instance/.*/g; s/\$unit/.*/g; s/\$__rate_interval/1m/g' |
    while read -r query; do
        answer=$(fetch "http://127.0.0.1:9090/api/v1/query?query=$(printf %s "$query" | jq -sRr @uri)" '*/*')
        printf '%s\n' "$answer" | jq -c --arg query "$query" '{query: $query, status, found: (.data.result | length)}'
    done > /out/dashboard.jsonl
systemctl stop oomtrace oomtrace-stream
cp /var/log/oomtrace.json /out/rsyslog.json
cp /var/log/oomtrace-entries.json /var/log/oomtrace-kills.json /var/log/oomtrace.jsonl /out
cp -r /var/lib/oomtrace /out/captures
journalctl -b -u rsyslog-test -u syslog-ng-test -u prometheus-test -u oomtrace > /out/services.log
