#!/usr/bin/env bash
# keeper.sh FOLDER NAME COMMAND...: keeps one process of a cluster running, as a supervisor would: what
# has ended is started again a second later, or once FOLDER/hold.NAME is gone, or never with FOLDER/lost.NAME. The
# pid is in FOLDER/NAME.pid while it runs, and the output in FOLDER/NAME.log. Ends with FOLDER/stop, or with who started it.
set -u
folder=$1 name=$2
shift 2
as_user=()
# Neither Vitess nor MySQL runs as root.
[[ $(id -u) != 0 ]] || as_user=(--reuid=65534 --regid=65534 --clear-groups)
export HOME=$folder VTDATAROOT=$folder
while [[ ! -e $folder/stop ]]; do
  # A server that was killed leaves them, and the next would not start.
  rm -f "$folder/$name"/sock{,.lock} "$folder/$name.sock"
  setpriv "${as_user[@]}" --pdeathsig KILL -- "$@" >>"$folder/$name.log" 2>&1 </dev/null &
  echo $! >"$folder/$name.pid"
  wait $!
  rm -f "$folder/$name.pid"
  sleep 1
  while [[ (-e $folder/hold.$name || -e $folder/lost.$name) && ! -e $folder/stop ]]; do sleep 0.2; done
done
