// What this browser remembers over reloads: the upload under way, the form's values, and what it has sent lately.

const JOURNAL = "reefsteps-upload";
const FORM = "reefsteps-upload-form";
const BATCHES = "reefsteps-upload-batches"; // `batches.js` reads it on the page Runs
const BATCHES_KEPT_MS = 3 * 86400000;
const BATCHES_KEPT = 20;

function stored(name) {
  try { return JSON.parse(localStorage.getItem(name)); } catch (error) { return null; }
}

function store(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch (error) {
    // A browser without storage only loses the reminder: what arrived is asked of S3 itself.
  }
}

function writeJournal(session) {
  const missing = session.total - session.arrived.length;
  const at = { at: Date.now(), total: session.total, arrived: session.arrived.length };
  store(JOURNAL, missing ? at : null);
}

function showJournal(session) {
  const journal = stored(JOURNAL);
  if (!journal || busy(session) || session.total) return;
  const notice = session.view.notice;
  const when = new Date(journal.at).toLocaleString();
  notice.textContent = `An upload on this computer stopped on ${when}: ${journal.arrived} of ${journal.total} photographs had arrived. Choose the same folder again; what arrived is recognised and not sent twice.`;
  const dismiss = document.createElement("button");
  dismiss.type = "button";
  dismiss.textContent = "Dismiss";
  dismiss.onclick = () => { store(JOURNAL, null); notice.hidden = true; };
  notice.append(dismiss);
  notice.hidden = false;
}

// The page's process learns once what an earlier visit left; from then on it says what is to be remembered.
function rememberForm(session, form) {
  if (session.remembered === undefined) {
    session.remembered = stored(FORM);
    if (session.remembered) session.emit.setStateValue("remembered", session.remembered);
  }
  if (session.remembered && !form.restored) return;
  const now = JSON.stringify({ side: form.side, pattern: form.pattern });
  if (now !== session.formStored) store(FORM, JSON.parse(now));
  session.formStored = now;
}

function rememberBatch(batch) {
  const recent = (stored(BATCHES) || []).filter((kept) => Date.parse(kept.sent_at) > Date.now() - BATCHES_KEPT_MS);
  store(BATCHES, [batch, ...recent.filter((kept) => kept.id !== batch.id)].slice(0, BATCHES_KEPT));
}
