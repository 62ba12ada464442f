// Sends photographs from the browser straight to S3. Python decides the keys and signs; no photograph passes through it.
// Its helpers lie in uploader_heads.js, uploader_md5.js and uploader_journal.js.

const PARALLEL = 3;
const ATTEMPTS = 4;
const TELL_AGAIN_MS = 3000;
const DIGESTS_EVERY_MS = 5000; // each message draws the whole table anew
const RENEWED = ["ExpiredToken", "TokenRefreshRequired", "InvalidToken"]; // of the credentials that signed
const TRIED_AGAIN = ["RequestTimeout", "RequestTimeTooSkewed", "SlowDown", "InternalError", "ServiceUnavailable"];
const sessions = new Map(); // outlives reruns of the page, and a visit to another page of it

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const session = sessionOf(data.session);
  session.grants = data.grants;
  session.formats = data.formats;
  session.view = viewOf(parentElement);
  session.emit = { setStateValue, setTriggerValue };
  if (!parentElement.reefstepsBound) {
    parentElement.reefstepsBound = true;
    bind(session, data.formats);
    showJournal(session);
    if (session.waiting) setTriggerValue("renew", Date.now()); // asked, as below, while another page was shown
    if (session.outcome && session.outcome.run !== data.seen) setStateValue("finished", session.outcome);
  }
  rememberForm(session, data.form);
  if (session.waiting && data.renewal !== session.renewal) {
    session.waiting.forEach((resume) => resume());
    session.waiting = null;
  }
  session.renewal = data.renewal;
  if (data.run && data.run !== session.run) {
    session.run = data.run;
    rememberBatch({ id: data.batch.id, sent_at: data.batch.sent_at, keys: data.plan.map((job) => job.key) });
    send(session, data.plan);
  }
  compare(session, data.compare);
  render(session);
}

function sessionOf(id) {
  if (!sessions.has(id)) {
    sessions.set(id, {
      files: new Map(), run: 0, queue: [], active: new Map(), arrived: [], failed: [], total: 0,
      dead: new Set(), wanted: [], digests: {},
    });
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

function bind(session, formats) {
  const view = session.view;
  view.hint.textContent = `${formats.accepted}. Nothing is sent until you press Send.`;
  view.fileInput.accept = [...formats.extensions.map((extension) => `.${extension}`), "image/jpeg", "image/png", "image/tiff"].join();
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
  if (!busy(session)) Object.assign(session, { files: new Map(), arrived: [], failed: [], total: 0, wanted: [], digests: {} });
  const described = [];
  const batch = Date.now().toString(36);
  for (const [path, file] of photographs) {
    const id = `${batch}-${described.length}`;
    session.files.set(id, file);
    described.push({ id, path, size: file.size, modified: file.lastModified, ...(await describe(path, file, session.formats)) });
    if (described.length % 50 === 0) session.view.hint.textContent = `Reading ${described.length} of ${photographs.length} files …`;
  }
  session.view.hint.textContent = `${described.length} files read. Look at the table below, then send.`;
  session.emit.setStateValue("files", described);
  render(session);
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
    session.ends = (session.ends || 0) + 1;
    session.outcome = { run: `${session.run}.${session.ends}`, arrived: session.arrived.map(({ id, key }) => [id, key]) };
    session.emit.setStateValue("finished", session.outcome);
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
    const grant = await freshGrant(session, job);
    if (!grant) return "The page has no permission to send to this campaign.";
    const answer = await post(job, grant, (share) => {
      session.active.set(job, share);
      render(session);
    });
    if (answer.ok) return "";
    reason = answer.reason;
    if (answer.expired) session.dead.add(grant.fields.policy);
    else if (!answer.again) return reason;
  }
  return `${reason} (tried ${ATTEMPTS} times)`;
}

async function freshGrant(session, job) {
  const grant = () => session.grants.find((candidate) => candidate.id === job.grant);
  const usable = () => grant() && !session.dead.has(grant().fields.policy) && grant().expires_at * 1000 > Date.now() + 60000;
  if (!usable()) await renew(session);
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
  const expired = RENEWED.includes(code) || (request.status === 403 && /expired/i.test(request.responseText));
  const reason = expired ? "The permission to send ran out." : {
    EntityTooLarge: "The file is larger than is accepted.",
    AccessDenied: "Storage refused the file (AccessDenied).",
    SlowDown: "Storage is busy.",
    RequestTimeout: "The connection was too slow.",
    RequestTimeTooSkewed: "This computer's clock, or the connection, is far behind.",
  }[code] || `Storage answered ${code}.`;
  return { ok: false, expired, again: TRIED_AGAIN.includes(code) || request.status >= 500 || request.status === 429, reason };
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

// --- comparing: the content of files that may be there already, one after the other ------------------------------

async function compare(session, wanted) {
  session.asked = wanted;
  session.wanted = wanted.filter((id) => !(id in session.digests) && session.files.has(id));
  if (session.comparing) return;
  session.comparing = true;
  let told = Date.now(), news = false;
  while (session.wanted.length) {
    const id = session.wanted.shift();
    const digests = session.digests; // another choice of files makes another object
    try { digests[id] = await md5Of(session.files.get(id)); } catch (error) { digests[id] = ""; }
    news = true;
    session.view.hint.textContent = session.wanted.length ? `Comparing with what is already there: ${session.wanted.length} files left …` : "Compared with what is already there.";
    if (session.wanted.length && Date.now() - told < DIGESTS_EVERY_MS) continue;
    told = Date.now();
    tellDigests(session);
    news = false;
  }
  if (news) tellDigests(session);
  session.comparing = false;
}

// Seen once with 2,000 files: the last digests never arrived. What the page still asks for is told again.
function tellDigests(session, again = 5) {
  session.emit.setStateValue("digests", { ...session.digests });
  if (!again) return;
  setTimeout(() => { if (session.asked.some((id) => id in session.digests)) tellDigests(session, again - 1); }, TELL_AGAIN_MS);
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
