#!/usr/bin/env bash
# One would guess: a table whose character set is utf8mb4 keeps Huahine, huahine and Huahiné as three keys.
# What happens: the collation that such a table gets by itself compares without case and accents. REPLACE of Huahiné
# deletes the row of Huahine and says that two rows were affected; DELETE of "huahine" deletes Huahiné.
# Version: MariaDB 10.11.19 (Debian 12, package mariadb-server-core), PyMySQL 1.2.4.
# Why it matters: island and site names are keys of tables of cover; a year of one island silently replaces another's.
set -euo pipefail
export LC_ALL=C.UTF-8
PATH="$PATH:/usr/sbin"
command -v mariadbd >/dev/null || { echo "MariaDB is missing: apt-get install mariadb-server-core mariadb-client-core" >&2; exit 1; }
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; }; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pymysql==1.2.4
# A private server in the temporary folder; it listens on its socket only.
options=(--no-defaults --datadir="$folder/data" --socket="$folder/s" --skip-networking --innodb-buffer-pool-size=16M)
[ "$(id -u)" != 0 ] || options+=(--user=root)
mariadb-install-db "${options[@]}" --skip-test-db --auth-root-authentication-method=normal >/dev/null 2>&1
mariadbd "${options[@]}" >"$folder/log" 2>&1 &
server=$!
for _ in $(seq 100); do [ -S "$folder/s" ] && break; sleep 0.2; done
mariadbd --version
"$folder/venv/bin/python" - "$folder/s" <<'PYTHON'
import sys

import pymysql

cursor = pymysql.connect(unix_socket=sys.argv[1], user="root", charset="utf8mb4", autocommit=True).cursor()
cursor.execute("CREATE DATABASE reefs CHARACTER SET utf8mb4")
cursor.execute("USE reefs")
cursor.execute("CREATE TABLE cover (island VARCHAR(30), year INT, percent FLOAT, PRIMARY KEY (island, year))")
cursor.execute("INSERT INTO cover VALUES ('Huahine', 2006, 12.5)")
affected = cursor.execute("REPLACE INTO cover VALUES ('Huahiné', 2006, 40)")
cursor.execute("SELECT island, percent FROM cover")
left = cursor.fetchall()
deleted = cursor.execute("DELETE FROM cover WHERE island = 'huahine'")
print("expected: REPLACE of Huahiné leaves two rows; DELETE of huahine deletes none")
print(f"seen: rows left {left}, affected {affected}; deleted {deleted}")
sys.exit(0 if (left, affected, deleted) == ((("Huahiné", 40.0),), 2, 1) else 1)
PYTHON
