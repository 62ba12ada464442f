// Four corners over a photograph, by mouse, finger or arrow keys; coordinates are the photograph's own pixels.

const NAMES = ["Top left", "Top right", "Bottom right", "Bottom left"];
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ZOOM = 3; // screen pixels for each pixel of the photograph in the loupe, at most

export default function ({ parentElement, data, setTriggerValue }) {
  const find = (selector) => parentElement.querySelector(selector);
  const view = { image: find("img"), svg: find("svg"), polygon: find("polygon"), handles: find(".handles"), loupe: find(".loupe"), state: find(".state"), use: find(".use"), reset: find(".reset"), stage: find(".stage") };
  if (parentElement.reefstepsUrl === data.url) {
    view.use.disabled = false;
    return;
  }
  parentElement.reefstepsUrl = data.url;
  view.image.alt = data.alt;
  view.use.disabled = true;
  view.image.onerror = () => { view.state.textContent = "The photograph could not be loaded. Reload the page."; };
  view.image.onload = () => edit(view, data, setTriggerValue);
  view.state.textContent = "Loading the photograph …";
  view.image.src = data.url;
}

function edit(view, data, setTriggerValue) {
  const width = view.image.naturalWidth, height = view.image.naturalHeight;
  const inset = [[0.15, 0.15], [0.85, 0.15], [0.85, 0.85], [0.15, 0.85]].map(([x, y]) => [x * width, y * height]);
  const first = data.corners_px && data.corners_px.length === 4 ? data.corners_px : inset;
  let corners = first.map((corner) => [...corner]);
  view.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  view.stage.style.setProperty("--shape", width / height); // the style keeps photograph and buttons on one screen

  const draw = () => {
    view.polygon.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
    [...view.handles.children].forEach((handle, i) => {
      handle.style.left = `${(100 * corners[i][0]) / width}%`;
      handle.style.top = `${(100 * corners[i][1]) / height}%`;
      const at = `x ${Math.round(corners[i][0])}, y ${Math.round(corners[i][1])}`;
      handle.setAttribute("aria-label", `${NAMES[i]} corner, ${at}. Arrow keys move it by one pixel, with Shift by ten.`);
    });
    const convex = isConvex(corners);
    view.use.disabled = !convex;
    view.state.textContent = convex
      ? "Put each corner on the inner edge of the frame. The arrow keys move a chosen corner by one pixel, with Shift by ten."
      : "The sides cross or a corner is pushed in: put the corners in order, clockwise from top left.";
  };
  const move = (i, x, y) => {
    corners[i] = [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
    draw();
    magnify(view, corners[i]);
  };
  view.handles.replaceChildren(...NAMES.map((_, i) => handleFor(view, i, move, () => corners[i])));
  view.reset.onclick = () => { corners = first.map((corner) => [...corner]); draw(); };
  view.use.onclick = () => {
    view.use.disabled = true;
    setTriggerValue("corners", corners.map(([x, y]) => [Math.round(x * 10) / 10, Math.round(y * 10) / 10]));
  };
  draw();
}

function handleFor(view, i, move, where) {
  const handle = document.createElement("button");
  handle.type = "button";
  handle.className = "handle";
  const toPixels = (event) => {
    const box = view.image.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * view.image.naturalWidth, ((event.clientY - box.top) / box.height) * view.image.naturalHeight];
  };
  handle.onpointerdown = (event) => { handle.setPointerCapture(event.pointerId); handle.focus(); };
  handle.onpointermove = (event) => { if (event.buttons) move(i, ...toPixels(event)); };
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

function magnify(view, [x, y]) {
  const { loupe, image } = view;
  loupe.hidden = false;
  loupe.classList.toggle("right", x < image.naturalWidth / 2); // away from the corner in hand
  const half = loupe.width / ZOOM / 2;
  const pen = loupe.getContext("2d");
  pen.fillRect(0, 0, loupe.width, loupe.height);
  pen.drawImage(image, x - half, y - half, 2 * half, 2 * half, 0, 0, loupe.width, loupe.height);
  pen.strokeStyle = "#ffd60a";
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(loupe.width / 2, 50); pen.lineTo(loupe.width / 2, loupe.height - 50);
  pen.moveTo(50, loupe.height / 2); pen.lineTo(loupe.width - 50, loupe.height / 2);
  pen.stroke();
}

function isConvex(corners) {
  return corners.every((corner, i) => {
    const [ax, ay] = corner, [bx, by] = corners[(i + 1) % 4], [cx, cy] = corners[(i + 2) % 4];
    return (bx - ax) * (cy - by) - (by - ay) * (cx - bx) > 0;
  });
}
