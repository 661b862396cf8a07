#!/bin/sh
# Installs a release of Semibot on Debian 12, with systemd. It may be run again at any time: settings stay as they are.
#
#   sudo sh install.sh [--root <folder>] [<folder of a release>]
#
# The release is the folder that this script lies in, unless another one is named. What it does, in this order:
#   1. a user "semibot" without a login
#   2. the release to /opt/semibot/releases/<name>, and /opt/semibot/current, which names it
#   3. settings to /etc/semibot, which only root and the services can read, with fresh secrets; existing ones stay
#   4. units to /etc/systemd/system (own changes: systemctl edit), /etc/logrotate.d/semibot unless there is one, and the
#      command semibot to /usr/local/bin
# It starts nothing: the settings want a database and a model first. It says at the end what to do next.
# --root <folder> writes below that folder, makes no user and asks systemd for nothing: to look at what it would do.
# For a newer release on a machine that runs one: upgrade.sh.
set -eu

root=
release=$(dirname "$(readlink -f "$0")")
while [ $# -gt 0 ]; do
    case $1 in
        --root) root=${2:?--root wants a folder}; shift 2 ;;
        --help|-h) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
        -*) echo "install.sh: there is no option $1; see install.sh --help" >&2; exit 2 ;;
        *) release=$(readlink -f "$1"); shift ;;
    esac
done

fail() { echo "install.sh: $1" >&2; exit 1; }
say() { echo "$1"; }

[ -r "$release/VERSION" ] || fail "$release is no release: it has no file VERSION (node scripts/run.mjs pack makes one)"
[ -x "$release/bin/node" ] || fail "$release/bin/node is missing or not a program"
"$release/bin/node" --version > /dev/null || fail "$release/bin/node does not run here: is it for this processor?"
name=$(cat "$release/VERSION")
case $name in ''|*[!0-9A-Za-z.-]*) fail "VERSION holds no name of a release: $name" ;; esac
if [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then fail "this needs root: sudo sh $0"; fi

# 1. The user. With --root there is none, so everything stays the caller's.
if [ -z "$root" ]; then
    if ! id semibot > /dev/null 2>&1; then
        useradd --system --user-group --home-dir /var/lib/semibot --shell /usr/sbin/nologin semibot
        say "user semibot: made"
    fi
    install -d -o root -g semibot -m 0750 /etc/semibot
    install -d -o semibot -g semibot -m 0750 /var/log/semibot /var/lib/semibot
else
    install -d "$root/etc/semibot" "$root/var/log/semibot" "$root/var/lib/semibot"
fi

# 2. The release: copied beside the others first, so that a broken copy is never the current one.
releases=$root/opt/semibot/releases
install -d -m 0755 "$releases"
if [ ! -e "$releases/$name" ]; then
    rm -rf "$releases/.$name"
    cp -R "$release" "$releases/.$name"
    if [ -z "$root" ]; then chown -R root:root "$releases/.$name"; fi
    chmod -R u=rwX,go=rX "$releases/.$name"
    mv "$releases/.$name" "$releases/$name"
    say "release $name: copied to /opt/semibot/releases"
fi
if [ ! -e "$root/opt/semibot/current" ]; then
    ln -s "releases/$name" "$root/opt/semibot/current"
    say "/opt/semibot/current: $name"
elif [ "$(readlink "$root/opt/semibot/current")" != "releases/$name" ]; then
    say "/opt/semibot/current stays $(readlink "$root/opt/semibot/current"): sh $releases/$name/upgrade.sh changes it"
fi

# 3. Settings. The secrets are made here and shown nowhere.
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
service_token=$(random)
for service in api runtime; do
    file=$root/etc/semibot/$service.env
    if [ -e "$file" ]; then continue; fi
    if [ "$service" = runtime ] && [ -r "$root/etc/semibot/api.env" ]; then
        # Both must have the same.
        service_token=$(sed -n 's/^RUNTIME_SERVICE_TOKEN=//p' "$root/etc/semibot/api.env")
    fi
    (
        umask 027
        sed -e "s/^ADMIN_TOKEN=\$/&$(random)/" -e "s/^JWT_HS256_SECRET=\$/&$(random)/" \
            -e "s/^RUNTIME_SERVICE_TOKEN=\$/&$service_token/" "$release/env/$service.env" > "$file"
    )
    if [ -z "$root" ]; then chown root:semibot "$file"; fi
    say "/etc/semibot/$service.env: made"
done

# 4. Units, rotation of logs, the command.
install -d "$root/etc/systemd/system" "$root/etc/logrotate.d" "$root/usr/local/bin"
install -m 0644 "$release"/systemd/*.service "$root/etc/systemd/system/"
if [ ! -e "$root/etc/logrotate.d/semibot" ]; then
    install -m 0644 "$release/logrotate/semibot" "$root/etc/logrotate.d/semibot"
fi
ln -sfn /opt/semibot/current/bin/semibot "$root/usr/local/bin/semibot"
if [ -z "$root" ]; then systemctl daemon-reload; fi

cat << END

Installed. Next, as root:
  1. DATABASE_URL and LLM_* in /etc/semibot/api.env and /etc/semibot/runtime.env
  2. ENV_FILE=/etc/semibot/api.env semibot db migrate
  3. systemctl enable --now semibot-runtime semibot-api
  4. ENV_FILE=/etc/semibot/api.env semibot doctor
END
