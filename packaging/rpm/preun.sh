# systemd_preun: removed, not upgraded.
if [ $1 -eq 0 ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now oomtrace.service || :
fi
