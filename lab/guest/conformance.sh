# SPDX-License-Identifier: Apache-2.0
# The conformance checks on Linux's list. The host gets their results as JSON and compares them.
# shellcheck shell=bash
# shellcheck source=check.sh
. /lab/check.sh
ima=/sys/kernel/security/ima

# Only what is read on a ramfs is measured: this one and nothing else, as / is a tmpfs.
mkdir /run/m
mount -t ramfs ramfs /run/m
echo "measure func=FILE_CHECK mask=MAY_READ fsmagic=0x858458f6" >$ima/policy
# Measured, then opened for reading again: who opens it for writing meanwhile makes a violation and nothing else.
echo >/run/m/violated
read -r </run/m/violated
command='f=/run/m/$IMAKEEP_SERIAL
  if [ $IMAKEEP_KIND = violation ]; then exec 3</run/m/violated 4>>/run/m/violated; exit; fi
  rm -f $f; echo $IMAKEEP_SERIAL >$f; read -r x <$f'
cat $ima/runtime_measurements_count >/share/records
imakeep conformance --ima-dir $ima --destructive --add-command "$command" --tpm-dir /sys/class/tpm/tpm0 --json \
  >/share/linux.json 2>/tmp/err
check "Linux's list conforms" bash -c '[ "$0" == 0 ] || { cat /tmp/err; exit 1; }' $?
end_checks
