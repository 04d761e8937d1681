# trace: limit=128M seconds=300 kind=calm class=sawtooth,steady,burst split=score needs=php-cli,curl
# PHP behind a web server: every request takes what it takes and gives all of it back.
echo '<?php $work = []; for ($i = 0; $i < rand(1, 30); $i++) { $work[] = str_repeat("x", 1 << 20); } echo count($work);' > index.php
PHP_CLI_SERVER_WORKERS=3 php -S 127.0.0.1:18923 > /dev/null 2>&1 &
sleep 2
while true; do curl --silent --output /dev/null http://127.0.0.1:18923/index.php; sleep 0.$((RANDOM % 8 + 1)); done
