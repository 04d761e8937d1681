# trace: limit=192M seconds=300 kind=calm split=tune needs=dpkg,xz-utils
# A build host of packages: idle, then a package is built (dpkg-deb with xz), unpacked and looked at.
mkdir -p p/DEBIAN p/usr/share/thing unpacked
for i in $(seq 30); do seq $((RANDOM * 50)) $((RANDOM * 50 + 90000)) | head -c 250000 > "p/usr/share/thing/$i"; done
RANDOM=86
for build in $(seq 1000); do
    sleep $((RANDOM % 25 + 15))
    printf 'Package: thing\nVersion: 1.%d\nArchitecture: all\nMaintainer: a <a@x>\nDescription: thing\n' "$build" > p/DEBIAN/control
    seq $((RANDOM * 50)) $((RANDOM * 50 + 90000)) | head -c $((RANDOM * 100)) > "p/usr/share/thing/$((RANDOM % 30))"
    case $((RANDOM % 3)) in 0) z="-Zxz -z9";; *) z="-Zxz -z6";; esac
    dpkg-deb $z --root-owner-group -b p "thing_$((build % 5)).deb" > /dev/null
    sleep 2
    dpkg-deb -x "thing_$((build % 5)).deb" unpacked
    rm -rf unpacked/*
done
