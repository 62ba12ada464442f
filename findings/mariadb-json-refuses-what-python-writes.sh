#!/usr/bin/env bash
# One would guess: what json.dumps writes and json.loads reads can be stored in a JSON column.
# What happens: half of a surrogate pair ("\ud800", from bytes read with surrogateescape) and NaN are written by Python's
# json without a word. MariaDB's JSON is LONGTEXT with a CHECK, which refuses both with error 4025, a failed constraint
# that names the column and not the reason. SQLAlchemy's JSON type passes them on.
# Version: MariaDB 10.11.19 (Debian 12, package mariadb-server-core), SQLAlchemy 2.1.9, PyMySQL 1.2.4.
# Why it matters: camera names and EXIF comments with a broken byte, and a mean of nothing, fail only in the database.
set -euo pipefail
export LC_ALL=C.UTF-8
PATH="$PATH:/usr/sbin"
command -v mariadbd >/dev/null || { echo "MariaDB is missing: apt-get install mariadb-server-core mariadb-client-core" >&2; exit 1; }
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; }; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlalchemy==2.1.9 pymysql==1.2.4
# A private server in the temporary folder; it listens on its socket only.
options=(--no-defaults --datadir="$folder/data" --socket="$folder/s" --skip-networking --innodb-buffer-pool-size=16M)
[ "$(id -u)" != 0 ] || options+=(--user=root)
mariadb-install-db "${options[@]}" --skip-test-db --auth-root-authentication-method=normal >/dev/null 2>&1
mariadbd "${options[@]}" >"$folder/log" 2>&1 &
server=$!
for _ in $(seq 100); do [ -S "$folder/s" ] && break; sleep 0.2; done
mariadbd --version
"$folder/venv/bin/python" - "$folder/s" <<'PYTHON'
import json
import sys

import sqlalchemy as sa

engine = sa.create_engine(f"mysql+pymysql://root@localhost/?unix_socket={sys.argv[1]}&charset=utf8mb4")
with engine.begin() as connection:
    connection.exec_driver_sql("CREATE DATABASE reefs")
engine = sa.create_engine(f"mysql+pymysql://root@localhost/reefs?unix_socket={sys.argv[1]}&charset=utf8mb4")
metadata = sa.MetaData()
photo = sa.Table("photo", metadata, sa.Column("number", sa.Integer, primary_key=True), sa.Column("exif", sa.JSON))
metadata.create_all(engine)
values = {"an emoji": "\U0001f41f", "half of a pair": b"Nikon \xff".decode(errors="surrogateescape"), "NaN": float("nan")}
seen = {}
for number, (name, value) in enumerate(values.items()):
    written = json.dumps({"camera": value})
    json.loads(written)
    try:
        with engine.begin() as connection:
            connection.execute(photo.insert(), {"number": number, "exif": {"camera": value}})
        seen[name] = "stored"
    except sa.exc.OperationalError as error:
        seen[name] = error.orig.args[0]
    print(f"{name}: Python writes and reads {written}; expected stored, seen {seen[name]}")
sys.exit(0 if seen == {"an emoji": "stored", "half of a pair": 4025, "NaN": 4025} else 1)
PYTHON
