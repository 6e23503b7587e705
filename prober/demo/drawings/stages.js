// Events on a stage or a pitch, and which drawing belongs to which event.
const scenes = {
  "aurora-symphony": aurora, "neon-harbour": harbour, "velvet-room": spotlight,
  "paper-moons": moons, "granite-coast": coast, "harbour-derby": stadium,
};

function spotlight(pen, chance) {
  sky(pen, "#1c0409", "#4a0d18", "#25060c");
  for (let fold = 0; fold < 64; fold++) {
    const x = fold * 23 + chance() * 9, wide = 16 + chance() * 14;
    const fill = pen.createLinearGradient(x, 0, x + wide, 0);
    fill.addColorStop(0, "rgb(20 2 6 / 75%)");
    fill.addColorStop(0.5, `rgb(${150 + chance() * 50} 26 44 / 55%)`);
    fill.addColorStop(1, "rgb(20 2 6 / 75%)");
    pen.fillStyle = fill;
    pen.fillRect(x, 0, wide, 470);
  }
  const floor = pen.createLinearGradient(0, 455, 0, 600);
  floor.addColorStop(0, "#5b2d17");
  floor.addColorStop(1, "#1b0b06");
  pen.fillStyle = floor;
  pen.fillRect(0, 455, 1440, 145);
  for (let board = 0; board < 16; board++) {
    pen.fillStyle = `rgb(20 8 3 / ${0.2 + chance() * 0.3})`;
    pen.fillRect(0, 455 + board * board * 0.6, 1440, 1.5);
  }
  for (const x of [380, 720, 1060]) beam(pen, x, -40, Math.PI / 2 - (720 - x) / 1000, 0.24, 760, "#ffdf9e", 0.75);
  glow(pen, 720, 520, 420, "#ffce80", 0.55);
  for (let mote = 0; mote < 500; mote++) {
    glow(pen, 380 + chance() * 680, chance() * 500, 1 + chance() * 5, "#ffe9bd", 0.1 + chance() * 0.3);
  }
  player(pen, 560, 505, 1);
  player(pen, 900, 505, 0.95);
  bass(pen, 735, 505);
  crowd(pen, chance, 562, "#080203");
}

function player(pen, x, foot, size) {
  pen.fillStyle = "#0b0304";
  pen.strokeStyle = "#d8a648";
  pen.lineWidth = 9 * size;
  pen.lineCap = "round";
  pen.beginPath();
  pen.arc(x, foot - 186 * size, 19 * size, 0, 7);
  pen.roundRect(x - 26 * size, foot - 164 * size, 52 * size, 92 * size, 20 * size);
  pen.roundRect(x - 23 * size, foot - 90 * size, 19 * size, 90 * size, 6);
  pen.roundRect(x + 4 * size, foot - 90 * size, 19 * size, 90 * size, 6);
  pen.fill();
  pen.beginPath();
  pen.moveTo(x + 10 * size, foot - 178 * size);
  pen.quadraticCurveTo(x + 46 * size, foot - 160 * size, x + 40 * size, foot - 108 * size);
  pen.quadraticCurveTo(x + 52 * size, foot - 82 * size, x + 66 * size, foot - 122 * size);
  pen.stroke();
}

function bass(pen, x, foot) {
  player(pen, x - 38, foot, 1.02);
  pen.fillStyle = "#8a4a1e";
  pen.strokeStyle = "#2b1206";
  pen.lineWidth = 4;
  pen.beginPath();
  pen.ellipse(x, foot - 46, 42, 46, 0, 0, 7);
  pen.ellipse(x, foot - 104, 31, 36, 0, 0, 7);
  pen.fill();
  pen.beginPath();
  pen.moveTo(x, foot - 20);
  pen.lineTo(x, foot - 240);
  pen.stroke();
}

function moons(pen, chance) {
  sky(pen, "#243b6b", "#4a69a8", "#9db4dd", "#f3d9c4");
  stars(pen, chance, 90, 300);
  for (const [x, y, radius, tilt] of [[1030, 190, 128, 0.35], [330, 150, 60, -0.3], [640, 96, 36, 0.5]]) {
    glow(pen, x, y, radius * 2.4, "#fff3d6", 0.55);
    pen.strokeStyle = "rgb(255 255 255 / 55%)";
    pen.lineWidth = 1.5;
    pen.beginPath();
    pen.moveTo(x, y - radius);
    pen.lineTo(x + 6, -10);
    pen.stroke();
    pen.fillStyle = "#fff6e3";
    pen.beginPath();
    pen.arc(x, y, radius, 0, 7);
    pen.fill();
    pen.save();
    pen.clip();
    pen.translate(x, y);
    pen.rotate(tilt);
    for (let facet = 0; facet < 34; facet++) {
      const shade = 0.02 + chance() * 0.11;
      pen.fillStyle = `rgb(150 110 80 / ${shade})`;
      pen.beginPath();
      for (let corner = 0; corner < 3; corner++) pen.lineTo((chance() - 0.5) * 2.4 * radius, (chance() - 0.5) * 2.4 * radius);
      pen.fill();
    }
    pen.restore();
  }
  const papers = ["#8fa9d6", "#6f8cc4", "#d98f7a", "#b85f5f", "#5c4a78", "#33305c"];
  papers.forEach((colour, layer) => {
    pen.shadowColor = "rgb(20 20 50 / 45%)";
    pen.shadowBlur = 26;
    pen.shadowOffsetY = -6;
    folded(pen, chance, 372 + layer * 40, 92 - layer * 6, colour);
  });
  pen.shadowColor = "transparent";
  for (let boat = 0; boat < 3; boat++) paperBoat(pen, 250 + boat * 430, 470 + (boat % 2) * 46, 1 + boat * 0.15);
}

function folded(pen, chance, level, tall, colour) {
  const peaks = [[-40, level]];
  for (let x = 0; x < 1500; x += 70 + chance() * 90) peaks.push([x, level - chance() * tall]);
  peaks.push([1500, level]);
  pen.fillStyle = colour;
  pen.beginPath();
  pen.moveTo(-40, 640);
  for (const [x, y] of peaks) pen.lineTo(x, y);
  pen.lineTo(1500, 640);
  pen.fill();
  pen.save();
  pen.shadowColor = "transparent";
  peaks.slice(0, -1).forEach(([x, y], index) => {
    const [nextX, nextY] = peaks[index + 1];
    pen.fillStyle = index % 2 ? "rgb(255 255 255 / 13%)" : "rgb(10 10 50 / 10%)";
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(nextX, nextY);
    pen.lineTo((x + nextX) / 2 + chance() * 40, 640);
    pen.fill();
  });
  pen.restore();
}

function paperBoat(pen, x, y, size) {
  for (const [colour, corners] of [
    ["#ffffff", [[0, -62], [34, 0], [-34, 0]]], ["#dfe3f2", [[0, -62], [34, 0], [4, 0]]],
    ["#f6f1ea", [[-78, -12], [78, -12], [46, 30], [-46, 30]]], ["#d9d3cf", [[-78, -12], [0, 8], [-46, 30]]],
  ]) {
    pen.fillStyle = colour;
    pen.beginPath();
    for (const [dx, dy] of corners) pen.lineTo(x + dx * size, y + dy * size);
    pen.fill();
  }
}

function stadium(pen, chance) {
  sky(pen, "#0d1b3f", "#27498a", "#6f8ec7");
  for (const [level, depth, tone] of [[210, 190, 34], [300, 120, 24]]) {
    pen.fillStyle = `hsl(222 35% ${tone}%)`;
    pen.beginPath();
    pen.moveTo(0, level - 60);
    pen.quadraticCurveTo(720, level + 40, 1440, level - 60);
    pen.lineTo(1440, level + depth);
    pen.lineTo(0, level + depth);
    pen.fill();
    for (let head = 0; head < 5200; head++) {
      const x = chance() * 1440, bend = 46 * (1 - ((x - 720) / 720) ** 2) - 52;
      const y = level + bend + 6 + chance() * (depth - 18);
      const home = x < 700 + chance() * 60;
      pen.fillStyle = `hsl(${home ? 2 : 212} ${55 + chance() * 35}% ${30 + chance() * 45}%)`;
      pen.fillRect(x, y, 3.2 + chance() * 2, 4.4);
    }
  }
  pen.fillStyle = "#10204a";
  pen.fillRect(0, 398, 1440, 18);
  for (let stripe = -12; stripe < 12; stripe++) {
    pen.fillStyle = stripe % 2 ? "#2f8a4b" : "#287a42";
    pen.beginPath();
    pen.moveTo(720 + stripe * 78, 416);
    pen.lineTo(720 + (stripe + 1) * 78, 416);
    pen.lineTo(720 + (stripe + 1) * 176, 600);
    pen.lineTo(720 + stripe * 176, 600);
    pen.fill();
  }
  for (let blade = 0; blade < 9000; blade++) {
    pen.fillStyle = `hsl(${125 + chance() * 25} 50% ${22 + chance() * 30}% / 40%)`;
    pen.fillRect(chance() * 1440, 418 + chance() * 182, 1.6, 3.4);
  }
  pen.strokeStyle = "rgb(255 255 255 / 85%)";
  pen.lineWidth = 4;
  pen.beginPath();
  pen.ellipse(720, 500, 210, 44, 0, 0, 7);
  pen.moveTo(720, 416);
  pen.lineTo(720, 600);
  pen.moveTo(0, 424);
  pen.lineTo(1440, 424);
  pen.stroke();
  for (const x of [110, 480, 960, 1330]) {
    glow(pen, x, 70, 230, "#f4f8ff", 0.8);
    beam(pen, x, 70, Math.PI / 2 - (720 - x) / 1300, 0.3, 620, "#dfe9ff", 0.4);
    for (let lamp = 0; lamp < 12; lamp++) glow(pen, x - 33 + (lamp % 6) * 13, 62 + Math.floor(lamp / 6) * 14, 11, "#ffffff");
  }
  glow(pen, 735, 520, 30, "#ffffff", 0.35);
  pen.fillStyle = "#fff";
  pen.beginPath();
  pen.arc(735, 520, 11, 0, 7);
  pen.fill();
}
