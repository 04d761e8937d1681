# The same over ten minutes.
HOLD=600 DIR=/share/record_crash bash /share/record_crash/run.sh
