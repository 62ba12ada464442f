// Four corners over a photograph and outlines of what hides the bottom, by mouse, finger or keys; coordinates are the
// photograph's own pixels. Nothing is sent before the straightened crop has been shown. What was moved is kept in this
// tab until it has been sent, under the photograph's identity, so that no other photograph can get it.

const NAMES = ["Top left", "Top right", "Bottom right", "Bottom left"];
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOM = 3; // screen pixels for each pixel of the photograph in the loupe, at most
const PEN_STEPS = 200; // arrow keys that take the outline's pen across the photograph
const CLOSE_PX = 14; // on the screen: a click so near to the first point closes the outline
const SVG = "http://www.w3.org/2000/svg";
const HELP = "Put each corner on the inner edge of the frame. The arrow keys move a chosen corner by one pixel, with Shift by ten.";
const OUTLINING = "Click round the fin or slate, and on the first point to close. With the keyboard: arrow keys (faster with Shift) and Enter.";

export default function ({ parentElement, data, setTriggerValue }) {
  const present = parentElement.reefsteps;
  if (present && present.identity === data.identity) {
    present.update(data);
    return;
  }
  const view = viewOf(parentElement);
  view.photo.alt = data.alt;
  view.crop.querySelector("img").alt = `The straightened crop: ${data.alt}`;
  for (const button of parentElement.querySelectorAll("button")) button.disabled = true;
  const editor = { identity: data.identity, update: () => {} };
  parentElement.reefsteps = editor;
  view.photo.onerror = () => { view.state.textContent = "The photograph could not be loaded. Reload the page."; };
  view.photo.onload = () => { if (parentElement.reefsteps === editor) edit(editor, view, data, setTriggerValue); };
  view.state.textContent = "Loading the photograph …";
  view.photo.src = data.url;
}

function viewOf(root) {
  const names = ["photo", "lines", "frame", "outline", "handles", "loupe", "state", "stage", "crop", "plane", "use", "hide", "reset", "close", "cancel", "confirm", "back", "editing", "drawing", "looking", "removing"];
  const view = Object.fromEntries(names.map((name) => [name, root.querySelector(`.${name}`)]));
  view.areas = root.querySelector(".lines .areas");
  view.planeAreas = root.querySelector(".plane .areas");
  return view;
}

function edit(editor, view, data, setTriggerValue) {
  const width = view.photo.naturalWidth, height = view.photo.naturalHeight;
  // Begin with the frame's own shape: one of another shape would be refused as no view of it.
  const shape = width >= height ? data.ratio : 1 / data.ratio;
  const halfWidth = 0.35 * Math.min(width, height * shape);
  const inset = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(
    ([x, y]) => [width / 2 + x * halfWidth, height / 2 + y * halfWidth / shape]);
  const draft = `reefsteps-corners ${data.identity}`;
  let first = { corners: data.corners_px?.length === 4 ? data.corners_px : inset, areas: data.excluded_px || [] };
  let started = data.started;
  let now = kept(draft) || copy(first);
  let outline = null; // the points of an outline that is being drawn
  let looking = false;
  let sent = false;
  let note = same(now, first) ? "" : "Here is what you had moved before. ";
  view.lines.setAttribute("viewBox", `0 0 ${width} ${height}`);
  view.stage.style.setProperty("--shape", width / height); // the style keeps photograph and buttons on one screen

  const draw = () => {
    const convex = isConvex(now.corners);
    view.frame.setAttribute("points", text(now.corners));
    view.outline.setAttribute("points", outline ? text(outline.points) : "");
    for (const group of [view.areas, view.planeAreas]) group.replaceChildren(...now.areas.map(polygon));
    place(view, width, height, now.corners, outline);
    view.stage.hidden = looking;
    view.crop.hidden = !looking;
    view.stage.classList.toggle("outlining", Boolean(outline));
    view.editing.hidden = looking || Boolean(outline);
    view.drawing.hidden = !outline;
    view.looking.hidden = !looking;
    view.use.disabled = !convex || same(now, first);
    view.reset.disabled = same(now, first);
    view.hide.disabled = false;
    view.close.disabled = !outline || outline.points.length < 3;
    view.cancel.disabled = view.back.disabled = sent;
    view.confirm.disabled = sent;
    view.removing.replaceChildren(...(looking || outline ? [] : now.areas.map((_, i) => removal(i, remove))));
    view.state.textContent = sent ? "Starting the run …"
      : looking ? "This is what will be measured. What is dark with a dashed edge is left out."
      : outline ? OUTLINING
      : !convex ? "The sides cross or a corner is pushed in: put the corners in order, clockwise from top left."
      : note + HELP;
    if (looking) straighten(view, width, height, now.corners, data.ratio);
  };
  const changed = () => { keep(draft, same(now, first) ? null : now); draw(); };
  const move = (i, x, y) => {
    now.corners[i] = [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
    changed();
    magnify(view, now.corners[i]);
  };
  const remove = (i) => { now.areas.splice(i, 1); changed(); view.hide.focus(); };
  const leave = () => { outline = null; view.loupe.hidden = true; prepare(); changed(); };
  const close = () => { now.areas.push(outline.points); leave(); view.hide.focus(); };
  const point = ([x, y]) => {
    const near = outline.points.length > 2 && Math.hypot(x - outline.points[0][0], y - outline.points[0][1]) * view.photo.clientWidth / width < CLOSE_PX;
    if (near) { close(); return; }
    outline.points.push([x, y]);
    draw();
  };
  const prepare = () => view.handles.replaceChildren(...(outline ? [penFor(view, width, height, outline, point, draw)] : NAMES.map((_, i) => handleFor(view, i, move, () => now.corners[i]))));

  view.reset.onclick = () => { now = copy(first); note = ""; changed(); };
  view.hide.onclick = () => { outline = { points: [], pen: [width / 2, height / 2] }; prepare(); draw(); view.handles.firstChild.focus(); };
  view.cancel.onclick = () => { leave(); view.hide.focus(); };
  view.close.onclick = close;
  view.stage.onclick = (event) => { if (outline && event.target !== view.handles.firstChild) point(toPixels(view, event)); };
  view.use.onclick = () => { looking = true; draw(); view.confirm.focus(); };
  view.back.onclick = () => { looking = false; draw(); view.use.focus(); };
  view.confirm.onclick = () => {
    sent = true;
    draw();
    setTriggerValue("confirmed", { identity: data.identity, corners_px: now.corners.map(rounded), excluded_px: now.areas.map((area) => area.map(rounded)) });
  };
  new ResizeObserver(() => { if (looking) straighten(view, width, height, now.corners, data.ratio); }).observe(view.crop);
  editor.update = (fresh) => {
    if (fresh.started !== started) { // the run of what was sent has started: that is where the next change begins
      started = fresh.started;
      first = copy(now);
      looking = false;
      note = "";
      keep(draft, null);
    }
    sent = false;
    draw();
  };
  prepare();
  draw();
}

function place(view, width, height, corners, outline) {
  [...view.handles.children].forEach((handle, i) => {
    const [x, y] = outline ? outline.pen : corners[i];
    handle.style.left = `${(100 * x) / width}%`;
    handle.style.top = `${(100 * y) / height}%`;
    if (outline) return;
    handle.setAttribute("aria-label", `${NAMES[i]} corner, x ${Math.round(x)}, y ${Math.round(y)}. Arrow keys move it by one pixel, with Shift by ten.`);
  });
}

function handleFor(view, i, move, where) {
  const handle = handleElement("handle");
  handle.onpointerdown = (event) => { handle.setPointerCapture(event.pointerId); handle.focus(); };
  handle.onpointermove = (event) => { if (event.buttons) move(i, ...toPixels(view, event)); };
  handle.onkeydown = (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const size = event.shiftKey ? 10 : 1;
    move(i, where()[0] + step[0] * size, where()[1] + step[1] * size);
  };
  handle.onfocus = () => magnify(view, where());
  handle.onblur = () => { view.loupe.hidden = true; };
  return handle;
}

function penFor(view, width, height, outline, point, draw) {
  const pen = handleElement("handle pen");
  pen.setAttribute("aria-label", "Pen of the outline. Arrow keys move it, faster with Shift; Enter sets a point.");
  pen.onkeydown = (event) => {
    const step = STEPS[event.key];
    if (event.key === "Enter" || event.key === " ") point([...outline.pen]);
    if (step) {
      const size = (width / PEN_STEPS) * (event.shiftKey ? 5 : 1);
      outline.pen[0] = Math.min(width, Math.max(0, outline.pen[0] + step[0] * size));
      outline.pen[1] = Math.min(height, Math.max(0, outline.pen[1] + step[1] * size));
      draw();
      magnify(view, outline.pen);
    }
    if (step || event.key === "Enter" || event.key === " ") event.preventDefault();
  };
  pen.onblur = () => { view.loupe.hidden = true; };
  return pen;
}

function handleElement(name) {
  const handle = document.createElement("button");
  handle.type = "button";
  handle.className = name;
  return handle;
}

function removal(i, remove) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = `Remove hidden area ${i + 1}`;
  button.onclick = () => remove(i);
  return button;
}

function polygon(points) {
  const shape = document.createElementNS(SVG, "polygon");
  shape.setAttribute("points", text(points));
  return shape;
}

// The browser itself straightens the picture: a homography is what CSS calls matrix3d.
// `ratio` is the frame's longer side to its shorter one; the longer one is shown where the photograph shows it longer.
function straighten(view, width, height, corners, ratio) {
  const lengths = corners.map(([x, y], i) => Math.hypot(corners[(i + 1) % 4][0] - x, corners[(i + 1) % 4][1] - y));
  const shape = lengths[0] + lengths[2] < lengths[1] + lengths[3] ? 1 / ratio : ratio;
  view.crop.style.setProperty("--shape", shape);
  const wide = view.crop.clientWidth, tall = wide / shape, shown = Math.min(width, 2000), scale = shown / width;
  const picture = view.plane.querySelector("img");
  if (picture.src !== view.photo.src) picture.src = view.photo.src;
  view.plane.querySelector("svg").setAttribute("viewBox", `0 0 ${width} ${height}`);
  view.plane.style.width = `${shown}px`;
  view.plane.style.height = `${height * scale}px`;
  const h = homography(corners.map(([x, y]) => [x * scale, y * scale]), [[0, 0], [wide, 0], [wide, tall], [0, tall]]);
  view.plane.style.transform = `matrix3d(${[h[0], h[3], 0, h[6], h[1], h[4], 0, h[7], 0, 0, 1, 0, h[2], h[5], 0, 1].join(",")})`;
}

// Direct linear transform with h33 = 1, by Gauss-Jordan elimination with pivoting.
function homography(source, target) {
  const rows = source.flatMap(([x, y], i) => {
    const [u, v] = target[i];
    return [[x, y, 1, 0, 0, 0, -u * x, -u * y, u], [0, 0, 0, x, y, 1, -v * x, -v * y, v]];
  });
  for (let column = 0; column < 8; column++) {
    const best = rows.slice(column).reduce((most, row, i) => (Math.abs(row[column]) > Math.abs(rows[most][column]) ? i + column : most), column);
    [rows[column], rows[best]] = [rows[best], rows[column]];
    const pivot = rows[column].map((value) => value / rows[column][column]);
    rows[column] = pivot;
    for (let other = 0; other < 8; other++) {
      const share = rows[other][column];
      if (other !== column) rows[other] = rows[other].map((value, k) => value - share * pivot[k]);
    }
  }
  return rows.map((row) => row[8]);
}

function magnify(view, [x, y]) {
  const { loupe, photo } = view;
  loupe.hidden = false;
  loupe.classList.toggle("right", x < photo.naturalWidth / 2); // away from the corner in hand
  const half = loupe.width / ZOOM / 2;
  const pen = loupe.getContext("2d");
  pen.fillRect(0, 0, loupe.width, loupe.height);
  pen.drawImage(photo, x - half, y - half, 2 * half, 2 * half, 0, 0, loupe.width, loupe.height);
  pen.strokeStyle = "#ffd60a";
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(loupe.width / 2, 50); pen.lineTo(loupe.width / 2, loupe.height - 50);
  pen.moveTo(50, loupe.height / 2); pen.lineTo(loupe.width - 50, loupe.height / 2);
  pen.stroke();
}

function toPixels(view, event) {
  const box = view.photo.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * view.photo.naturalWidth, ((event.clientY - box.top) / box.height) * view.photo.naturalHeight];
}

function isConvex(corners) {
  return corners.every((corner, i) => {
    const [ax, ay] = corner, [bx, by] = corners[(i + 1) % 4], [cx, cy] = corners[(i + 2) % 4];
    return (bx - ax) * (cy - by) - (by - ay) * (cx - bx) > 0;
  });
}

const text = (points) => points.map((point) => point.join(",")).join(" ");
const rounded = ([x, y]) => [Math.round(x * 10) / 10, Math.round(y * 10) / 10];
const copy = (value) => JSON.parse(JSON.stringify(value));
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function keep(name, value) {
  try {
    if (value) sessionStorage.setItem(name, JSON.stringify(value));
    else sessionStorage.removeItem(name);
  } catch { /* a browser without storage keeps nothing; what is on the screen stays */ }
}

function kept(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}
