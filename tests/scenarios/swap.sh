# Swap for one scenario, as a file.
swap_on() {
    dd if=/dev/zero of=/var/swapfile bs=1M count="$1" status=none
    chmod 600 /var/swapfile
    mkswap -q /var/swapfile 2> /dev/null || mkswap /var/swapfile > /dev/null
    swapon /var/swapfile
}
swap_off() {
    swapoff /var/swapfile
    rm /var/swapfile
}
