// The canvas: what is drawn becomes an image like the training images, and the network's answer is shown.
"use strict";

const model = JSON.parse(document.getElementById("model").textContent);
const predict = makePredictor(model);

// --- from a drawing to an image --------------------------------------------------------------------------------------

// Ink is an array of shares (0 none, 1 full), row by row, `across` in a row. The drawing is scaled into the box that
// the training images fill, keeping its proportions, and moved so that its centre of mass lies where theirs does.
// Every pixel is the mean of the ink that it covers. The result is shares, one a pixel of the model's images, or null
// if there is no ink.
function frame(ink, across) {
  const {height, width} = model, down = ink.length / across;
  let left = across, right = 0, top = down, bottom = 0, mass = 0, massX = 0, massY = 0;
  for (let y = 0; y < down; y++) for (let x = 0; x < across; x++) {
    const share = ink[y * across + x];
    if (share < 0.02) continue;
    left = Math.min(left, x), right = Math.max(right, x + 1);
    top = Math.min(top, y), bottom = Math.max(bottom, y + 1);
    mass += share, massX += share * (x + 0.5), massY += share * (y + 0.5);
  }
  if (!mass) return null;
  const zoom = Math.min(model.box * width / (right - left), model.box * height / (bottom - top));
  const columns = coverage(width, model.centre[1], massX / mass, zoom, left, right);
  const rows = coverage(height, model.centre[0], massY / mass, zoom, top, bottom);
  const image = new Float64Array(height * width);
  rows.forEach((row, r) => columns.forEach((column, c) => {
    let sum = 0;
    for (const [y, shareY] of row) for (const [x, shareX] of column) sum += shareY * shareX * ink[y * across + x];
    image[r * width + c] = Math.min(1, sum * zoom * zoom);
  }));
  return image;
}

// For each of n pixels along a side: which lines of ink it covers, and how much of each. The ink's centre is moved to
// `middle`, a share of the side, or as near to it as all of the ink stays inside.
function coverage(n, middle, centre, zoom, first, last) {
  const before = limited(0, middle * n - (centre - first) * zoom, n - (last - first) * zoom);
  return Array.from({length: n}, (_, i) => {
    const from = first + (i - before) / zoom, to = from + 1 / zoom, covered = [];
    for (let at = Math.max(Math.floor(from), first); at < Math.min(to, last); at++) {
      covered.push([at, Math.min(to, at + 1) - Math.max(from, at)]);
    }
    return covered;
  });
}

// The network's input for a share of ink.
const asInput = (share) => model.background + share * (model.ink - model.background);

// --- what is shown ---------------------------------------------------------------------------------------------------

const canvas = document.getElementById("drawing"), seen = document.getElementById("seen");
const answer = document.getElementById("answer"), bars = [...document.querySelectorAll("#bars li")];

// What is drawn, as shares of ink.
function drawnInk() {
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  return Float64Array.from({length: canvas.width * canvas.height}, (_, i) => pixels[4 * i + 3] / 255);
}

function look() {
  isWaiting = false;
  const image = frame(drawnInk(), canvas.width);
  show(image, image && predict(image.map(asInput)));
}

// The bars show the classes in their order; or the most probable ones, if there are more classes than bars.
function show(image, P) {
  const picture = new ImageData(model.width, model.height);
  picture.data.forEach((_, i) => {
    picture.data[i] = i % 4 === 3 ? 255 : image ? Math.round(255 * image[i >> 2]) : 0;
  });
  seen.getContext("2d").putImageData(picture, 0, 0);
  const best = P ? P.indexOf(Math.max(...P)) : -1;
  let classes = model.labels.map((_, k) => k);
  if (P && bars.length < classes.length) classes = classes.sort((j, k) => P[k] - P[j]).slice(0, bars.length);
  bars.forEach((bar, i) => {
    const k = classes[i], label = bar.querySelector(".label");
    label.textContent = label.title = model.labels[k];
    bar.querySelector(".bar").style.width = `${P ? 100 * P[k] : 0}%`;
    bar.querySelector(".percent").textContent = P ? `${(100 * P[k]).toFixed(1)} %` : "";
    bar.classList.toggle("best", k === best);
  });
  answer.textContent = P ? model.labels[best] : "";
  document.body.classList.toggle("drawn", Boolean(P));
}

// --- drawing ---------------------------------------------------------------------------------------------------------

const pen = canvas.getContext("2d", {willReadFrequently: true});
pen.strokeStyle = "#fff";
pen.lineWidth = Math.min(canvas.width, canvas.height) / 12;
pen.lineCap = pen.lineJoin = "round";
let last = null, isWaiting = false;

function position(event) {
  const area = canvas.getBoundingClientRect();
  const zoom = canvas.width / area.width;
  return [(event.clientX - area.left) * zoom, (event.clientY - area.top) * zoom];
}

function stroke(event) {
  const moves = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
  for (const move of moves.length ? moves : [event]) {
    const to = position(move);
    pen.beginPath();
    pen.moveTo(...(last ?? to));
    pen.lineTo(...to);
    pen.stroke();
    last = to;
  }
  if (!isWaiting) requestAnimationFrame(look);
  isWaiting = true;
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.isPrimary) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  last = null;
  stroke(event);
});
canvas.addEventListener("pointermove", (event) => { if (last && event.isPrimary) stroke(event); });
for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
document.getElementById("clear").addEventListener("click", () => {
  pen.clearRect(0, 0, canvas.width, canvas.height);
  show(null, null);
});
show(null, null);
