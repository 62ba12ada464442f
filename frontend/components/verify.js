// One point after another, in a lens and in the whole straightened picture, answered by keys, mouse or finger. What is
// answered goes into this browser's own journal at once (verify_journal.js) and in batches of ten to the page, which has
// them written. Nothing of the model reaches this script before the photograph is done.

const KEYS = { c: "c", 1: "c", n: "o", 2: "o", u: "u", 3: "u", "?": "u" };
const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
const WORDS = { c: "coral", o: "not coral", u: "cannot tell", "-": "no answer yet" };
const BUTTONS = { coral: "c", other: "o", unclear: "u" };
const SVG = "http://www.w3.org/2000/svg";
const WIDE = 1000; // of the marks' drawing; its height follows the picture
const LOAD_AGAIN_MS = 5000;

export default function ({ parentElement, data, setTriggerValue }) {
  const name = JSON.stringify([data.identity, data.etag, data.x, Boolean(data.done)]);
  const present = parentElement.reefstepsVerify;
  if (present && present.name === name) {
    present.emit = setTriggerValue;
    present.take(data);
    return;
  }
  if (present) present.end();
  parentElement.reefstepsVerify = begin(name, parentElement, data, setTriggerValue);
}

function begin(name, root, data, emit) {
  const names = ["verify", "whole", "photo", "mask", "marks", "lens", "where", "progress", "answers", "steps", "ending", "reading", "note", "before", "after", "undo", "wider", "closer", "finish", "next", "cover", ...Object.keys(BUTTONS)];
  const view = Object.fromEntries(names.map((part) => [part, root.querySelector(`.${part}`)]));
  const state = {
    name, emit, view, data, now: 0, field: 1 / 8, picture: null, checked: false, done: data.done, note: "",
    inside: data.plane.map((_, i) => i).filter((i) => !data.beside.includes(i)),
  };
  const journal = openJournal(data, {
    send: (batch) => state.emit("batch", batch),
    changed: () => show(state),
  });
  state.journal = journal;
  state.take = (fresh) => {
    state.data = fresh;
    if (fresh.checked === fresh.etag) setChecked(state);
    journal.take(fresh.reply);
    show(state);
  };
  state.end = () => journal.close();
  view.photo.alt = data.alt;
  view.mask.hidden = true;
  view.lens.width = view.lens.height = 0;
  view.note.textContent = "";
  view.where.textContent = "Loading the photograph …";
  for (const button of root.querySelectorAll("button")) button.disabled = true;
  drawMarks(state);
  bind(state);
  load(state);
  return state;
}

// The page is asked once more whether the picture that has come is the one that the points were laid in: another run
// may have written it in this moment.
function load(state) {
  const { view, data } = state;
  const stillHere = () => view.photo.isConnected && view.verify.reefstepsState === state;
  const ask = () => {
    if (!stillHere() || state.checked) return;
    state.emit("loaded", { etag: data.etag, at: Date.now() });
    setTimeout(ask, LOAD_AGAIN_MS);
  };
  view.verify.reefstepsState = state;
  view.photo.onerror = () => { if (stillHere()) view.where.textContent = "The photograph could not be loaded. Reload the page."; };
  view.photo.onload = async () => {
    if (!stillHere()) return;
    view.whole.style.setProperty("--shape", view.photo.naturalWidth / view.photo.naturalHeight);
    // Decoded once and kept: a picture element may be decoded anew for each drawing.
    try { state.picture = await createImageBitmap(view.photo); } catch (error) { state.picture = view.photo; }
    if (!stillHere()) return;
    state.now = firstOpen(state, -1) ?? state.inside[0] ?? 0;
    if (data.done || data.checked === data.etag) setChecked(state);
    ask();
    show(state);
    const elsewhere = document.activeElement && document.activeElement !== document.body && !document.activeElement.shadowRoot;
    if (elsewhere) return; // somebody is typing
    (data.done?.next ? view.next : view.verify).focus({ preventScroll: true });
    view.verify.scrollIntoView({ block: "nearest" });
  };
  view.photo.src = data.url;
  if (data.done?.mask) view.mask.src = data.done.mask;
}

function setChecked(state) {
  if (state.checked) return;
  state.checked = true;
  state.journal.start();
}

// --- what a person does -------------------------------------------------------------------------------------------

function bind(state) {
  const { view } = state;
  for (const [part, letter] of Object.entries(BUTTONS)) view[part].onclick = () => answer(state, letter);
  view.before.onclick = () => step(state, -1);
  view.after.onclick = () => step(state, 1);
  view.undo.onclick = () => undo(state);
  view.wider.onclick = () => magnify(state, 1.5);
  view.closer.onclick = () => magnify(state, 1 / 1.5);
  view.finish.onclick = () => { state.journal.finish(); show(state); };
  view.next.onclick = () => state.emit("next", Date.now());
  view.cover.onclick = () => cover(state);
  view.whole.onclick = (event) => choose(state, event);
  view.verify.onkeydown = (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    let act = null;
    if (plain && key in KEYS) act = () => answer(state, KEYS[key]);
    else if (plain && key in STEPS) act = () => step(state, STEPS[key]);
    else if ((plain && key === "Backspace") || (!plain && key === "z")) act = () => undo(state);
    else if (plain && (key === "+" || key === "=")) act = () => magnify(state, 1 / 1.5);
    else if (plain && key === "-") act = () => magnify(state, 1.5);
    else if (plain && key === "m" && state.done) act = () => cover(state);
    else if (plain && key === "Enter" && event.target === view.verify) act = () => (state.done ? view.next : view.finish).click();
    if (!act) return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has keys of its own
    act();
  };
}

function ready(state) {
  return state.checked && state.picture && !state.done && !state.journal.locked();
}

function answer(state, letter) {
  if (!ready(state) || !state.inside.includes(state.now)) return;
  state.journal.answer(state.now, letter);
  state.now = firstOpen(state, state.now) ?? state.now;
  show(state);
}

function undo(state) {
  if (!ready(state)) return;
  const back = state.journal.undo();
  if (back !== null) state.now = back;
  show(state);
}

function step(state, way) {
  const at = state.inside.indexOf(state.now) + way;
  if (!state.picture || at < 0 || at >= state.inside.length) return;
  state.now = state.inside[at];
  show(state);
}

// The point nearest to the finger: marks are too small to be hit.
function choose(state, event) {
  const box = state.view.whole.getBoundingClientRect();
  const away = (i) => {
    const [u, v] = state.data.plane[i];
    return Math.hypot(box.left + u * box.width - event.clientX, box.top + v * box.height - event.clientY);
  };
  if (!state.picture || !state.inside.length) return;
  state.now = state.inside.reduce((best, i) => (away(i) < away(best) ? i : best));
  show(state);
  state.view.verify.focus({ preventScroll: true });
}

function magnify(state, factor) {
  state.field = Math.min(1, Math.max(1 / 40, state.field * factor));
  show(state);
}

function cover(state) {
  state.view.mask.hidden = !state.view.mask.hidden;
  show(state);
}

function firstOpen(state, from) {
  const open = state.inside.filter((i) => state.journal.letter(i) === "-");
  return open.find((i) => i > from) ?? open[0];
}

// --- what is shown ------------------------------------------------------------------------------------------------

function show(state) {
  const { view, journal, data } = state;
  if (!state.picture) return;
  const answered = state.inside.filter((i) => journal.letter(i) !== "-").length;
  const all = answered === state.inside.length;
  const can = ready(state);
  const number = state.inside.indexOf(state.now) + 1;
  const letter = journal.letter(state.now);
  const reading = Boolean(state.done);
  if (!state.checked) view.where.textContent = "Checking the photograph …";
  else if (!number) view.where.textContent = "No point lies within the quadrat.";
  else view.where.textContent = `Point ${number} of ${state.inside.length}: ${WORDS[letter]}${reading ? modelWords(state) : ""}. ${answered} answered.`;
  view.progress.max = state.inside.length || 1;
  view.progress.value = answered;
  for (const [part, own] of Object.entries(BUTTONS)) {
    view[part].disabled = !can;
    view[part].setAttribute("aria-pressed", String(letter === own));
  }
  view.answers.hidden = view.undo.hidden = reading;
  view.before.disabled = view.after.disabled = view.wider.disabled = view.closer.disabled = !state.checked;
  view.undo.disabled = !can || !journal.canUndo();
  view.ending.hidden = reading || !all;
  view.finish.disabled = !can || !all;
  view.reading.hidden = !reading;
  view.next.hidden = !data.done?.next;
  view.next.disabled = !reading;
  view.cover.hidden = !data.done?.mask;
  view.cover.disabled = !reading;
  if (reading && data.done.mask && state.uncovered === undefined) { view.mask.hidden = false; state.uncovered = true; }
  view.cover.setAttribute("aria-pressed", String(!view.mask.hidden));
  view.note.textContent = reading ? "" : journal.note() || (all ? "All points are answered. Look again, or press Enter on Finish." : "");
  showMarks(state);
  drawLens(state);
  if (all && can && !state.offered) { state.offered = true; view.finish.focus({ preventScroll: true }); }
  if (!all) state.offered = false;
}

function modelWords(state) {
  const said = state.done.model?.[state.now];
  return said === "c" ? ", the model says coral" : said === "o" ? ", the model says not coral" : "";
}

function drawMarks(state) {
  const { view, data } = state;
  const tall = Math.round((WIDE * data.size_px[1]) / data.size_px[0]);
  view.marks.setAttribute("viewBox", `0 0 ${WIDE} ${tall}`);
  const radius = data.plane.length > 150 ? 6 : 9;
  state.rims = data.plane.map((place) => circle(place, tall, radius, "rim"));
  state.dots = data.plane.map((place) => circle(place, tall, radius, ""));
  state.ring = circle([0, 0], tall, radius + 8, "now");
  state.tall = tall;
  for (const i of data.beside) state.rims[i].setAttribute("class", "beside");
  view.marks.replaceChildren(...state.rims, ...state.dots, state.ring);
}

function circle([u, v], tall, radius, name) {
  const shape = document.createElementNS(SVG, "circle");
  shape.setAttribute("cx", u * WIDE);
  shape.setAttribute("cy", v * tall);
  shape.setAttribute("r", radius);
  shape.setAttribute("class", name);
  return shape;
}

function showMarks(state) {
  const { data, journal } = state;
  state.dots.forEach((dot, i) => {
    const letter = journal.letter(i);
    const said = state.done?.model?.[i];
    const differs = said && "co".includes(letter) && said !== "-" && said !== letter;
    const name = data.beside.includes(i) ? "beside" : `${letter === "-" ? "open" : letter}${differs ? " differs" : ""}`;
    if (dot.getAttribute("class") !== name) dot.setAttribute("class", name);
  });
  const [u, v] = data.plane[state.now] || [0, 0];
  state.ring.setAttribute("cx", u * WIDE);
  state.ring.setAttribute("cy", v * state.tall);
}

function drawLens(state) {
  const { view, picture, data } = state;
  const side = Math.round(view.lens.clientWidth * Math.min(2, window.devicePixelRatio || 1));
  if (!side) { requestAnimationFrame(() => { if (view.lens.clientWidth) drawLens(state); }); return; }
  if (view.lens.width !== side) view.lens.width = view.lens.height = side;
  const pen = view.lens.getContext("2d", { alpha: false });
  const wide = picture.naturalWidth || picture.width, tall = picture.naturalHeight || picture.height;
  const [u, v] = data.plane[state.now] || [0.5, 0.5];
  const cut = Math.max(wide, tall) * state.field;
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, side, side);
  pen.drawImage(picture, u * wide - cut / 2, v * tall - cut / 2, cut, cut, 0, 0, side, side);
  const middle = side / 2, inner = side / 40, outer = side / 9;
  for (const [colour, width] of [["#000", side / 110], ["#ffd60a", side / 220]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath(); // the point itself stays free
    for (const [x, y] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(middle + x * inner, middle + y * inner);
      pen.lineTo(middle + x * outer, middle + y * outer);
    }
    pen.stroke();
  }
}
