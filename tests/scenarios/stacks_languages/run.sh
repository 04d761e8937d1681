# Real runtimes, each as the guide says to start it, and as it is started without knowing that. They wait until their pages are followed.
. /share/follow.sh
mkdir -p $run/classes
map() { jcmd "$(systemctl show -P MainPID java.service)" Compiler.perfmap; }
java="java -Xms128m -Xmx128m -XX:+UseG1GC -XX:CompileCommand=quiet -XX:CompileCommand=dontinline,Sites::* -cp $run/classes"

javac -d "$run/classes" "$DIR/Sites.java"
follow python json waiting : python3 -X perf "$DIR/sites.py"
follow node json waiting : node --expose-gc --perf-basic-prof --interpreted-frames-native-stack "$DIR/sites.js"
follow java json waiting map $java -XX:+PreserveFramePointer Sites
for language in python node java; do
    python3 "$DIR/check.py" "$language" "$OUT/$language.stacks" >> "$OUT/truth"
done

# Nothing is guessed: what has no names has a share, and what would give it some is said.
follow python-plain table waiting : python3 "$DIR/sites.py"
follow node-plain table waiting : node --expose-gc "$DIR/sites.js"
follow java-plain table waiting : $java Sites
for language in python node java; do
    said=$(tr -s '\n ' '  ' < "$OUT/$language-plain.stacks" | grep -o '[0-9]* % was taken by code without names in [^:]*: start [a-z0-9]* with [-:+A-Za-z]*')
    echo "${language^^}_PLAIN=$([ "${said%% *}" -gt 85 ] && echo "${said#*: }" || echo "$said")" >> "$OUT/truth"
done
