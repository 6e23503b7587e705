// What all drawings share. They are painted on a canvas of 1440 x 600 units from a fixed seed, by artwork.py.
function paint(id, width, height, quality) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d");
  const scale = Math.max(width / 1440, height / 600);
  pen.scale(scale, scale);
  pen.translate((width / scale - 1440) / 2, (height / scale - 600) / 2);
  const chance = seeded(id);
  scenes[id](pen, chance);
  grain(pen, width, height, chance);
  return canvas.toDataURL("image/webp", quality);
}

function seeded(text) {
  let state = [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function sky(pen, ...colours) {
  const fill = pen.createLinearGradient(0, 0, 0, 600);
  colours.forEach((colour, index) => fill.addColorStop(index / (colours.length - 1), colour));
  pen.fillStyle = fill;
  pen.fillRect(0, 0, 1440, 600);
}

function glow(pen, x, y, radius, colour, alpha = 1) {
  const fill = pen.createRadialGradient(x, y, 0, x, y, radius);
  fill.addColorStop(0, colour);
  fill.addColorStop(1, "transparent");
  pen.globalAlpha = alpha;
  pen.fillStyle = fill;
  pen.fillRect(x - radius, y - radius, radius * 2, radius * 2);
  pen.globalAlpha = 1;
}

function stars(pen, chance, count, bottom) {
  for (let index = 0; index < count; index++) {
    pen.fillStyle = `rgb(255 255 255 / ${0.15 + chance() * 0.75})`;
    pen.beginPath();
    pen.arc(chance() * 1440, chance() ** 1.4 * bottom, 0.4 + chance() * 1.3, 0, 7);
    pen.fill();
  }
}

function wave(chance, roughness) {
  const parts = Array.from({ length: 5 }, (_, k) => [chance() * 7, (k + 1) * (0.6 + chance()), roughness / (k + 1)]);
  return (x) => parts.reduce((sum, [phase, rate, size]) => sum + Math.sin(phase + (x / 1440) * 6.3 * rate) * size, 0);
}

function ridge(pen, chance, level, roughness, colour) {
  const height = wave(chance, roughness);
  pen.fillStyle = colour;
  pen.beginPath();
  pen.moveTo(0, 600);
  for (let x = 0; x <= 1440; x += 4) pen.lineTo(x, level + height(x) + (chance() - 0.5) * roughness * 0.12);
  pen.lineTo(1440, 600);
  pen.fill();
}

function crowd(pen, chance, level, colour) {
  pen.fillStyle = colour;
  pen.strokeStyle = colour;
  pen.lineCap = "round";
  for (let x = -10; x < 1450; x += 15 + chance() * 12) {
    const size = 9 + chance() * 5, top = level + chance() * 26;
    pen.beginPath();
    pen.arc(x, top, size, 0, 7);
    pen.fill();
    pen.beginPath();
    pen.ellipse(x, top + size + 46, size * 1.9, 46, 0, 0, 7);
    pen.fill();
    if (chance() < 0.22) {
      pen.lineWidth = 6;
      pen.beginPath();
      pen.moveTo(x + size, top + 26);
      pen.lineTo(x + size + 8 + chance() * 10, top - 26 - chance() * 24);
      pen.stroke();
    }
  }
}

function beam(pen, x, y, angle, spread, length, colour, alpha) {
  const fill = pen.createRadialGradient(x, y, 0, x, y, length);
  fill.addColorStop(0, colour);
  fill.addColorStop(1, "transparent");
  pen.globalAlpha = alpha;
  pen.globalCompositeOperation = "screen";
  pen.fillStyle = fill;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + Math.cos(angle - spread) * length, y + Math.sin(angle - spread) * length);
  pen.lineTo(x + Math.cos(angle + spread) * length, y + Math.sin(angle + spread) * length);
  pen.fill();
  pen.globalAlpha = 1;
  pen.globalCompositeOperation = "source-over";
}

function grain(pen, width, height, chance) {
  pen.setTransform(1, 0, 0, 1, 0, 0);
  const picture = pen.getImageData(0, 0, width, height);
  for (let index = 0; index < picture.data.length; index += 4) {
    const noise = (chance() - 0.5) * 13;
    for (let channel = 0; channel < 3; channel++) picture.data[index + channel] += noise;
  }
  pen.putImageData(picture, 0, 0);
}
