// Tells the page Runs what this browser has sent lately, so that a reload or a new tab still shows how far it is.

const BATCHES = "reefsteps-upload-batches"; // `uploader_journal.js` writes it
const KEPT_MS = 3 * 86400000;
let told = "";

export default function ({ data, setStateValue }) {
  let kept = [];
  try { kept = JSON.parse(localStorage.getItem(BATCHES)) || []; } catch (error) { return; }
  const recent = kept.filter((batch) => Date.parse(batch.sent_at) > Date.now() - KEPT_MS);
  const unknown = recent.filter((batch) => !data.known.includes(batch.id));
  const now = data.session + unknown.map((batch) => batch.id).join();
  if (!unknown.length || now === told) return;
  told = now;
  setStateValue("batches", recent);
}
