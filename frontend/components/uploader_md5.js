// MD5 (RFC 1321) of a file, read in pieces: the ETag that S3 lists for a photograph that was sent in one piece. Browsers
// have no MD5 of their own, and their SHA-256 wants the whole file in memory.

const PIECE_BYTES = 524288; // a multiple of MD5's block of 64 bytes; the page stays responsive between two pieces
const TURNS = Int32Array.of(7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21);
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 4294967296));

async function md5Of(file) {
  const state = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]);
  for (let at = 0; at + PIECE_BYTES <= file.size; at += PIECE_BYTES) {
    md5Blocks(state, await file.slice(at, at + PIECE_BYTES).arrayBuffer());
  }
  const rest = new Uint8Array(await file.slice(file.size - (file.size % PIECE_BYTES)).arrayBuffer());
  const padded = new Uint8Array(64 * Math.ceil((rest.length + 9) / 64));
  padded.set(rest);
  padded[rest.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, (file.size * 8) % 4294967296, true);
  view.setUint32(padded.length - 4, Math.floor(file.size / 536870912), true);
  md5Blocks(state, padded.buffer);
  return [...new Uint8Array(state.buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function md5Blocks(state, buffer) {
  const words = new Int32Array(buffer); // every machine that runs a browser keeps the low byte first, as MD5 does
  let [a, b, c, d] = state;
  for (let block = 0; block < words.length; block += 16) {
    const a0 = a, b0 = b, c0 = c, d0 = d;
    let sum = 0, turn = 0;
    for (let i = 0; i < 16; i++) {
      sum = (a + (d ^ (b & (c ^ d))) + SINES[i] + words[block + i]) | 0;
      turn = TURNS[i & 3];
      a = d; d = c; c = b; b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
    }
    for (let i = 16; i < 32; i++) {
      sum = (a + (c ^ (d & (b ^ c))) + SINES[i] + words[block + ((5 * i + 1) & 15)]) | 0;
      turn = TURNS[4 + (i & 3)];
      a = d; d = c; c = b; b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
    }
    for (let i = 32; i < 48; i++) {
      sum = (a + (b ^ c ^ d) + SINES[i] + words[block + ((3 * i + 5) & 15)]) | 0;
      turn = TURNS[8 + (i & 3)];
      a = d; d = c; c = b; b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
    }
    for (let i = 48; i < 64; i++) {
      sum = (a + (c ^ (b | ~d)) + SINES[i] + words[block + ((7 * i) & 15)]) | 0;
      turn = TURNS[12 + (i & 3)];
      a = d; d = c; c = b; b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
    }
    a = (a + a0) | 0; b = (b + b0) | 0; c = (c + c0) | 0; d = (d + d0) | 0;
  }
  state.set([a, b, c, d]);
}
