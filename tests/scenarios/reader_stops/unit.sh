# Writes its pid to the file $1 and reads a line without an end.
echo $$ >> "$1"
exec tail /dev/zero
