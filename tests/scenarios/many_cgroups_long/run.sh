# The same on a host of ten thousand.
CGROUPS=10000 MOVING=100 . /share/many_cgroups/run.sh
