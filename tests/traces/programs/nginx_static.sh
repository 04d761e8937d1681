# trace: limit=128M seconds=300 kind=calm class=cache,steady split=score needs=nginx-light,curl
# nginx sends files that are more than fits: page cache. Now and then its workers are started anew.
mkdir files && chmod 755 . files
for i in $(seq 200); do head -c 1500000 /dev/urandom > "files/$i"; done
cat > nginx.conf <<CONF
daemon off; user root; pid $PWD/pid; error_log /dev/null;
events {}
http { access_log off; server { listen unix:$PWD/nginx.sock; root $PWD/files; } }
CONF
nginx -c "$PWD/nginx.conf" &
while true; do
    for _ in $(seq 150); do
        curl --silent --output /dev/null --unix-socket nginx.sock "http://x/$((RANDOM % 200 + 1))"
        sleep 0.4
    done
    kill -HUP "$(cat pid)"
done
