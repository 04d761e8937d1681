# A virtual machine as libvirt runs it: a scope of systemd-machined's, QEMU in a cgroup below it, and its threads in others below that.
# What is in it fills its memory, more than libvirt lets QEMU have.
folder=/var/lib/libvirt/images
limit=$((192 << 20))
# A boot sector that goes to protected mode and writes to a page after another: mov edi, 1M; page: mov [edi], edi; add edi, 4096;
# mov ecx, 4000; wait: dec ecx; jnz wait; cmp edi, 496M; jb page; stop: hlt; jmp stop.
{
    base64 -d <<< +jHAjtjkkgwC5pJmDwEWYHwPIMAMAQ8iwGbqIXwAAAgAZrgQAI7YvwAAEACJP4HHABAAALmgDwAASXX9gf8AAAAfcuj06/2QAAAAAAAAAAD//wAAAJrPAP//AAAAks8AFwBIfAAAAAAAAAAAAAAAAA==
    head -c 398 /dev/zero
    printf '\x55\xaa'
} > $folder/fills.img
cat > /run/box.xml <<END
<domain type='qemu'>
  <name>box</name>
  <memory unit='MiB'>512</memory>
  <memtune><hard_limit unit='b'>$limit</hard_limit></memtune>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='fd'/></os>
  <devices>
    <disk type='file' device='floppy'><source file='$folder/fills.img'/><target dev='fda'/></disk>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
END
printf 'security_driver = "none"\nstdio_handler = "file"\n' > /etc/libvirt/qemu.conf
systemctl unmask libvirtd.service {libvirtd,libvirtd-ro,libvirtd-admin,virtlockd,virtlockd-admin,virtlogd,virtlogd-admin}.socket
systemctl start libvirtd.service
virsh --connect qemu:///system create /run/box.xml --paused
pid=$(cat /run/libvirt/qemu/box.pid)
echo "PID=$pid" >> "$OUT/truth"
# Its first thread is in emulator, its processors are in others; all memory is charged to what is above them.
sed 's/^/thread /' "/proc/$pid/task"/*/cgroup | sort | uniq -c
oomtrace units -o json -u 'machine-qemu*' > "$OUT/units"
virsh --connect qemu:///system resume box
until_true --minutes 6 has_kills 1
journalctl --sync
oomtrace why 'machine-qemu*' > "$OUT/why"
{
    echo "UNITS=$(jq -r 'select(.container == null) | .unit' "$OUT/units" | sort -u)"
    echo "WHY=$(grep -c 'qemu-system-x86.*its own memory.max=192.0M' "$OUT/why")"
} >> "$OUT/truth"
