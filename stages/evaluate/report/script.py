"""The page's script: the network's forward pass, and a canvas to draw on. It needs no server and loads nothing.

It is a Python constant, not a file beside the code, so that a changed script is changed code to the engine, which
then runs evaluate again.
"""

SCRIPT = r"""
"use strict";
(() => {
  const model = JSON.parse(document.getElementById("model").textContent);
  const {height, width} = model;

  // --- the network -------------------------------------------------------------------------------------------------

  const sigmoid = (x) => 0.5 * (1 + Math.tanh(x / 2));
  const activations = {
    relu: (x) => Math.max(x, 0),
    leaky_relu: (x) => Math.max(x, 0.01 * x),
    elu: (x) => (x > 0 ? x : Math.expm1(x)),
    gelu: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    tanh: Math.tanh,
    sigmoid,
  };

  function decode(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    if (!model.half) return new Float32Array(bytes.buffer);
    return Float32Array.from(new Uint16Array(bytes.buffer), (bits) => {
      const sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31, fraction = (bits & 1023) / 1024;
      return sign * (exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14);
    });
  }

  const networks = model.networks.map(({shapes, convolutions, activation, posture, weights}) => {
    const numbers = decode(weights);
    let at = 0;
    const layers = shapes.map(([nIn, nOut], i) => {
      const W = numbers.subarray(at, at += nIn * nOut), b = numbers.subarray(at, at += nOut);
      return {W, b, convolution: convolutions[i]};
    });
    return {layers, posture, activation: activations[activation]};
  });

  // The probability of every class for one image, given as the networks' inputs: their mean.
  function probabilities(inputs) {
    const upright = setUpright(inputs);
    const postures = {as_written: inputs, upright, even: ofEvenWidth(upright)};
    const answers = networks.map((network) => softmax(logits(network, postures[network.posture])));
    return answers[0].map((_, k) => answers.reduce((sum, P) => sum + P[k], 0) / answers.length);
  }

  // The same as posture.py: the moments of the ink, a shear that takes out the slant, and a scaling of the width.
  function moments(X) {
    let mass = 1e-30, sumY = 0, sumX = 0, sumYY = 0, sumYX = 0, sumXX = 0;
    X.forEach((value, i) => {
      const x = i % width, y = (i - x) / width;
      mass += value, sumY += value * y, sumX += value * x;
      sumYY += value * y * y, sumYX += value * y * x, sumXX += value * x * x;
    });
    const y = sumY / mass, x = sumX / mass;
    return {y, x, yy: sumYY / mass - y * y, yx: sumYX / mass - y * x, xx: sumXX / mass - x * x};
  }

  // Each pixel's value at another column of its row.
  function atColumns(X, column) {
    const at = (x, y) => (x >= 0 && x < width ? X[y * width + x] : 0);
    return Float64Array.from(X, (_, i) => {
      const x = i % width, y = (i - x) / width, from = column(x, y), left = Math.floor(from);
      return at(left, y) + (at(left + 1, y) - at(left, y)) * (from - left);
    });
  }

  const limited = (low, value, high) => Math.min(high, Math.max(low, value));

  function setUpright(X) {
    const ink = moments(X), slant = limited(-1, ink.yx / Math.max(ink.yy, 1e-6), 1);
    return atColumns(X, (x, y) => x + slant * (y - ink.y));
  }

  function ofEvenWidth(X) {
    const ink = moments(X), spread = Math.sqrt(Math.max(ink.xx, 0));
    const factor = limited(0.35, Math.sqrt(spread / (0.16 * width)), 1.6);
    return atColumns(X, (x) => ink.x + (x - (width - 1) / 2) * factor);
  }

  function logits({layers, activation}, inputs) {
    return layers.reduce((X, {W, b, convolution}, index) => {
      const Z = convolution ? convolved(X, W, b, convolution) : dense(X, W, b, new Float64Array(b.length));
      return index < layers.length - 1 ? Z.map(activation) : Z;
    }, inputs);
  }

  // X W + b, written into Z.
  function dense(X, W, b, Z) {
    const nIn = X.length, nOut = b.length;
    Z.set(b);
    for (let i = 0; i < nIn; i++) {
      const x = X[i], row = i * nOut;
      if (x !== 0) for (let j = 0; j < nOut; j++) Z[j] += x * W[row + j];
    }
    return Z;
  }

  // The same as convolution.py: a dense layer that looks at one patch of the maps at a time, with zeros around them.
  // Maps lie one after the other, each line by line, before it as after it.
  function convolved(X, W, b, {channels, height, width, kernel, stride}) {
    const lines = Math.ceil(height / stride), columns = Math.ceil(width / stride), places = lines * columns;
    const before = (kernel - 1) >> 1, patch = new Float64Array(channels * kernel * kernel);
    const here = new Float64Array(b.length), Y = new Float64Array(b.length * places);
    for (let place = 0; place < places; place++) {
      const left = place % columns * stride - before, top = Math.floor(place / columns) * stride - before;
      for (let channel = 0, at = 0; channel < channels; channel++) for (let y = top; y < top + kernel; y++) {
        const row = (channel * height + y) * width, inside = y >= 0 && y < height;
        for (let x = left; x < left + kernel; x++) patch[at++] = inside && x >= 0 && x < width ? X[row + x] : 0;
      }
      dense(patch, W, b, here);
      for (let f = 0; f < b.length; f++) Y[f * places + place] = here[f];
    }
    return Y;
  }

  // With two classes there is one logit, that of the second.
  function softmax(Z) {
    if (Z.length === 1) return [sigmoid(-Z[0]), sigmoid(Z[0])];
    const largest = Math.max(...Z), powers = Array.from(Z, (z) => Math.exp(z - largest));
    const sum = powers.reduce((total, power) => total + power, 0);
    return powers.map((power) => power / sum);
  }

  // --- from a drawing to an image ----------------------------------------------------------------------------------

  // Ink is an array of shares (0 none, 1 full), row by row, `across` in a row. What is drawn is scaled into the box
  // that the training images fill, keeping its proportions, and moved so that its centre of mass lies where theirs do;
  // every pixel is the mean of the ink that it covers. Gives shares of the model's height * width pixels, or null
  // without ink.
  function frame(ink, across) {
    const down = ink.length / across;
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
    const columns = shares(width, model.centre[1], massX / mass, zoom, left, right);
    const rows = shares(height, model.centre[0], massY / mass, zoom, top, bottom);
    const image = new Float64Array(height * width);
    rows.forEach((row, r) => columns.forEach((column, c) => {
      let sum = 0;
      for (const [y, shareY] of row) for (const [x, shareX] of column) sum += shareY * shareX * ink[y * across + x];
      image[r * width + c] = Math.min(1, sum * zoom * zoom);
    }));
    return image;
  }

  // For each of n pixels along a side: which lines of ink it covers, and how much of each. The ink's centre comes to
  // lie at the `middle`, a share of the side, or as near as leaves all of the ink inside.
  function shares(n, middle, centre, zoom, first, last) {
    const before = limited(0, middle * n - (centre - first) * zoom, n - (last - first) * zoom);
    return Array.from({length: n}, (_, i) => {
      const from = first + (i - before) / zoom, to = from + 1 / zoom, covered = [];
      for (let at = Math.max(Math.floor(from), first); at < Math.min(to, last); at++) {
        covered.push([at, Math.min(to, at + 1) - Math.max(from, at)]);
      }
      return covered;
    });
  }

  // As split made inputs of pixels.
  const normalise = (share) =>
    Math.min(1, Math.max(0, (model.low + share * (model.high - model.low) - model.offset) / model.scale));

  // --- drawing -----------------------------------------------------------------------------------------------------

  const canvas = document.getElementById("drawing"), seen = document.getElementById("seen");
  const answer = document.getElementById("answer"), bars = [...document.querySelectorAll("#bars .bar")];
  const percents = [...document.querySelectorAll("#bars .percent")];
  const labels = [...document.querySelectorAll("#bars .label")];
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  pen.strokeStyle = pen.fillStyle = "#fff";
  pen.lineWidth = Math.min(canvas.width, canvas.height) / 12;
  pen.lineCap = pen.lineJoin = "round";
  let last = null, waiting = false;

  function place(event) {
    const area = canvas.getBoundingClientRect();
    const zoom = canvas.width / area.width;
    return [(event.clientX - area.left) * zoom, (event.clientY - area.top) * zoom];
  }

  function stroke(event) {
    const moves = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const move of moves.length ? moves : [event]) {
      const to = place(move);
      pen.beginPath();
      pen.moveTo(...(last ?? to));
      pen.lineTo(...to);
      pen.stroke();
      last = to;
    }
    if (!waiting) requestAnimationFrame(look);
    waiting = true;
  }

  function look() {
    waiting = false;
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
    const ink = Float64Array.from({length: canvas.width * canvas.height}, (_, i) => pixels[4 * i + 3] / 255);
    const image = frame(ink, canvas.width);
    show(image, image && probabilities(image.map(normalise)));
  }

  function show(image, P) {
    const picture = new ImageData(width, height);
    picture.data.forEach((_, i) => {
      picture.data[i] = i % 4 === 3 ? 255 : image ? Math.round(255 * image[i >> 2]) : 0;
    });
    seen.getContext("2d").putImageData(picture, 0, 0);
    const best = P ? P.indexOf(Math.max(...P)) : -1;
    bars.forEach((bar, k) => {
      bar.style.width = `${P ? 100 * P[k] : 0}%`;
      percents[k].textContent = P ? `${(100 * P[k]).toFixed(1)} %` : "";
      bar.parentElement.parentElement.classList.toggle("best", k === best);
    });
    answer.textContent = P ? labels[best].textContent : "";
    document.body.classList.toggle("drawn", Boolean(P));
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
  window.network = {probabilities, frame};
})();
"""
