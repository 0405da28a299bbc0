#!/bin/sh
# What compose.yaml uses of the entrypoint of MySQL's image, for an image that tests/image/own_engine makes.
set -eu
data=/var/lib/mysql
if [ "$(id -u)" = 0 ]; then
    install -d -o mysql -g mysql "$data" "$data-files" /run/mysqld
    exec setpriv --reuid=mysql --regid=mysql --clear-groups "$0" "$@"
fi
if [ ! -d "$data/mysql" ]; then
    mysqld --initialize-insecure
    mysqld --skip-networking --mysqlx=OFF &
    until mysqladmin --user=root ping >/dev/null 2>&1; do kill -0 $!; sleep 0.2; done
    root=$(cat "$MYSQL_ROOT_PASSWORD_FILE")
    cat /docker-entrypoint-initdb.d/*.sql - <<END | mysql --user=root
ALTER USER root@localhost IDENTIFIED BY '$root';
SHUTDOWN;
END
    wait
fi
exec mysqld "$@"
