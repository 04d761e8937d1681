# trace: limit=192M seconds=900 kind=calm split=score needs=apt
# A host that asks apt about updates by the clock: the cache of packages is built anew, an upgrade is simulated, a search.
mkdir -p cache
run() { apt-get -o Dir::Cache="$PWD/cache" -o Debug::NoLocking=1 "$@" > out 2>&1; }
find_() { apt-cache -o Dir::Cache="$PWD/cache" "$@" > out 2>&1; }
perl -e '$state = "x" x 8_000_000; sleep 3600' &
RANDOM=87
while true; do
    sleep $((RANDOM % 20 + 15))
    rm -f cache/*.bin
    run -s upgrade
    sleep $((RANDOM % 10))
    run -s install --no-install-recommends mariadb-server
    sleep $((RANDOM % 20))
    find_ search server
done
