#!/usr/bin/env bash
# One would guess that a link from a page to itself, with other query parameters, changes the address.
# In Streamlit 1.67.0, st.page_link to the page that is open runs it with the new parameters and leaves the old address
# standing. The next run (any button) reads the old parameters again, and a reload or a copied address shows what was
# there before. It matters because corners that were set for one photograph were then read as another's, or lost.
# Needs: python3, chromium (Debian's package).
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check streamlit==1.67.0 playwright==1.65.2
cat >"$folder/app.py" <<'PY'
import streamlit as st

def quadrat():
    st.title("Quadrat")
    st.text("number: " + st.query_params.get("number", "none"))
    st.page_link(quadrat_page, label="open 8", query_params={"number": "8"})
    st.button("run again")

quadrat_page = st.Page(quadrat, title="Quadrat", url_path="quadrat", default=True)
st.navigation([quadrat_page]).run()
PY
cat >"$folder/click.py" <<'PY'
import shutil, sys
import streamlit
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"])
    page = browser.new_page()
    page.goto(sys.argv[1] + "/?number=7")
    page.get_by_text("number: 7").wait_for()
    page.get_by_role("link", name="open 8").click()
    page.get_by_text("number: 8").wait_for()
    page.wait_for_timeout(1500)
    address = page.url.partition("?")[2]
    page.get_by_role("button", name="run again").click()
    page.wait_for_timeout(1500)
    shown = page.get_by_text("number:").inner_text()
    browser.close()
print("streamlit", streamlit.__version__)
print("expected: address number=8 after the link, and number: 8 after the next run")
print("seen:     address", address, "after the link, and", shown, "after the next run")
sys.exit(0 if (address, shown) == ("number=7", "number: 7") else 1)
PY
port=$("$folder/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/venv/bin/python" -m streamlit run "$folder/app.py" --server.address=127.0.0.1 --server.port="$port" \
  --server.headless=true --browser.gatherUsageStats=false >"$folder/log" 2>&1 &
server=$!
for _ in $(seq 60); do "$folder/venv/bin/python" - "$port" <<'PY' && break || sleep 1
import sys, urllib.request
urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/_stcore/health", timeout=2)
PY
done 2>/dev/null
"$folder/venv/bin/python" "$folder/click.py" "http://127.0.0.1:$port"
