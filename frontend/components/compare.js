// Two pictures of one quadrat: a slider between them, or the second over the first with an opacity.

export default function ({ parentElement, data }) {
  const find = (selector) => parentElement.querySelector(selector);
  const stage = find(".stage"), under = find(".under"), over = find(".over"), edge = find(".edge");
  const range = find("input"), output = find("output"), missing = find(".missing");
  const sliding = data.mode === "slider";

  for (const [image, picture] of [[under, sliding ? data.second : data.first], [over, sliding ? data.first : data.second]]) {
    image.alt = picture.alt;
    image.onerror = () => {
      missing.textContent = `${picture.label}: this picture is not there, or the link to it has run out. Reload the page.`;
      missing.hidden = false;
      image.style.visibility = "hidden";
    };
    image.onload = () => { image.style.visibility = "visible"; };
    if (image.getAttribute("src") !== picture.url) {
      missing.hidden = true;
      image.src = picture.url;
    }
  }
  find(".left").textContent = sliding ? data.first.label : "";
  find(".right").textContent = sliding ? data.second.label : "";
  find(".what").textContent = sliding ? "Slide between the pictures" : "Overlay opacity";
  edge.hidden = !sliding;
  stage.classList.toggle("sliding", sliding);

  const place = () => {
    const value = Number(range.value);
    output.textContent = `${value} %`;
    over.style.clipPath = sliding ? `inset(0 ${100 - value}% 0 0)` : "none";
    over.style.opacity = sliding ? 1 : value / 100;
    edge.style.left = `${value}%`;
  };
  range.oninput = place;
  stage.onpointerdown = (event) => { if (sliding) { stage.setPointerCapture(event.pointerId); follow(event); } };
  stage.onpointermove = (event) => { if (sliding && event.buttons) follow(event); };
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    range.value = Math.round(100 * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    place();
  };
  if (!sliding && !parentElement.reefstepsPlaced) range.value = 70;
  parentElement.reefstepsPlaced = true;
  drawBoxes(find(".boxes"), data.boxes || [], data.size_px || [1, 1]);
  place();
}

function drawBoxes(svg, boxes, [width, height]) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren(...boxes.map((box) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const [x0, y0, x1, y1] = box.box_px;
    Object.entries({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 }).forEach(([name, value]) => rect.setAttribute(name, value));
    if (box.cut) rect.setAttribute("class", "cut");
    return rect;
  }));
}
