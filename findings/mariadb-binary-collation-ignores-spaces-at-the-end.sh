#!/usr/bin/env bash
# One would guess: utf8mb4_bin compares the bytes, so 'Hao' and 'Hao ' are two keys.
# What happens: it pads with spaces, so the second is refused as a double, and WHERE finds it under the other name.
# utf8mb4_nopad_bin compares them as two, but a column of it cannot be joined with one of utf8mb4_bin: error 1267. A
# column of utf8mb4_general_ci can, so that mixing a table that ignores accents with a binary one goes unnoticed.
# Version: MariaDB 10.11.19 (Debian 12, package mariadb-server-core), PyMySQL 1.2.4.
# Why it matters: exports pad site names with spaces; two spellings are one key here and two in Python, R and SQLite.
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
cursor.execute("CREATE DATABASE reefs")
cursor.execute("USE reefs")


def outcome(statement):
    try:
        cursor.execute(statement)
        return [row[0] for row in cursor.fetchall()] or "done"
    except pymysql.err.MySQLError as error:
        return error.args[0]


seen = {}
for name in ("bin", "nopad_bin", "general_ci"):
    cursor.execute(f"CREATE TABLE {name} (site VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_{name} PRIMARY KEY)")
    cursor.execute(f"INSERT INTO {name} VALUES ('Hao')")
    seen[f"'Hao ' besides 'Hao' in {name}"] = outcome(f"INSERT INTO {name} VALUES ('Hao ')")
for name in ("nopad_bin", "general_ci"):
    seen[f"bin joined with {name}"] = outcome(f"SELECT COUNT(*) FROM bin JOIN {name} ON bin.site = {name}.site")
for what, found in seen.items():
    print(f"{what}: {found}")
print("expected: bin takes both names, and can be joined with nopad_bin")
sys.exit(0 if list(seen.values())[:4] == [1062, "done", 1062, 1267] and seen["bin joined with general_ci"] == [1] else 1)
PYTHON
