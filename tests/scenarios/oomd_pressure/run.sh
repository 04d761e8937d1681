. /share/oomd.sh
oomd_on DefaultMemoryPressureDurationSec=2s
oomd_kills
oomd_off
