# systemd_postun_with_restart: an upgrade goes on recording with the new version.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || :
    if [ $1 -ge 1 ]; then
        systemctl try-restart oomtrace.service || :
    fi
fi
journalctl --update-catalog >/dev/null 2>&1 || :
