// The network's forward pass for one image, as stages/mlp does it in NumPy. Every array is flat.
"use strict";

// The layer that applies a function to every value.
const each = (f) => (X) => X.map((x) => f(x));

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

const sigmoid = (x) => 0.5 * (1 + Math.tanh(x / 2));

// A function for each kind of layer: from its input and what the layer holds to its output. It has the name of the
// layer's class in Python, and gets the attributes that canvas_network.py lists. canvas_network.py reads the names here and in
// `deskews`: a network that needs another one has no canvas.
const layers = {
  Dense: (X, {W, b}) => product(X, W, b, new Float64Array(b.length)),

  // A dense layer on one patch of the feature maps at a time, with zeros around the maps.
  Convolution(X, {W, b, grid: {maps, kernel, stride}}) {
    const before = (kernel - 1) >> 1, patch = new Float64Array(maps.channels * kernel * kernel);
    const Y = new Float64Array(b.length);
    const out = {channels: b.length, height: Math.ceil(maps.height / stride), width: Math.ceil(maps.width / stride)};
    const found = new Float64Array(out.channels * out.height * out.width);
    for (let line = 0; line < out.height; line++) for (let column = 0; column < out.width; column++) {
      const top = line * stride - before, left = column * stride - before;
      let at = 0;
      for (let y = top; y < top + kernel; y++)
        for (let x = left; x < left + kernel; x++) {
          const isInside = y >= 0 && y < maps.height && x >= 0 && x < maps.width;
          for (let channel = 0; channel < maps.channels; channel++)
            patch[at++] = isInside ? X[place(maps, channel, y, x)] : 0;
        }
      product(patch, W, b, Y);
      for (let channel = 0; channel < out.channels; channel++) found[place(out, channel, line, column)] = Y[channel];
    }
    return found;
  },

  // All values of a channel lie one after the other.
  BatchNorm(X, {gamma, beta, mean, variance, epsilon}) {
    return X.map((x, i) => {
      const k = Math.floor(i * gamma.length / X.length);
      return gamma[k] * (x - mean[k]) / Math.sqrt(variance[k] + epsilon) + beta[k];
    });
  },

  // The largest value, or the mean, of each window of the feature maps.
  MaxPooling: (X, layer) => pooled(X, layer, (values) => Math.max(...values)),
  AveragePooling: (X, layer) => pooled(X, layer, mean),

  ReLU: each((x) => Math.max(x, 0)),
  LeakyReLU: each((x) => Math.max(x, 0.01 * x)),
  ELU: each((x) => (x > 0 ? x : Math.expm1(x))),
  GELU: each((x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))),
  Tanh: each(Math.tanh),
  Sigmoid: each(sigmoid),

  // Feature maps are rows here too, and in prediction nothing is dropped.
  RowsToMaps: (X) => X,
  MapsToRows: (X) => X,
  Dropout: (X) => X,
};

// The index in a row of a value of its feature maps.
function place({height, width}, channel, y, x) {
  return (channel * height + y) * width + x;
}

// The summary of every window; windows at the lower and the right edge may be smaller.
function pooled(X, {maps, window}, summary) {
  const out = {height: Math.ceil(maps.height / window), width: Math.ceil(maps.width / window)};
  const Y = new Float64Array(maps.channels * out.height * out.width);
  for (let channel = 0; channel < maps.channels; channel++)
    for (let line = 0; line < out.height; line++) for (let column = 0; column < out.width; column++) {
      const values = [];
      for (let y = line * window; y < Math.min((line + 1) * window, maps.height); y++)
        for (let x = column * window; x < Math.min((column + 1) * window, maps.width); x++)
          values.push(X[place(maps, channel, y, x)]);
      Y[place(out, channel, line, column)] = summary(values);
    }
  return Y;
}

// X W + b, written into Y.
function product(X, W, b, Y) {
  const nOut = b.length;
  Y.set(b);
  X.forEach((x, i) => {
    const row = i * nOut;
    if (x !== 0) for (let j = 0; j < nOut; j++) Y[j] += x * W[row + j];
  });
  return Y;
}

// With two classes there is one logit, that of the second.
function softmax(Z) {
  if (Z.length === 1) return [sigmoid(-Z[0]), sigmoid(Z[0])];
  const largest = Math.max(...Z), powers = Array.from(Z, (z) => Math.exp(z - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

const limited = (low, value, high) => Math.min(high, Math.max(low, value));

// Deskewing of an image of this width, as stages/images/deskew.py does it: a function for each name in its table DESKEWS.
const deskews = {
  none: (X) => X,
  slant: withoutSlant,
  slant_and_width: (X, width) => ofUsualWidth(withoutSlant(X, width), width),
};

function withoutSlant(X, width) {
  const ink = moments(X, width), slant = limited(-1, ink.yx / Math.max(ink.yy, 1e-6), 1);
  return atColumns(X, width, (x, y) => x + slant * (y - ink.y));
}

function ofUsualWidth(X, width) {
  const ink = moments(X, width), spread = Math.sqrt(Math.max(ink.xx, 0));
  const factor = limited(0.35, Math.sqrt(spread / (0.16 * width)), 1.6);
  return atColumns(X, width, (x) => ink.x + (x - (width - 1) / 2) * factor);
}

// The ink's centre, and its variances and covariance.
function moments(X, width) {
  let mass = 1e-30, sumY = 0, sumX = 0, sumYY = 0, sumYX = 0, sumXX = 0;
  X.forEach((value, i) => {
    const x = i % width, y = (i - x) / width;
    mass += value, sumY += value * y, sumX += value * x;
    sumYY += value * y * y, sumYX += value * y * x, sumXX += value * x * x;
  });
  const y = sumY / mass, x = sumX / mass;
  return {y, x, yy: sumYY / mass - y * y, yx: sumYX / mass - y * x, xx: sumXX / mass - x * x};
}

// Each pixel's value at another column of its row, linear between two pixels.
function atColumns(X, width, column) {
  const at = (x, y) => (x >= 0 && x < width ? X[y * width + x] : 0);
  return Float64Array.from(X, (_, i) => {
    const x = i % width, y = (i - x) / width, from = column(x, y), left = Math.floor(from);
    return at(left, y) + (at(left + 1, y) - at(left, y)) * (from - left);
  });
}

// The numbers that a text in base64 holds: float32, or float16 if they are in half precision.
function decode(text, isHalf) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  if (!isHalf) return new Float32Array(bytes.buffer);
  return Float32Array.from(new Uint16Array(bytes.buffer), (bits) => {
    const sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31, fraction = (bits & 1023) / 1024;
    return sign * (exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14);
  });
}

// The function from one image's inputs to the probability of every class, the mean over the networks.
function makePredictor(model) {
  const networks = model.networks.map(({deskew, weights, ...network}) => {
    const numbers = decode(weights, model.half);
    let at = 0;
    const steps = network.layers.map(({kind, arrays, ...layer}) => {
      for (const [name, size] of arrays) layer[name] = numbers.subarray(at, at += size);
      return (X) => layers[kind](X, layer);
    });
    return (inputs) => {
      const image = deskews[deskew](Float64Array.from(inputs), model.width);
      return softmax(steps.reduce((X, step) => step(X), image));
    };
  });
  return (inputs) => {
    const answers = networks.map((network) => network(inputs));
    return answers[0].map((_, k) => answers.reduce((sum, P) => sum + P[k], 0) / answers.length);
  };
}
