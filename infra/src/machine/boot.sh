#!/bin/sh
# Becomes the first process of a throwaway machine: systemd on a copy of this one's files that is gone when it ends. Run in
# fresh namespaces for mounts, processes, IPC, host name and cgroups, never outside of them; $1 is an empty folder.
# The network stays that of the host. Nothing of the host's own services is started: no unit is wanted but the journal.
set -e
# The PATH of a service or a CI runner may lack the system's programs.
PATH=$PATH:/usr/sbin:/sbin
mount --make-rprivate /
mount -t tmpfs -o mode=0755 machine "$1"
cd "$1"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" root
cd root

mount -t proc proc proc
# The kernel is the host's: nobody here may change its settings.
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=0755 run run
if [ -d sys/fs/cgroup ]; then mount -t cgroup2 cgroup2 sys/fs/cgroup; fi
mount -t tmpfs -o mode=0755 dev dev
for device in null zero full random urandom tty; do
    : > dev/$device
    mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 shm dev/shm
: > run/console
: > dev/console
mount --bind run/console dev/console

rm -rf etc/systemd/system lib/systemd/system/*.wants lib/systemd/system-generators etc/fstab
# A machine that has a name already has been booted before: systemd then enables nothing by itself.
tr -d - < /proc/sys/kernel/random/uuid > etc/machine-id
mkdir -p etc/systemd/system lib/systemd/system/sysinit.target.wants
ln -s ../systemd-journald.service lib/systemd/system/sysinit.target.wants/
printf '[Unit]\nDescription=A throwaway machine\nRequires=basic.target\nAfter=basic.target\n' > etc/systemd/system/machine.target

pivot_root . mnt
umount -l /mnt
# Nothing on this machine can load a module, set the clock or touch the network's configuration, not even root.
exec setpriv --bounding-set=-sys_module,-sys_time,-sys_boot,-sys_rawio,-net_admin \
    env -i container=throwaway PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --log-target=console --unit=machine.target
