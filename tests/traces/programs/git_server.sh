# trace: limit=32M seconds=300 kind=calm split=score needs=git
# A git server: people push and clone, and each ninety seconds the repository is repacked.
home=$PWD
export HOME=$home GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@x GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@x GIT_CONFIG_NOSYSTEM=1
git config --global safe.directory '*'
git config --global gc.auto 0
git config --global pack.threads 1
git init -q --bare -b main server.git
git init -q -b main work
python3 - <<PY
import random
random.seed(82)
words = [format(random.getrandbits(40), "x") for _ in range(4000)]
import os
for n in range(600):
    os.makedirs(f"work/d{n % 30}", exist_ok=True)
    open(f"work/d{n % 30}/f{n}", "w").write("\n".join(" ".join(random.choices(words, k=8)) for _ in range(random.randrange(20, 2000))))
PY
cd work
git add . && git commit -qm first && git push -q ../server.git main
cd ..
git daemon --reuseaddr --listen=127.0.0.1 --port=23290 --export-all --enable=receive-pack --base-path="$home" "$home" &
sleep 1
while sleep 90; do git -C server.git repack -adfq --window=20; git -C server.git prune; done &
while true; do
    for _ in 1 2 3; do
        f=work/d$((RANDOM % 30)); f=$f/$(ls "$f" | shuf -n 1)
        for _ in $(seq 20); do echo "$RANDOM $RANDOM $RANDOM line" >> "$f"; done
        git -C work commit -qam change && git -C work push -q git://127.0.0.1:23290/server.git main
        sleep $((RANDOM % 6))
    done
    rm -rf clone
    git clone -q git://127.0.0.1:23290/server.git clone
    sleep $((RANDOM % 12))
done
