#!/usr/bin/env bash
# One would guess that everything which a component (st.components.v2) reports by setTriggerValue reaches the script.
# In Streamlit 1.67.0, two reports of one component that arrive while the script runs become one request, and only the
# later report is in it. The browser joins only reports that it has not sent yet.
# It matters because answers of a person were sent just before the message that their photograph had loaded, and were lost.
# Needs: python3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check streamlit==1.67.0
"$folder/venv/bin/python" - <<'PY'
import json, sys
import streamlit
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData, ScriptRequests

def report(event):
    """As the browser sends it: a list of what the component has reported since the last request."""
    state = WidgetState(id="component", json_trigger_value=json.dumps([{"event": event, "value": 1}]))
    return RerunData(widget_states=WidgetStates(widgets=[state]), fragment_id="fragment")

waiting = ScriptRequests()  # the script runs: requests wait for its next pause
waiting.request_rerun(report("answers"))
waiting.request_rerun(report("loaded"))
request = waiting.on_scriptrunner_ready()
(state,) = request.rerun_data.widget_states.widgets
seen = [one["event"] for one in json.loads(state.json_trigger_value)]
print("streamlit", streamlit.__version__)
print("expected: answers and loaded")
print("seen:    ", *seen)
sys.exit(0 if seen == ["loaded"] else 1)
PY
