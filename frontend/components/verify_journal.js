// What a person has answered on one photograph: kept in this browser at each answer, sent in batches, and merged with
// what the page has had written. Each answer has the time at which it was given or taken back; the newest counts, here
// as in the database (reefsteps/points/batches.py), so a batch may be sent again and two browsers may answer in turn.

const JOURNAL = "reefsteps-verify ";
const BATCH = 10;
const UNSENT_KEPT_MS = 90 * 86400000;
const NO_REPLY_MS = 30000;
const AGAIN_MS = 10000;
const UNDONE_MOST = 100;

function openJournal(data, { send, changed }) {
  const name = JOURNAL + data.identity;
  const count = data.x.length;
  let places = { x: data.x, y: data.y };
  let letters = [...data.answers], at = [...data.at_ms]; // as this browser has them
  let kept = [...data.answers], keptAt = [...data.at_ms]; // as the database has them
  let history = [], finishing = false, settling = false, sending = null, timer = null, problem = "", refused = false;
  let started = false;

  forgetOld();
  const earlier = data.done ? null : readJournal(name);
  if (data.done) removeJournal(name);
  if (earlier) bringBack(earlier);
  const online = () => { sending = null; pump(); };
  window.addEventListener("online", online);

  function bringBack(found) {
    const same = JSON.stringify([found.x, found.y]) === JSON.stringify([data.x, data.y]);
    if (!same && data.is_begun) { // another browser began with other points, and they rule
      problem = "Answers that this browser had not sent belong to other points and were dropped.";
      return;
    }
    if (!same) { // the corners were set anew since: the answers keep their points, which lie in the original's pixels
      settling = true;
      places = { x: found.x, y: found.y };
      kept = found.x.map(() => "-");
      keptAt = found.x.map(() => 0);
      letters = [...found.letters];
      at = [...found.at];
      return;
    }
    for (let i = 0; i < count; i++) if (found.at[i] > at[i]) { at[i] = found.at[i]; letters[i] = found.letters[i]; }
    history = found.history;
    finishing = found.finishing;
  }

  function set(i, letter) {
    at[i] = Math.max(Date.now(), at[i] + 1);
    letters[i] = letter;
  }

  function leaveOutBeside() {
    for (const i of data.beside) if (letters[i] === "-") set(i, "u");
  }

  function save() {
    try {
      localStorage.setItem(name, JSON.stringify({ ...places, letters: letters.join(""), at, history, finishing, saved_at: Date.now() }));
      return true;
    } catch (error) {
      return false; // a browser without storage loses at most what it has not sent
    }
  }

  function unsent() {
    return at.map((_, i) => i).filter((i) => at[i] > keptAt[i]).sort((a, b) => at[a] - at[b]);
  }

  function pump() {
    clearTimeout(timer);
    if (!started || refused || data.done) return;
    if (sending) {
      timer = setTimeout(() => { sending = null; pump(); }, Math.max(0, sending.at + NO_REPLY_MS - Date.now()));
      return;
    }
    let batch = unsent();
    if (!finishing && !settling) {
      if (batch.length < BATCH) return;
      batch = batch.slice(0, BATCH);
      // The photograph is complete with its last answer, so that one waits until the person has looked again.
      const open = kept.map((_, i) => i).filter((i) => kept[i] === "-");
      if (open.every((i) => batch.includes(i) && letters[i] !== "-")) batch = batch.filter((i) => i !== open[open.length - 1]);
    }
    if (!batch.length) return;
    batch = settling ? batch : batch.slice(0, BATCH);
    const times = at.map((moment, i) => (batch.includes(i) ? moment : 0));
    sending = { id: Date.now(), at: Date.now() };
    send({ id: sending.id, ...places, answers: letters.map((letter, i) => (times[i] ? letter : "-")).join(""), at_ms: times, settle: settling });
    timer = setTimeout(() => { sending = null; pump(); changed(); }, NO_REPLY_MS);
  }

  function take(reply) {
    if (!reply || !sending || reply.id !== sending.id) return;
    sending = null;
    clearTimeout(timer);
    problem = reply.problem || "";
    refused = Boolean(reply.problem) && !reply.passes;
    if (reply.problem) {
      if (!refused) timer = setTimeout(pump, AGAIN_MS);
      return;
    }
    kept = [...reply.answers];
    keptAt = [...reply.at_ms];
    for (let i = 0; i < keptAt.length; i++) if (keptAt[i] > at[i]) { at[i] = keptAt[i]; letters[i] = kept[i]; }
    if (letters.includes("-")) finishing = false; // taken back in another browser
    if (reply.complete || settling) removeJournal(name);
    else save();
    if (!settling && !reply.complete) pump();
  }

  return {
    take,
    // Sends what an earlier page had not sent, but only once the picture has been checked: of two things that the widget
    // reports while the page is drawn, Streamlit (1.67) delivers the later one alone.
    start: () => { started = true; pump(); },
    letter: (i) => (settling ? "-" : letters[i]),
    locked: () => finishing || settling || refused,
    canUndo: () => history.length > 0,
    close: () => { clearTimeout(timer); window.removeEventListener("online", online); },
    answer(i, letter) {
      history = [...history, [i, letters[i]]].slice(-UNDONE_MOST);
      leaveOutBeside();
      set(i, letter);
      if (!save()) problem = "This browser keeps nothing: do not close the page before the photograph is done.";
      pump();
    },
    undo() {
      if (!history.length) return null;
      const [i, letter] = history[history.length - 1];
      history = history.slice(0, -1);
      set(i, letter);
      save();
      return i;
    },
    finish() {
      leaveOutBeside();
      finishing = true;
      save();
      pump();
    },
    note() {
      const left = unsent().length;
      const here = `${left} ${left === 1 ? "answer is" : "answers are"} kept in this browser until then.`;
      if (refused) return problem;
      if (!navigator.onLine) return `No connection. ${here}`;
      if (problem && left) return `${problem} The page tries again by itself. ${here}`;
      if (problem) return problem;
      if (settling) return "The corners were set anew. What you had answered is brought back …";
      return finishing ? "Sending the last answers …" : "";
    },
  };
}

function readJournal(name) {
  try {
    const found = JSON.parse(localStorage.getItem(name));
    const whole = found && [found.x, found.y, found.at, [...found.letters]].every((list) => Array.isArray(list) && list.length === found.x.length);
    return whole ? { ...found, history: found.history || [], finishing: Boolean(found.finishing) } : null;
  } catch (error) {
    return null;
  }
}

function removeJournal(name) {
  try { localStorage.removeItem(name); } catch (error) { /* there was none */ }
}

function forgetOld() {
  try {
    for (const name of Object.keys(localStorage).filter((key) => key.startsWith(JOURNAL))) {
      if (!(JSON.parse(localStorage.getItem(name))?.saved_at > Date.now() - UNSENT_KEPT_MS)) localStorage.removeItem(name);
    }
  } catch (error) { /* nothing is kept */ }
}
