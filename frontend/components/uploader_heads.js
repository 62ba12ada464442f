// What the first bytes of a file say: whether it is a photograph, and the date of the camera's clock.

const HEAD_BYTES = 131072; // enough for the EXIF block of a JPEG and the first directory of most TIFF and RAW files
const ELSEWHERE_BYTES = 65536; // read where a directory lies further behind
const OF_PHONES = { heic: "HEIC", heix: "HEIC", hevc: "HEIC", mif1: "HEIC", msf1: "HEIC", avif: "AVIF" }; // after "ftyp"

async function describe(path, file, formats) {
  try {
    const head = new DataView(await file.slice(0, HEAD_BYTES).arrayBuffer());
    if (head.byteLength < 12) return { problem: "The file is empty or cut short." };
    const phone = textAt(head, 4, 4) === "ftyp" && OF_PHONES[textAt(head, 8, 4)];
    if (phone) return { problem: `${phone} pictures of phones cannot be measured: save it as JPEG and choose that.` };
    const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
    const known = formats.first_bytes.some(([at, hex]) => hexAt(head, at, hex.length / 2) === hex);
    if (!known && !formats.raw.includes(extension)) {
      return { problem: `The content is no accepted picture, although its name looks like one. Accepted are ${formats.accepted}.` };
    }
    return { captured: await captured(file, head) };
  } catch (error) {
    return { problem: "The browser could not read the file." };
  }
}

async function captured(file, head) {
  try {
    const start = head.getUint16(0);
    if (start === 0xffd8) return await dateInJpeg(file, head, 0);
    if (start === 0x8950) return await dateInPng(file, head);
    if (textAt(head, 0, 15) === "FUJIFILMCCD-RAW") {
      const at = head.getUint32(84); // of the preview, a whole JPEG with the camera's EXIF
      return await dateInJpeg(file, await windowAt(file, at), 0);
    }
    if (textAt(head, 4, 8) === "ftypcrx ") return await dateInCr3(file, head);
    if (start === 0x4949 || start === 0x4d4d) return await dateInTiff(file, 0);
  } catch (error) {
    // A date that cannot be read is left to the pipeline.
  }
  return null;
}

async function dateInJpeg(file, view, base) {
  let at = base + 2;
  while (at + 10 < view.byteLength && view.getUint8(at) === 0xff) {
    if (view.getUint8(at + 1) === 0xe1 && textAt(view, at + 4, 4) === "Exif") return await dateInTiff(view, at + 10);
    if (view.getUint8(at + 1) === 0xda) return null;
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

async function dateInPng(file, head) {
  let at = 8, view = head, base = 0;
  for (let chunks = 0; chunks < 200; chunks++) { // eXIf may stand before or after the pixels
    if (at + 8 > file.size) return null;
    if (at - base + 8 > view.byteLength) {
      base = at;
      view = await windowAt(file, at);
    }
    if (textAt(view, at - base + 4, 4) === "eXIf") return await dateInTiff(file, at + 8);
    at += 12 + view.getUint32(at - base);
  }
  return null;
}

async function dateInCr3(file, head) {
  for (let at = 0; at + 12 < head.byteLength; at++) { // the box CMT2 holds the EXIF directory as a TIFF of its own
    if (head.getUint32(at) !== 0x434d5432) continue;
    const little = head.getUint16(at + 4) === 0x4949;
    return await dateIn(await directory(file, at + 4, head.getUint32(at + 8, little), little), file, at + 4);
  }
  return null;
}

// `source` is a file, or a view that holds the whole block; offsets of a TIFF count from its own start, `base`.
async function dateInTiff(source, base) {
  const start = await windowAt(source, base, 8);
  const little = start.getUint16(0) === 0x4949;
  const first = await directory(source, base, start.getUint32(4, little), little);
  const exif = first.get(0x8769);
  return exif ? await dateIn(await directory(source, base, exif, little), source, base) : null;
}

async function dateIn(entries, source, base) {
  const offset = entries.get(0x9003); // DateTimeOriginal
  if (!offset) return null;
  const text = textAt(await windowAt(source, base + offset, 19), 0, 19);
  return /^\d{4}:\d\d:\d\d \d\d:\d\d:\d\d$/.test(text) ? text : null;
}

async function directory(source, base, offset, little) {
  const view = await windowAt(source, base + offset);
  const found = new Map();
  const count = Math.min(view.getUint16(0, little), 512);
  for (let i = 0; i < count && 14 + 12 * i <= view.byteLength; i++) {
    found.set(view.getUint16(2 + 12 * i, little), view.getUint32(10 + 12 * i, little));
  }
  return found;
}

async function windowAt(source, at, length = ELSEWHERE_BYTES) {
  if (source instanceof DataView) {
    return new DataView(source.buffer, source.byteOffset + at, Math.min(length, source.byteLength - at));
  }
  return new DataView(await source.slice(at, at + length).arrayBuffer());
}

function textAt(view, at, length) {
  let text = "";
  for (let i = at; i < Math.min(at + length, view.byteLength); i++) text += String.fromCharCode(view.getUint8(i));
  return text;
}

function hexAt(view, at, length) {
  let text = "";
  for (let i = at; i < Math.min(at + length, view.byteLength); i++) text += view.getUint8(i).toString(16).padStart(2, "0");
  return text;
}
