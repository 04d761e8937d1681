# trace: limit=64M seconds=300 kind=calm split=score needs=netdata-core,curl
# netdata watches this machine each second, keeps its history in memory and on disk, and shows charts to a browser.
home=$PWD
mkdir -p cache lib log
cat > netdata.conf <<CONF
[global]
    run as user = root
[directories]
    cache = $home/cache
    lib = $home/lib
    log = $home/log
[db]
    mode = dbengine
    dbengine page cache size MB = 32
    dbengine multihost disk space MB = 256
[web]
    bind to = 127.0.0.1:23410
[ml]
    enabled = no
[plugins]
    apps = no
    python.d = no
    go.d = no
    charts.d = no
CONF
netdata -D -c "$home/netdata.conf" -P "$home/pid" > /dev/null 2> err &
sleep 5
while true; do
    curl -s -o /dev/null "http://127.0.0.1:23410/api/v1/data?chart=system.cpu&after=-120&points=120"
    curl -s -o /dev/null "http://127.0.0.1:23410/api/v1/data?chart=system.ram&after=-120&points=120"
    sleep $((RANDOM % 4 + 1))
    [ $((RANDOM % 10)) = 0 ] && curl -s -o /dev/null "http://127.0.0.1:23410/api/v1/allmetrics?format=prometheus"
done
