# trace: limit=96M seconds=300 kind=calm split=score needs=openssh-server,openssh-client
# sshd: people log in for a while, scripts run a command, files are fetched and sent by sftp.
home=$PWD
chmod 700 . && mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N "" -f host && ssh-keygen -q -t ed25519 -N "" -f user && cp user.pub keys
cat > sshd_config <<CONF
ListenAddress 127.0.0.1:23390
HostKey $home/host
AuthorizedKeysFile $home/keys
PidFile $home/pid
UsePAM no
StrictModes no
PermitRootLogin yes
MaxStartups 50:30:100
Subsystem sftp internal-sftp
CONF
/usr/sbin/sshd -D -e -f "$home/sshd_config" 2> log &
sleep 1
for i in $(seq 12); do head -c $((RANDOM * 150)) /dev/urandom > "file$i"; done
options="-i $home/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=$home/known -o LogLevel=ERROR"
while true; do
    case $((RANDOM % 4)) in
        0) ssh -p 23390 $options root@127.0.0.1 "sleep $((RANDOM % 60 + 20))" & ;;
        1) ssh -p 23390 $options root@127.0.0.1 "ls -la /usr/bin | sort -k5 | tail" > /dev/null & ;;
        *) sftp -q -P 23390 $options "root@127.0.0.1:$home/file$((RANDOM % 12 + 1))" "$home/got$((RANDOM % 20))" > /dev/null & ;;
    esac
    sleep $((RANDOM % 5 + 1))
    [ $((RANDOM % 25)) = 0 ] && for n in 1 2 3 4 5 6; do ssh -p 23390 $options root@127.0.0.1 "gzip -c $home/file$n | wc -c" > /dev/null & done
done
