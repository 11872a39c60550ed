"use strict";
// The explorer: pictures, the energies they can have, and where encoders put them. Reads what pendeval/page/explore.py
// wrote into the section's data-explore. Whatever comes from files is only ever set as text or drawn.
const Explore = (() => {
  const { period, angle, bobs, openWorld, openRun, pairOf, bobsOf, lookUp, twins, pairFor, disputed } = Worlds;
  const RAMP = [[44, 90, 160], [112, 79, 181], [190, 71, 143], [226, 98, 62], [232, 160, 20]];
  const PAPER = { ink: "#000", soft: "#444", line: "#bbb", link: "#000" };

  // Words

  const number = (x, digits = 3) => (Number.isFinite(x) ? x.toFixed(digits).replace("-", "−").replace(/^(−?)0\./, "$1.") : "–");
  const chance = (p) => (p > 0 ? `1 in ${Math.round(1 / p).toLocaleString("en")}` : "never");

  // Drawing

  function make(tag, text, ...children) {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    element.append(...children);
    return element;
  }

  function picture(canvas, size, pair) {
    canvas.width = canvas.height = size;
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, size, size);
    pen.globalCompositeOperation = "multiply"; // what both bobs cover is black
    ["#00f", "#f00"].forEach((colour, k) => {
      const [row, column, rows, columns] = pair[k];
      pen.fillStyle = colour;
      pen.fillRect(column, row, columns, rows);
    });
  }

  function small(world, pair, label) {
    const canvas = make("canvas");
    canvas.className = "pixels";
    if (label) {
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", label);
    } else canvas.setAttribute("aria-hidden", "true"); // the button it stands in has words
    picture(canvas, world.geometry.size, pair);
    return canvas;
  }

  // A canvas as sharp as the screen, and its pen in CSS pixels.
  function sharp(canvas, height, width = canvas.clientWidth || 300) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "12px system-ui, sans-serif";
    return { pen, width, height };
  }

  function mixed(share) {
    const place = Math.max(0, Math.min(1, share)) * (RAMP.length - 1), k = Math.min(Math.floor(place), RAMP.length - 2);
    return `rgb(${RAMP[k].map((from, c) => Math.round(from + (RAMP[k + 1][c] - from) * (place - k))).join(" ")})`;
  }

  function start(section) {
    const held = JSON.parse(section.dataset.explore);
    const at = (name) => document.getElementById(`explore-${name}`);
    const worlds = new Map(), runs = new Map();
    const worldOf = (k) => worlds.get(k) ?? worlds.set(k, openWorld(held.worlds[k])).get(k);
    const runOf = (k) => runs.get(k) ?? runs.set(k, openRun(held.runs[k], worldOf(held.runs[k].world))).get(k);
    const now = { run: 0, image: 0, marks: [], energy: 0.5, time: 0, playing: 0, printing: false, trace: null };
    let world, run, plot;

    function colours() {
      if (now.printing) return PAPER;
      const style = getComputedStyle(section);
      return Object.fromEntries(Object.keys(PAPER).map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    }

    // Paper is as wide as it is, whatever the window.
    const across = () => (now.printing ? 680 : undefined);

    function options(select, entries) {
      const before = select.value;
      select.replaceChildren(...entries.map(([value, text]) => {
        const option = make("option", text);
        option.value = value;
        return option;
      }));
      if (entries.some(([value]) => value === before)) select.value = before;
    }

    // Vertical axis and colour

    function heights() {
      const axis = at("axis").value;
      return axis === "oracle" ? world.mean : axis === "line" ? run.line : run.outputs[Number(axis)] ?? run.outputs[0];
    }

    function shade(i) {
      const size = world.geometry?.size ?? 1;
      const pair = world.drawn ? bobsOf(world, i) : null;
      switch (at("colour").value) {
        case "probability": return (Math.log10(world.weight[i]) + 8) / 6;
        case "height": return pair[0][2] ? 1 - pair[0][0] / size : NaN;
        case "apart":
          return pair.every((one) => one[2]) ? Math.hypot(pair[0][0] - pair[1][0], pair[0][1] - pair[1][1]) / (0.35 * size) : NaN;
        default: return world.energy[i];
      }
    }

    function drawPlot() {
      const { pen, width, height } = sharp(at("plot"), 380, across());
      const ink = colours(), y = heights(), left = 52, top = 12, bottom = height - 38;
      let low = Infinity, high = -Infinity;
      for (const value of y) { low = Math.min(low, value); high = Math.max(high, value); }
      if (low === high) { low -= 0.5; high += 0.5; }
      const right = width - 16;
      plot = { pen, low, high, X: (m) => left + m * (right - left), Y: (v) => bottom - (v - low) / (high - low) * (bottom - top) };
      pen.strokeStyle = ink.line;
      pen.fillStyle = ink.soft;
      for (const tick of [0, 0.25, 0.5, 0.75, 1]) {
        const value = low + tick * (high - low);
        pen.strokeRect(left, plot.Y(value), right - left, 0);
        pen.textAlign = "right";
        pen.fillText(Math.abs(value) < 1000 ? number(value, 2) : value.toPrecision(3), left - 6, plot.Y(value) + 4);
        pen.textAlign = "center";
        pen.fillText(number(tick, 2), plot.X(tick), bottom + 16);
      }
      const label = world.sampled || width < 500 ? "energy" : "energy: the oracle’s guess, and the range of nine in ten";
      pen.fillText(label, (left + right) / 2, bottom + 32);
      world.order.forEach((i) => {
        const share = shade(i);
        pen.fillStyle = Number.isNaN(share) ? ink.soft : mixed(share);
        pen.globalAlpha = 0.12;
        pen.fillRect(plot.X(world.low[i]), plot.Y(y[i]) - 0.5, plot.X(world.high[i]) - plot.X(world.low[i]), 1);
        pen.globalAlpha = world.count > 5000 ? 0.5 : 0.85;
        pen.fillRect(plot.X(world.energy[i]) - 1.5, plot.Y(y[i]) - 1.5, 3, 3);
      });
      drawOver();
    }

    function drawOver() {
      // On paper a canvas above another would hide it, so that all is drawn on one.
      const pen = now.printing ? plot.pen : sharp(at("over"), 380).pen;
      const ink = colours(), y = heights();
      const ring = (x, v, colour, size) => {
        pen.strokeStyle = colour;
        pen.lineWidth = 2.5;
        pen.beginPath();
        pen.arc(plot.X(x), plot.Y(v), size, 0, 7);
        pen.stroke();
      };
      if (now.trace) {
        // The pendulum has one energy, so that all its pictures lie on one upright line here.
        pen.fillStyle = ink.link;
        for (const i of now.trace.seen) pen.fillRect(plot.X(now.energy) - 8, plot.Y(y[i]) - 0.5, 16, 1);
        const shown = now.trace.at(now.time);
        if (shown >= 0) {
          pen.beginPath();
          pen.arc(plot.X(now.energy), plot.Y(y[shown]), 6, 0, 7);
          pen.fill();
        }
      }
      for (const i of now.marks) ring(world.energy[i], y[i], ink.link, 9);
      pen.fillStyle = ink.ink;
      const i = now.image;
      pen.fillRect(plot.X(world.low[i]), plot.Y(y[i]) - 1, plot.X(world.high[i]) - plot.X(world.low[i]), 2);
      ring(world.energy[i], y[i], ink.ink, 6);
    }

    // The picture looked at

    function sentence(i) {
      const where = `${number(run.rank[i])} of 1 by this run`;
      if (world.sampled) {
        return `Energy ${number(world.energy[i])}, the oracle guesses ${number(world.mean[i])}, rank ${where}`;
      }
      return `Energy from ${number(world.low[i])} to ${number(world.high[i])}, the oracle guesses ${number(world.mean[i])}, `
        + `${chance(world.weight[i])}, rank ${where}`;
    }

    function look(i, speak) {
      now.image = i;
      if (world.drawn) picture(at("picture"), world.geometry.size, bobsOf(world, i));
      at("picture").hidden = !world.drawn;
      at("picture").setAttribute("aria-label", `The picture looked at. ${sentence(i)}`);
      const facts = world.sampled
        ? [["Energy", number(world.energy[i])], ["Oracle", number(world.mean[i])]]
        : [["Energy", `${number(world.low[i])} to ${number(world.high[i])} nine times in ten`],
          ["At all", `${number(world.edges[world.first[i]], 2)} to ${number(world.edges[world.first[i] + world.bins[i]], 2)}`],
          ["Oracle", number(world.mean[i])], ["Probability", chance(world.weight[i])]];
      if (world.sampled && world.drawn) {
        const same = world.pairs.get(pairOf(world, world.blue[i], world.red[i])).length;
        if (same > 1) facts.push(["Twins", `${same} images, ${number(world.low[i])} to ${number(world.high[i])}`]);
      }
      run.outputs.forEach((output, k) => facts.push([run.dim > 1 ? `Output ${k + 1}` : "Embedding", number(output[i], 4)]));
      facts.push(["Rank", `${number(run.rank[i])}, by the oracle ${number(world.rank[i])}`]);
      at("facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", name), make("dd", value)]));
      drawEnergies(i);
      drawOver();
      if (speak) at("said").textContent = sentence(i);
    }

    function drawEnergies(i) {
      at("energies").hidden = world.sampled;
      if (world.sampled) return;
      const { pen, width, height } = sharp(at("energies"), 70);
      const ink = colours(), floor = height - 18;
      pen.fillStyle = ink.link;
      for (let k = 0; k < world.bins[i]; k++) {
        const [from, to] = [world.edges[world.first[i] + k], world.edges[world.first[i] + k + 1]];
        const tall = world.heights[world.from[i] + k] / 255 * (floor - 4);
        pen.fillRect(from * width, floor - tall, Math.max(1, (to - from) * width), tall);
      }
      pen.fillStyle = ink.ink;
      pen.fillRect(world.mean[i] * width - 1, 2, 2, floor - 2);
      pen.fillStyle = ink.soft;
      pen.fillRect(0, floor, width, 1);
      pen.textAlign = "center";
      for (const tick of [0.25, 0.5, 0.75]) pen.fillText(number(tick, 2), tick * width, height - 4);
    }

    // Twins

    function listTwins() {
      const found = twins(world);
      at("twins").replaceChildren(...found.map((i) => {
        const button = make("button");
        button.type = "button";
        if (world.drawn) button.append(small(world, bobsOf(world, i), ""));
        button.append(make("span", `${number(world.low[i], 2)} or ${number(world.high[i], 2)}`));
        button.setAttribute("aria-label", `Twins of energies ${number(world.low[i])} and ${number(world.high[i])}`);
        button.addEventListener("click", () => showTwins(i));
        return make("li", "", button);
      }));
      at("pair").replaceChildren(make("p", found.length ? "Choose a picture: what looks alike need not be alike."
        : "No picture here has energies far apart."));
    }

    function showTwins(i) {
      now.marks = [];
      look(i, false);
      const pair = pairFor(world, i);
      const energies = pair.length ? pair.map(([m]) => m) : [world.low[i], world.high[i]];
      const words = `These two pictures are the same though their energies differ by ${number(energies[1] - energies[0], 2)}`;
      const figures = energies.map((m, k) => {
        const moment = pair.length ? ` at time ${number(pair[k][1], 2)}` : "";
        const figure = make("figure");
        if (world.drawn) {
          const shown = pair.length ? bobs(...pair[k], world.geometry) : bobsOf(world, i);
          figure.append(small(world, shown, `Picture of energy ${number(m)}`));
        }
        if (pair.length) figure.append(rods(...pair[k]));
        figure.append(make("figcaption", `Energy ${number(m)}${moment}`));
        return figure;
      });
      const why = pair.length ? ": the pendulums beside them stand a little differently, and whole pixels hide it." : ".";
      at("pair").replaceChildren(make("p", world.drawn ? words + why : `Energies ${number(energies[0])} and ${number(energies[1])} look the same.`),
        make("div", "", ...figures));
      at("said").textContent = `${words}. ${sentence(i)}`;
    }

    // The pendulum as it is before it becomes pixels: rods from the pivot to both bobs.
    function rods(m, t) {
      const canvas = make("canvas"), g = world.geometry, side = 4 * g.size;
      canvas.width = canvas.height = side;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", "The pendulum between the pixels");
      const pen = canvas.getContext("2d");
      pen.fillStyle = "#fff";
      pen.fillRect(0, 0, side, side);
      pen.lineWidth = 2;
      [[t, "#00f"], [t + g.gap, "#f00"]].forEach(([when, colour]) => {
        const theta = angle(when, m), pivot = 4 * (g.centre - g.start + 0.5);
        const [x, y] = [pivot + 4 * g.radius * Math.sin(theta), pivot + 4 * g.radius * Math.cos(theta)];
        pen.strokeStyle = pen.fillStyle = colour;
        pen.beginPath();
        pen.moveTo(pivot, pivot);
        pen.lineTo(x, y);
        pen.stroke();
        pen.beginPath();
        pen.arc(x, y, 2 * g.bob, 0, 7);
        pen.fill();
      });
      return canvas;
    }

    // One pendulum swings

    function prepareSwing() {
      at("swing").hidden = !world.drawn || world.sampled;
      at("noswing").hidden = world.drawn && !world.sampled;
      now.trace = null;
      if (at("swing").hidden) { stop(); return; }
      const end = period(now.energy), steps = 1200;
      const images = Int32Array.from({ length: steps }, (_, k) => lookUp(world, bobs(now.energy, end * k / steps, world.geometry)));
      const seen = new Set(images);
      seen.delete(-1);
      now.trace = { end, images, seen, at: (t) => lookUp(world, bobs(now.energy, t, world.geometry)) };
      now.time = Math.min(now.time, end);
      at("time").max = end;
    }

    function drawSwing() {
      if (!now.trace) return;
      const y = heights(), { end, images, seen } = now.trace, ink = colours();
      picture(at("swinging"), world.geometry.size, bobs(now.energy, now.time, world.geometry));
      const { pen, width, height } = sharp(at("trace"), 150, across());
      const X = (t) => t / end * width, Y = (v) => height - 20 - (v - plot.low) / (plot.high - plot.low) * (height - 28);
      pen.fillStyle = ink.link;
      images.forEach((i, k) => { if (i >= 0) pen.fillRect(X(end * k / images.length), Y(y[i]) - 1, width / images.length + 0.5, 2); });
      pen.fillStyle = ink.soft;
      pen.fillRect(0, height - 20, width, 1);
      pen.fillText("time 0", 0, height - 5);
      pen.textAlign = "right";
      pen.fillText(`one period: ${number(end, 2)}`, width, height - 5);
      const i = now.trace.at(now.time);
      pen.fillStyle = ink.ink;
      pen.fillRect(X(now.time), 0, 1, height - 20);
      if (i >= 0) pen.fillRect(X(now.time) - 4, Y(y[i]) - 4, 9, 9);
      let low = Infinity, high = -Infinity;
      for (const one of seen) { low = Math.min(low, y[one]); high = Math.max(high, y[one]); }
      const share = Math.round(100 * (high - low) / (plot.high - plot.low));
      at("swung").textContent = seen.size ? `Energy ${number(now.energy, 2)}: ${seen.size} different pictures in one period. `
        + `They are spread over ${share} % of the vertical axis; an encoder that knew the energy would hold them at one height.`
        : "None of these pictures is held.";
      at("time").value = now.time;
      drawOver();
    }

    function stop() {
      cancelAnimationFrame(now.playing);
      now.playing = 0;
      at("play").textContent = "Play";
    }

    function play() {
      if (now.playing) { stop(); return; }
      at("play").textContent = "Pause";
      let before = null;
      const step = (stamp) => {
        if (before !== null) now.time = (now.time + Math.min(0.1, (stamp - before) / 1000)) % now.trace.end; // a unit of time a second
        before = stamp;
        drawSwing();
        now.playing = requestAnimationFrame(step);
      };
      now.playing = requestAnimationFrame(step);
    }

    // Two encoders

    function listDisputed() {
      const others = held.runs.flatMap((one, k) => (k !== now.run && one.world === held.runs[now.run].world ? [[String(k), one.name]] : []));
      options(at("other"), others);
      at("other").parentElement.hidden = !others.length;
      if (!others.length) {
        at("disputed").replaceChildren(make("li", "No second run here embedded these pictures."));
        return;
      }
      const other = runOf(Number(at("other").value));
      const found = disputed(world, run, other);
      at("disputed").replaceChildren(...found.map(([i, j]) => {
        const button = make("button");
        button.type = "button";
        if (world.drawn) for (const k of [i, j]) button.append(small(world, bobsOf(world, k), ""));
        const text = `Energies ${number(world.energy[i], 2)} and ${number(world.energy[j], 2)}. This run: ranks ${number(run.rank[i], 2)}, `
          + `${number(run.rank[j], 2)}. The other: ${number(other.rank[i], 2)}, ${number(other.rank[j], 2)}.`;
        button.append(make("span", text));
        button.addEventListener("click", () => {
          now.marks = [i, j];
          look(i, false);
          at("said").textContent = `Both are ringed. ${text}`;
        });
        return make("li", "", button);
      }));
      if (!found.length) at("disputed").append(make("li", "They order all pictures alike."));
    }

    // Choices

    function chooseRun() {
      const before = world;
      now.run = Number(at("run").value);
      world = worldOf(held.runs[now.run].world);
      run = runOf(now.run);
      const axes = run.outputs.map((_, k) => [String(k), run.dim > 1 ? `output ${k + 1} of ${run.dim}` : "embedding"]);
      if (run.dim > 1) axes.push(["line", "straight line read off the outputs"]);
      options(at("axis"), [...axes, ["oracle", "oracle"]]);
      const shades = [["energy", "energy"]];
      if (!world.sampled) shades.push(["probability", "probability (blue: rare)"]);
      if (world.drawn) shades.push(["height", "height of the blue bob"], ["apart", "distance of the bobs: speed"]);
      options(at("colour"), shades);
      at("note").textContent = [
        world.sampled ? `${world.count.toLocaleString("en")} images drawn from the test split` : `All ${world.count.toLocaleString("en")} pictures that can occur`,
        world.name ? ` (${world.name}). ` : ". ", world.missing,
        world.drawn && !world.sampled ? "Upright in blue: the pictures of the pendulum that swings below." : ""].join("");
      if (world !== before) {
        now.image = world.order[Math.floor(world.order.length / 2)];
        now.marks = [];
        listTwins();
      }
      prepareSwing();
      listDisputed();
      redraw();
    }

    function redraw() {
      drawPlot();
      drawSwing();
      look(now.image, false);
    }

    function nearest(event) {
      const frame = at("over").getBoundingClientRect(), y = heights();
      const [px, py] = [event.clientX - frame.left, event.clientY - frame.top];
      let best = Infinity, found = -1;
      for (let i = 0; i < world.count; i++) {
        const away = (plot.X(world.energy[i]) - px) ** 2 + (plot.Y(y[i]) - py) ** 2;
        if (away < best) [best, found] = [away, i];
      }
      return best < 24 ** 2 || event.type === "pointerdown" ? found : -1;
    }

    function key(event) {
      const leap = Math.max(1, Math.round(world.count / 20)), last = world.count - 1, turn = world.turn[now.image];
      const to = { ArrowRight: turn + 1, ArrowUp: turn + 1, ArrowLeft: turn - 1, ArrowDown: turn - 1, PageUp: turn + leap,
        PageDown: turn - leap, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      look(world.order[Math.max(0, Math.min(last, to))], true);
    }

    options(at("run"), held.runs.map((one, k) => [String(k), one.name]));
    at("left").textContent = held.left;
    at("run").addEventListener("change", chooseRun);
    at("axis").addEventListener("change", redraw);
    at("colour").addEventListener("change", redraw);
    at("other").addEventListener("change", listDisputed);
    at("over").addEventListener("keydown", key);
    at("over").addEventListener("focus", () => { at("said").textContent = sentence(now.image); });
    for (const type of ["pointermove", "pointerdown"]) {
      at("over").addEventListener(type, (event) => {
        const found = nearest(event);
        if (found >= 0 && found !== now.image) look(found, type === "pointerdown");
      });
    }
    at("energy").addEventListener("input", () => {
      now.energy = Number(at("energy").value);
      at("energyis").textContent = number(now.energy, 2);
      prepareSwing();
      drawSwing();
    });
    at("time").addEventListener("input", () => { now.time = Number(at("time").value); drawSwing(); });
    at("play").addEventListener("click", play);
    at("body").hidden = false;
    chooseRun();
    new ResizeObserver(redraw).observe(at("body"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    // On paper ink is dark, whatever the screen's colours are.
    addEventListener("beforeprint", () => { stop(); now.printing = true; redraw(); });
    addEventListener("afterprint", () => { now.printing = false; redraw(); });
    return { now, world: () => world, run: () => run };
  }

  const section = document.getElementById("explore");
  return { view: section ? start(section) : null };
})();
