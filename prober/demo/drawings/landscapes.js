// Events under the sky.
function aurora(pen, chance) {
  sky(pen, "#050b24", "#0b1f45", "#1c4a63", "#3c7c7a");
  stars(pen, chance, 420, 430);
  pen.globalCompositeOperation = "screen";
  for (const [base, hue] of [[300, 155], [240, 170], [330, 190], [200, 285]]) {
    const path = wave(chance, 46), strength = wave(chance, 0.5);
    for (let x = -20; x < 1460; x += 2) {
      const foot = base + path(x), tall = 150 + Math.abs(strength(x)) * 190 + chance() * 26;
      const fill = pen.createLinearGradient(0, foot - tall, 0, foot + 16);
      fill.addColorStop(0, `hsl(${hue + 70} 80% 60% / 0)`);
      fill.addColorStop(0.55, `hsl(${hue + 25} 75% 55% / ${0.07 + Math.abs(strength(x)) * 0.06})`);
      fill.addColorStop(0.93, `hsl(${hue} 85% 62% / ${0.14 + Math.abs(strength(x)) * 0.16})`);
      fill.addColorStop(1, `hsl(${hue} 85% 62% / 0)`);
      pen.fillStyle = fill;
      pen.fillRect(x, foot - tall, 3, tall + 16);
    }
  }
  pen.globalCompositeOperation = "source-over";
  ridge(pen, chance, 470, 34, "#12303f");
  ridge(pen, chance, 515, 22, "#0a1e2c");
  glow(pen, 720, 600, 520, "#ffc27a", 0.5);
  crowd(pen, chance, 556, "#050d17");
}

function harbour(pen, chance) {
  sky(pen, "#1b0b3a", "#52147a", "#c0257e", "#ff8a5c");
  stars(pen, chance, 160, 240);
  glow(pen, 980, 330, 330, "#ffd27a", 0.9);
  pen.fillStyle = "#ffe3a3";
  pen.beginPath();
  pen.arc(980, 330, 92, 0, 7);
  pen.fill();
  for (const [level, tint, tall] of [[440, "#5d1a72", 170], [450, "#380f55", 230], [460, "#1d0a38", 150]]) {
    for (let x = -20; x < 1450; ) {
      const wide = 34 + chance() * 62, top = level - 40 - chance() * tall;
      pen.fillStyle = tint;
      pen.fillRect(x, top, wide, 600 - top);
      for (let spot = 0; spot < wide; spot++) {
        pen.fillStyle = `hsl(${chance() < 0.5 ? 45 : 320} 95% 72% / ${0.25 + chance() * 0.6})`;
        pen.fillRect(x + 5 + Math.floor(chance() * (wide / 9 - 1)) * 9, top + 9 + Math.floor(chance() * 22) * 11, 4, 5);
      }
      x += wide + 2 + chance() * 16;
    }
  }
  for (let ray = 0; ray < 16; ray++) {
    beam(pen, 200 + (ray % 4) * 340, 470, -Math.PI * (0.15 + chance() * 0.7), 0.02, 640, ["#35f0ff", "#ff4fd8", "#9d7bff"][ray % 3], 0.55);
  }
  const water = pen.createLinearGradient(0, 470, 0, 600);
  water.addColorStop(0, "#3c1060");
  water.addColorStop(1, "#0c0620");
  pen.fillStyle = water;
  pen.fillRect(0, 470, 1440, 130);
  for (let ripple = 0; ripple < 900; ripple++) {
    const y = 474 + chance() ** 1.3 * 126, near = Math.exp(-(((chance() * 1440 - 980) / 360) ** 2));
    pen.fillStyle = `hsl(${300 + chance() * 90} 95% ${58 + near * 20}% / ${0.12 + chance() * 0.35})`;
    pen.fillRect(chance() * 1440, y, 10 + chance() * 60 * (y - 460) / 140, 1.6);
  }
}

function coast(pen, chance) {
  sky(pen, "#33465c", "#6f8797", "#c9bfae", "#e9c79b");
  for (let cloud = 0; cloud < 130; cloud++) {
    const tone = chance() < 0.6 ? "#2f3f52" : "#f1dcc0";
    glow(pen, chance() * 1440, 30 + chance() * 230, 60 + chance() * 150, tone, 0.05 + chance() * 0.12);
  }
  beam(pen, 1095, 172, Math.PI * 0.965, 0.085, 1150, "#fff2c4", 0.85);
  beam(pen, 1095, 172, -0.06, 0.1, 420, "#fff2c4", 0.6);
  const sea = pen.createLinearGradient(0, 380, 0, 600);
  sea.addColorStop(0, "#7d98a0");
  sea.addColorStop(0.4, "#345a68");
  sea.addColorStop(1, "#10303e");
  pen.fillStyle = sea;
  pen.fillRect(0, 380, 1440, 220);
  for (let crest = 0; crest < 1500; crest++) {
    const depth = chance() ** 1.5, y = 382 + depth * 218;
    pen.strokeStyle = `rgb(${200 + chance() * 55} ${220 + chance() * 30} 230 / ${0.08 + chance() * 0.25})`;
    pen.lineWidth = 0.6 + depth * 1.8;
    const x = chance() * 1440, wide = 8 + depth * 60;
    pen.beginPath();
    pen.moveTo(x, y);
    pen.quadraticCurveTo(x + wide / 2, y - 2 - depth * 7, x + wide, y);
    pen.stroke();
  }
  rock(pen, chance, 860, 1500, 372, 90);
  rock(pen, chance, 760, 980, 470, 40);
  lighthouse(pen, 1095, 372);
  rock(pen, chance, -60, 360, 440, 110);
  for (let spray = 0; spray < 500; spray++) {
    glow(pen, 760 + chance() * 260, 500 - chance() ** 2 * 110, 2 + chance() * 9, "#ffffff", 0.1 + chance() * 0.25);
  }
}

function rock(pen, chance, left, right, level, tall) {
  const wide = right - left;
  for (let layer = 0; layer < 16; layer++) {
    pen.fillStyle = `hsl(${205 + chance() * 20} ${10 + chance() * 8}% ${12 + layer * 0.9 + chance() * 5}%)`;
    pen.beginPath();
    pen.moveTo(left + layer * 3, 620);
    for (let part = 0; part <= 26; part++) {
      const x = part / 26, dome = Math.sin(Math.PI * x) ** 0.55;
      pen.lineTo(left + x * wide, 600 - (600 - level) * dome * (1 - layer * 0.055) + (chance() - 0.5) * tall * 0.35);
    }
    pen.lineTo(right, 620);
    pen.fill();
  }
}

function lighthouse(pen, x, foot) {
  const tower = pen.createLinearGradient(x - 30, 0, x + 30, 0);
  tower.addColorStop(0, "#fdf8ee");
  tower.addColorStop(1, "#a99f92");
  pen.fillStyle = tower;
  pen.beginPath();
  pen.moveTo(x - 20, foot - 180);
  pen.lineTo(x + 20, foot - 180);
  pen.lineTo(x + 34, foot + 30);
  pen.lineTo(x - 34, foot + 30);
  pen.fill();
  pen.fillStyle = "#b23a32";
  for (const [top, half] of [[-150, 22], [-70, 27]]) pen.fillRect(x - half, foot + top, half * 2, 36);
  pen.fillStyle = "#24313d";
  pen.fillRect(x - 28, foot - 186, 56, 8);
  pen.fillRect(x - 15, foot - 226, 30, 6);
  pen.fillStyle = "#fff1b8";
  pen.fillRect(x - 13, foot - 220, 26, 34);
  pen.fillStyle = "#b23a32";
  pen.beginPath();
  pen.arc(x, foot - 226, 16, Math.PI, 0);
  pen.fill();
  glow(pen, x, foot - 202, 120, "#fff4c9", 0.95);
}
