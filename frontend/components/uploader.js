// Sends photographs from the browser straight to S3. Python decides the keys and signs; no photograph passes through it.

const PARALLEL = 3;
const ATTEMPTS = 4;
const HEAD_BYTES = 131072; // enough for the EXIF block of a JPEG and the first directory of a TIFF or NEF
const JOURNAL = "reefsteps-upload";
const sessions = new Map(); // outlives reruns of the page, and a visit to another page of it

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const session = sessionOf(data.session);
  session.grants = data.grants;
  session.view = viewOf(parentElement);
  session.emit = { setStateValue, setTriggerValue };
  if (!parentElement.reefstepsBound) {
    parentElement.reefstepsBound = true;
    bind(session, parentElement);
    showJournal(session);
  }
  if (session.waiting && data.grants.every((grant) => grant.expires_at * 1000 > Date.now() + 120000)) {
    session.waiting.forEach((resume) => resume());
    session.waiting = null;
  }
  if (data.run && data.run !== session.run) {
    session.run = data.run;
    send(session, data.plan);
  }
  render(session);
}

function sessionOf(id) {
  if (!sessions.has(id)) {
    sessions.set(id, { files: new Map(), run: 0, queue: [], active: new Map(), arrived: [], failed: [], total: 0 });
  }
  return sessions.get(id);
}

function viewOf(root) {
  const find = (selector) => root.querySelector(selector);
  return {
    notice: find(".notice"), drop: find(".drop"), sending: find(".sending"), summary: find(".summary"),
    total: find(".total"), active: find(".active"), failures: find(".failures"), failedTitle: find(".failed-title"),
    failed: find(".failed"), retry: find(".retry"), fileInput: find(".file-input"), folderInput: find(".folder-input"),
    files: find(".files"), folder: find(".folder"), hint: find(".hint"),
  };
}

// --- choosing ---------------------------------------------------------------------------------------------------

function bind(session) {
  const view = session.view;
  view.files.onclick = () => view.fileInput.click();
  view.folder.onclick = () => view.folderInput.click();
  for (const input of [view.fileInput, view.folderInput]) {
    input.onchange = () => {
      const chosen = [...input.files].map((file) => [file.webkitRelativePath || file.name, file]);
      input.value = "";
      add(session, chosen);
    };
  }
  view.drop.ondragover = (event) => { event.preventDefault(); view.drop.classList.add("over"); };
  view.drop.ondragleave = () => view.drop.classList.remove("over");
  view.drop.ondrop = async (event) => {
    event.preventDefault();
    view.drop.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    const chosen = [];
    for (const entry of entries) await walk(entry, chosen);
    add(session, chosen);
  };
  view.retry.onclick = () => {
    const again = session.failed.map((failure) => failure.job);
    session.failed = [];
    start(session, again);
  };
  window.addEventListener("beforeunload", (event) => { if (busy(session)) event.preventDefault(); });
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    found.push([entry.fullPath.replace(/^\//, ""), file]);
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader hands out a folder in portions
    const portion = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!portion.length) return;
    for (const child of portion) await walk(child, found);
  }
}

async function add(session, chosen) {
  const photographs = chosen.filter(([path]) => !/(^|\/)(\.|Thumbs\.db$|desktop\.ini$)/i.test(path));
  if (!photographs.length) return;
  if (!busy(session)) Object.assign(session, { files: new Map(), arrived: [], failed: [], total: 0 });
  const described = [];
  const batch = Date.now().toString(36);
  for (const [path, file] of photographs) {
    const id = `${batch}-${described.length}`;
    session.files.set(id, file);
    described.push({ id, path, size: file.size, ...(await describe(file)) });
    if (described.length % 50 === 0) session.view.hint.textContent = `Reading ${described.length} of ${photographs.length} files …`;
  }
  session.view.hint.textContent = `${described.length} files read. Look at the table below, then send.`;
  session.emit.setStateValue("files", described);
  render(session);
}

async function describe(file) {
  try {
    const view = new DataView(await file.slice(0, HEAD_BYTES).arrayBuffer());
    if (view.byteLength < 12) return { problem: "The file is empty or cut short." };
    const start = view.getUint32(0);
    if (start >>> 8 === 0xffd8ff) return { captured: jpegDate(view) };
    if (start === 0x89504e47) return {};
    if (start === 0x49492a00 || start === 0x4d4d002a) return { captured: tiffDate(view, 0) };
    return { problem: "The content is no JPEG, PNG, TIFF or NEF picture, whatever its name says." };
  } catch (error) {
    return { problem: "The browser could not read the file." };
  }
}

function jpegDate(view) {
  let at = 2;
  while (at + 10 < view.byteLength && view.getUint8(at) === 0xff) {
    const length = view.getUint16(at + 2);
    if (view.getUint8(at + 1) === 0xe1 && view.getUint32(at + 4) === 0x45786966) return tiffDate(view, at + 10);
    if (view.getUint8(at + 1) === 0xda) return null;
    at += 2 + length;
  }
  return null;
}

function tiffDate(view, base) {
  try {
    const little = view.getUint16(base) === 0x4949;
    const entries = (directory) => {
      const found = new Map();
      const count = Math.min(view.getUint16(base + directory, little), 512);
      for (let i = 0; i < count; i++) {
        const at = base + directory + 2 + 12 * i;
        found.set(view.getUint16(at, little), view.getUint32(at + 8, little));
      }
      return found;
    };
    const exif = entries(view.getUint32(base + 4, little)).get(0x8769);
    const offset = exif && entries(exif).get(0x9003); // DateTimeOriginal
    if (!offset) return null;
    let text = "";
    for (let i = 0; i < 19; i++) text += String.fromCharCode(view.getUint8(base + offset + i));
    return /^\d{4}:\d\d:\d\d \d\d:\d\d:\d\d$/.test(text) ? text : null;
  } catch (error) {
    return null; // the directory lies beyond the head that was read
  }
}

// --- sending ----------------------------------------------------------------------------------------------------

function send(session, plan) {
  const jobs = plan.map((item) => ({ ...item, file: session.files.get(item.id) })).filter((job) => job.file);
  if (!busy(session)) Object.assign(session, { arrived: [], failed: [], total: 0 });
  session.total += jobs.length;
  start(session, jobs);
}

function busy(session) {
  return session.queue.length + session.active.size > 0;
}

function start(session, jobs) {
  const idle = !busy(session);
  session.queue.push(...jobs);
  writeJournal(session);
  render(session);
  if (!idle) return;
  const workers = Array.from({ length: Math.min(PARALLEL, session.queue.length) }, () => work(session));
  Promise.all(workers).then(() => {
    writeJournal(session);
    render(session);
    session.emit.setTriggerValue("finished", {
      arrived: session.arrived.map((job) => job.key),
      failed: session.failed.map(({ job, reason }) => ({ key: job.key, reason })),
    });
  });
}

async function work(session) {
  let job;
  while ((job = session.queue.shift())) {
    session.active.set(job, 0);
    render(session);
    const reason = await deliver(session, job);
    session.active.delete(job);
    if (reason) session.failed.push({ job, reason });
    else session.arrived.push(job);
    writeJournal(session);
    render(session);
  }
}

async function deliver(session, job) {
  let reason = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt) await pause(1000 * 3 ** (attempt - 1));
    if (!navigator.onLine) await new Promise((done) => window.addEventListener("online", done, { once: true }));
    const answer = await post(job, await freshGrant(session, job), (share) => {
      session.active.set(job, share);
      render(session);
    });
    if (answer.ok) return "";
    reason = answer.reason;
    if (answer.expired) await renew(session);
    else if (!answer.again) return reason;
  }
  return `${reason} (tried ${ATTEMPTS} times)`;
}

async function freshGrant(session, job) {
  const grant = () => session.grants.find((candidate) => candidate.prefix === job.prefix);
  if (!grant() || grant().expires_at * 1000 < Date.now() + 60000) await renew(session);
  return grant();
}

function renew(session) {
  if (!session.waiting) {
    session.waiting = [];
    session.emit.setTriggerValue("renew", Date.now());
  }
  return new Promise((done) => session.waiting.push(done));
}

function post(job, grant, progressed) {
  return new Promise((done) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(grant.fields)) form.append(name, value);
    form.append("key", job.key);
    form.append("Content-Type", job.file.type || "application/octet-stream");
    form.append("x-amz-meta-original-name", encodeURIComponent(job.file.name).slice(0, 600));
    form.append("file", job.file);
    const request = new XMLHttpRequest();
    request.open("POST", grant.url);
    request.upload.onprogress = (event) => progressed(event.loaded / event.total);
    request.onload = () => done(verdict(request));
    request.onerror = () => done({ ok: false, again: true, reason: "The connection broke, or the file changed or moved." });
    request.send(form);
  });
}

function verdict(request) {
  if (request.status < 300) return { ok: true };
  const code = (/<Code>([A-Za-z]+)<\/Code>/.exec(request.responseText) || [])[1] || String(request.status);
  const expired = request.status === 403 && /expired/i.test(request.responseText);
  const reason = {
    EntityTooLarge: "The file is larger than is accepted.",
    AccessDenied: expired ? "The permission to send ran out." : "Storage refused the file (AccessDenied).",
    SlowDown: "Storage is busy.",
  }[code] || `Storage answered ${code}.`;
  return { ok: false, expired, again: request.status >= 500 || request.status === 429, reason };
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

// --- the journal: what this browser was sending, so that a closed page can say what is missing --------------------

function writeJournal(session) {
  const missing = session.total - session.arrived.length;
  try {
    if (!missing) localStorage.removeItem(JOURNAL);
    else localStorage.setItem(JOURNAL, JSON.stringify({ at: Date.now(), total: session.total, arrived: session.arrived.length }));
  } catch (error) {
    // A browser without storage only loses the reminder: what arrived is asked of S3 itself.
  }
}

function showJournal(session) {
  let journal = null;
  try { journal = JSON.parse(localStorage.getItem(JOURNAL)); } catch (error) { return; }
  if (!journal || busy(session) || session.total) return;
  const notice = session.view.notice;
  const when = new Date(journal.at).toLocaleString();
  notice.textContent = `An upload on this computer stopped on ${when}: ${journal.arrived} of ${journal.total} photographs had arrived. Choose the same folder again; what arrived is recognised and not sent twice.`;
  const dismiss = document.createElement("button");
  dismiss.type = "button";
  dismiss.textContent = "Dismiss";
  dismiss.onclick = () => { localStorage.removeItem(JOURNAL); notice.hidden = true; };
  notice.append(dismiss);
  notice.hidden = false;
}

// --- showing ----------------------------------------------------------------------------------------------------

function render(session) {
  const view = session.view;
  view.sending.hidden = session.total === 0;
  if (session.total === 0) return;
  view.notice.hidden = true;
  const partial = [...session.active.values()].reduce((sum, share) => sum + share, 0);
  view.total.value = (session.arrived.length + partial) / session.total;
  const failed = session.failed.length ? `, ${session.failed.length} failed` : "";
  const state = busy(session) ? "Sending" : session.failed.length ? "Stopped" : "Done";
  view.summary.textContent = `${state}: ${session.arrived.length} of ${session.total} photographs have arrived${failed}.`;
  view.active.replaceChildren(...[...session.active].map(([job, share]) => activeRow(job, share)));
  view.failures.hidden = session.failed.length === 0;
  view.failedTitle.textContent = `${session.failed.length} not sent`;
  view.retry.disabled = busy(session);
  if (view.failed.childElementCount !== session.failed.length) {
    view.failed.replaceChildren(...session.failed.map(({ job, reason }) => textItem("li", `${job.file.name}: ${reason}`)));
  }
}

function activeRow(job, share) {
  const row = document.createElement("li");
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = share;
  bar.setAttribute("aria-label", job.file.name);
  const percent = textItem("span", `${Math.round(100 * share)} %`);
  percent.className = "percent";
  row.append(textItem("span", `${job.file.name} → ${job.key}`), bar, percent);
  return row;
}

function textItem(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}
