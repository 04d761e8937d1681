# trace: limit=128M seconds=600 kind=leak class=leak split=tune needs=git,openssl
# A git server keeps large files that change (a database dump a minute): each repack needs more, until it does not fit.
home=$PWD
export HOME=$home GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@x GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@x
git config --global gc.auto 0
git config --global core.bigFileThreshold 512m
git init -q -b main work
cd work
for dump in $(seq 1000); do
    openssl enc -aes-128-ctr -pass "pass:$dump" -nosalt -md md5 < <(head -c $((2000000 + 900000 * dump)) /dev/zero) > dump.sql 2> /dev/null
    git add . && git commit -qm "dump $dump"
    sleep 12
    git repack -adfq --threads=1
done
