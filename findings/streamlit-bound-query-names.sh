#!/usr/bin/env bash
# One would guess that a link with query parameters opens the page with those parameters.
# In Streamlit 1.67.0, a name that a control of the page that is left has bound (bind="query-params") is taken out of
# the parameters of the page that is opened, although the link has set it: island=C&number=7 arrives as number=7.
# It matters because a gallery that is filtered by island then opens another quadrat than the one that was clicked.
# Needs: python3, chromium (Debian's package).
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check streamlit==1.67.0 playwright==1.65.2
cat >"$folder/app.py" <<'PY'
import streamlit as st

def gallery():
    st.title("Gallery")
    st.multiselect("Island", ["A", "B", "C"], key="island", bind="query-params")
    st.page_link(quadrat_page, label="open C 7", query_params={"island": "C", "number": "7"})

def quadrat():
    st.title("Quadrat")
    st.text("arrived: " + " ".join(f"{k}={v}" for k, v in sorted(st.query_params.to_dict().items())))

gallery_page = st.Page(gallery, title="Gallery", url_path="gallery", default=True)
quadrat_page = st.Page(quadrat, title="Quadrat", url_path="quadrat")
st.navigation([gallery_page, quadrat_page]).run()
PY
cat >"$folder/click.py" <<'PY'
import shutil, sys
import streamlit
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"])
    page = browser.new_page()
    page.goto(sys.argv[1])
    page.get_by_role("link", name="open C 7").click()
    page.get_by_text("arrived:").wait_for()
    page.wait_for_timeout(1500)
    shown, address = page.get_by_text("arrived:").inner_text(), page.url.partition("?")[2]
    browser.close()
print("streamlit", streamlit.__version__)
print("expected: island=C number=7, in the page and in the address")
print("seen:    ", shown, "| address:", address)
sys.exit(0 if (shown, address) == ("arrived: number=7", "number=7") else 1)
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
