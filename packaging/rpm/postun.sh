# Same as systemd_postun_with_restart: after an upgrade the new version records.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    if [ $1 -ge 1 ]; then
        systemctl try-restart oomtrace.service || :
    fi
fi
journalctl --update-catalog >/dev/null 2>&1 || :
