# trace: limit=64M seconds=300 kind=calm split=score needs=aide
# AIDE checks a tree of files against its database about each minute, beside a small service; then the database is made anew.
mkdir files
for d in $(seq 60); do
    mkdir "files/$d"
    head -c 600000 /dev/urandom > "files/$d/all"
    (cd "files/$d" && split -b 6000 -a 3 all f)
done
cat > aide.conf <<CONF
database_in=file:$PWD/aide.db
database_out=file:$PWD/aide.new
gzip_dbout=yes
report_url=file:$PWD/report
log_level=error
All=p+i+n+u+g+s+m+c+sha256+sha512
$PWD/files All
CONF
perl -e '$state = "x" x 10_000_000; sleep 3600' &
aide --init -c aide.conf && mv aide.new aide.db
RANDOM=103
for night in $(seq 1000); do
    for _ in $(seq 20); do head -c 5000 /dev/urandom > "files/$((RANDOM % 60 + 1))/faa$(printf "\\x$(printf %x $((97 + RANDOM % 26)))")"; sleep 2; done
    aide --check -c aide.conf
    [ $((night % 2)) = 0 ] && aide --init -c aide.conf && mv aide.new aide.db
done
