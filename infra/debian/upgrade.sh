#!/bin/sh
# Replaces the release that runs on this machine by another one, without a failed chat, and goes back when that fails.
#
#   sudo sh upgrade.sh [<folder of a release>]
#
# The release is the folder that this script lies in, unless another one is named. What it does, in this order:
#   1. install.sh, which copies the release and its units beside what runs
#   2. semibot db migrate of the new release; the old one runs on with the new schema (docs/upgrade.md says why)
#   3. /opt/semibot/current, in one step
#   4. every unit that runs, one after the other, runtimes first: restarted; the next only when it is ready
# A runtime that restarts hands its executions over; the api answers meanwhile. An api is taken out of nginx before it
# restarts, so that nobody is sent to it: that wants at least two apis, such as semibot-api and semibot-api@3002.
# When a unit does not become ready, /opt/semibot/current and the units go back to the old release. The schema stays.
set -eu

case ${1-} in
    --help|-h) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "upgrade.sh: there is no option $1; see upgrade.sh --help" >&2; exit 2 ;;
esac
release=$(readlink -f "${1:-$(dirname "$(readlink -f "$0")")}")
current=/opt/semibot/current
# The server blocks that name the apis, see infra/nginx/semibot.conf.
nginx_conf=${NGINX_CONF:-/etc/nginx/conf.d/semibot.conf}
# How nginx is told to read it again: a gentle reload, running streams stay with the old workers.
nginx_reload=${NGINX_RELOAD:-systemctl reload nginx}

fail() { echo "upgrade.sh: $1" >&2; exit 1; }
say() { echo "$1"; }

[ "$(id -u)" -eq 0 ] || fail "this needs root: sudo sh $0"
[ -L "$current" ] || fail "nothing is installed yet: install.sh comes first"
[ -r "$release/VERSION" ] || fail "$release is no release: it has no file VERSION"
new=releases/$(cat "$release/VERSION")
old=$(readlink "$current")
[ "$new" != "$old" ] || { say "$new runs already"; exit 0; }

running() { systemctl list-units --plain --no-legend --state=active "$1" | cut -d ' ' -f 1; }

use() {
    ln -sfn "$1" "$current.next"
    mv -T "$current.next" "$current"
    # Units belong to their release.
    install -m 0644 "$current"/systemd/*.service /etc/systemd/system/
    systemctl daemon-reload
}

# The port of an api unit: of its name, else of the settings.
port_of() {
    case $1 in
        *@*) port=${1#*@}; echo "${port%.service}" ;;
        *) port=$(sed -n 's/^ *API_PORT=["'\'']\{0,1\}\([0-9]*\).*/\1/p' /etc/semibot/api.env | tail -n 1); echo "${port:-3001}" ;;
    esac
}

# in_nginx <port> yes|no: puts an api into nginx, or takes it out.
in_nginx() {
    if [ ! -w "$nginx_conf" ]; then
        if [ "$2" = no ]; then
            say "there is no $nginx_conf: whatever balances the apis must see by /ready that the one on port $1 ends"
        fi
        return 0
    fi
    if [ "$2" = no ]; then
        sed -i "s/^\( *server [^ ;]*:$1\b[^;]*\);/\1 down;/" "$nginx_conf"
    else
        sed -i "s/^\( *server [^ ;]*:$1\b[^;]*\) down;/\1;/" "$nginx_conf"
    fi
    $nginx_reload
    # It starts its new workers a moment later; until then the old ones go on as before.
    sleep 1
}

restart() {
    say "$1: restarting"
    case $1 in
        semibot-api*)
            port=$(port_of "$1")
            apis=$(running 'semibot-api*.service' | wc -l)
            if [ "$apis" -gt 1 ]; then in_nginx "$port" no; fi
            code=0
            systemctl restart "$1" || code=$?
            if [ "$apis" -gt 1 ]; then in_nginx "$port" yes; fi
            return $code
            ;;
        *) systemctl restart "$1" ;;
    esac
}

sh "$release/install.sh" "$release" > /dev/null
if [ -r /etc/semibot/api.env ]; then
    say "migrations of ${new#releases/}"
    ENV_FILE=/etc/semibot/api.env NODE_ENV=production "/opt/semibot/$new/bin/semibot" db migrate
fi
units="$(running 'semibot-runtime*.service') $(running 'semibot-api*.service')"
use "$new"
done=
for unit in $units; do
    if restart "$unit"; then
        done="$unit $done"
        continue
    fi
    say "$unit does not become ready with ${new#releases/}: back to ${old#releases/}" >&2
    use "$old"
    for back in $unit $done; do
        restart "$back" || say "$back does not start with ${old#releases/} either: journalctl -u $back" >&2
    done
    exit 1
done
say "${new#releases/} runs; the old release is still in /opt/semibot/$old"
