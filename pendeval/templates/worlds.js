"use strict";
// What the explorer knows: the pendulum, the pictures that runs embedded (a world) and how encoders order them. Nothing
// here draws. Reads what pendeval/page/explore.py wrote.
const Worlds = (() => {
  const LEVELS = 65535;
  const COMMON = 1e-6; // rarer pictures make no list: nobody would ever see them

  // The pendulum

  // Halves go to the even neighbour, as pendgen/render.py rounds.
  function halfEven(x) {
    const near = Math.round(x);
    return Math.abs(x % 1) === 0.5 && near % 2 ? near - 1 : near;
  }

  // The arithmetic-geometric mean of 1 and √(1 − m), with its steps; DLMF §19.8(i).
  function means(m) {
    const a = [1], c = [Math.sqrt(m)];
    let b = Math.sqrt(1 - m);
    while (c.at(-1) > 1e-15 && a.length < 30) {
      const last = a.at(-1);
      a.push((last + b) / 2);
      c.push((last - b) / 2);
      b = Math.sqrt(last * b);
    }
    return { a, c };
  }

  // 4K(m): the time of one swing, to and fro; the natural frequency is 1.
  const period = (m) => 2 * Math.PI / means(m).a.at(-1);

  // θ = 2 arcsin(√m sn(t | m)), sn by descending Landen steps (DLMF §22.20(ii)); 0 ≤ m < 1.
  function angle(t, m) {
    const { a, c } = means(m);
    let n = a.length - 1;
    let phi = 2 ** n * a[n] * (t % (2 * Math.PI / a[n]));
    for (; n > 0; n--) phi = (phi + Math.asin(Math.max(-1, Math.min(1, c[n] / a[n] * Math.sin(phi))))) / 2;
    const sn = Math.sin(phi);
    return 2 * Math.atan2(Math.sqrt(m) * sn, Math.sqrt(1 - m * sn * sn));
  }

  // First row, first column, rows and columns of a bob's pixels; zeros where it is out of view.
  function box(theta, g) {
    const found = [0, 0, 0, 0];
    [Math.cos(theta), Math.sin(theta)].forEach((side, k) => {
      const first = g.centre + halfEven(g.radius * side) - g.start - Math.floor(g.bob / 2);
      found[k] = Math.max(first, 0);
      found[k + 2] = Math.min(first + g.bob, g.size) - found[k];
    });
    return found[2] > 0 && found[3] > 0 ? found : [0, 0, 0, 0];
  }

  // Both bobs of a pendulum at a time.
  const bobs = (m, t, g) => [box(angle(t, m), g), box(angle(t + g.gap, m), g)];

  // What the page holds

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const whole = (text) => new Uint16Array(bytes(text)); // little-endian, as every machine with a browser is
  const energies = (text) => Float64Array.from(whole(text), (level) => level / LEVELS);
  const spanned = (column) =>
    Float64Array.from(whole(column.levels), (level) => column.low + (column.high - column.low) * level / LEVELS);

  function openWorld(held) {
    const world = { ...held, mean: energies(held.mean), geometry: held.geometry };
    world.sampled = held.kind === "sample";
    world.drawn = held.places !== null && held.geometry !== null;
    world.weight = world.sampled ? new Float64Array(held.count).fill(1 / held.count)
      : Float64Array.from(new Float32Array(bytes(held.probability)));
    world.energy = world.sampled ? energies(held.energy) : world.mean;
    world.pairs = new Map();
    if (world.drawn) {
      world.places = whole(held.places);
      world.blue = whole(held.blue);
      world.red = whole(held.red);
      world.place = new Map();
      for (let p = 0; p < world.places.length / 4; p++) world.place.set(placeOf(world, p).join(), p);
      for (let i = 0; i < held.count; i++) {
        const key = pairOf(world, world.blue[i], world.red[i]);
        world.pairs.set(key, [...(world.pairs.get(key) ?? []), i]);
      }
    }
    if (world.sampled) {
      // Twins of a sample: images of one picture, and their energies.
      world.low = Float64Array.from(world.energy);
      world.high = Float64Array.from(world.energy);
      for (const same of world.pairs.values()) {
        const theirs = same.map((i) => world.energy[i]);
        for (const i of same) [world.low[i], world.high[i]] = [Math.min(...theirs), Math.max(...theirs)];
      }
    } else {
      world.low = energies(held.low);
      world.high = energies(held.high);
      world.first = whole(held.first);
      world.bins = whole(held.bins);
      world.heights = new Uint8Array(bytes(held.heights));
      world.from = new Uint32Array(held.count);
      for (let i = 1; i < held.count; i++) world.from[i] = world.from[i - 1] + world.bins[i - 1];
    }
    world.order = Array.from(world.energy.keys()).sort((a, b) => world.energy[a] - world.energy[b] || a - b);
    world.turn = new Uint32Array(held.count);
    world.order.forEach((i, k) => { world.turn[i] = k; });
    world.rank = ranks(world.mean, world.weight);
    return world;
  }

  const placeOf = (world, p) => world.places.subarray(4 * p, 4 * p + 4);
  const pairOf = (world, blue, red) => blue * (world.places.length / 4) + red;
  const bobsOf = (world, i) => [placeOf(world, world.blue[i]), placeOf(world, world.red[i])];

  // Which picture of a population shows these bobs; −1 where none does.
  function lookUp(world, [blue, red]) {
    const key = pairOf(world, world.place.get(blue.join()) ?? NaN, world.place.get(red.join()) ?? NaN);
    return world.pairs.get(key)?.[0] ?? -1;
  }

  // Rank of each picture: the probability of all before it on a line, and half of its equals.
  function ranks(line, weight) {
    const order = Array.from(line.keys()).sort((a, b) => line[a] - line[b]);
    const rank = new Float64Array(line.length);
    for (let first = 0, below = 0; first < order.length;) {
      let last = first, mass = 0;
      while (last < order.length && line[order[last]] === line[order[first]]) mass += weight[order[last++]];
      for (; first < last; first++) rank[order[first]] = below + mass / 2;
      below += mass;
    }
    return rank;
  }

  function openRun(held, world) {
    const run = { ...held, outputs: held.outputs.map(spanned), line: spanned(held.line) };
    run.rank = ranks(run.line, world.weight);
    return run;
  }

  // Pictures whose energy is the most ambiguous, one of those that look alike in this respect.
  function twins(world, most = 12) {
    const found = [];
    const wide = world.order.filter((i) => world.weight[i] >= COMMON && world.high[i] - world.low[i] > 0.002);
    wide.sort((a, b) => world.high[b] - world.low[b] - world.high[a] + world.low[a] || a - b);
    for (const i of wide) {
      if (found.length === most) break;
      const same = (j) => Math.abs(world.low[i] - world.low[j]) + Math.abs(world.high[i] - world.high[j]) < 0.01;
      if (!found.some(same)) found.push(i);
    }
    return found;
  }

  // When a pendulum of energy m shows picture i, in the middle of the first such while; NaN if it never does.
  function momentOf(world, i, m) {
    const wanted = bobsOf(world, i).map((one) => one.join()).join(";");
    const end = period(m), steps = 3000;
    for (let k = 0, began = -1; k <= steps; k++) {
      const there = k < steps && bobs(m, end * k / steps, world.geometry).map((one) => one.join()).join(";") === wanted;
      if (there && began < 0) began = k;
      if (!there && began >= 0) return end * (began + k - 1) / 2 / steps;
    }
    return NaN;
  }

  // Two pendulums, as far apart in energy as nine in ten are, that show picture i: [energy, time] of each, or nothing.
  function pairFor(world, i) {
    const found = [];
    if (!world.drawn || world.sampled) return found;
    const [low, high] = [world.low[i], Math.min(world.high[i], 0.9999)];
    for (const [from, to] of [[low, high], [high, low]]) {
      for (let k = 0; k < 20; k++) {
        const m = from + (to - from) * k / 40;
        const t = momentOf(world, i, m);
        if (!Number.isNaN(t)) { found.push([m, t]); break; }
      }
    }
    return found.length === 2 ? found : [];
  }

  // Pairs of pictures that two encoders order differently, the largest difference first: [i, j] with i lower by `a`.
  function disputed(world, a, b, most = 8) {
    const gap = (i) => Math.abs(a.rank[i] - b.rank[i]);
    const some = world.order.filter((i) => world.weight[i] >= COMMON).sort((i, j) => gap(j) - gap(i)).slice(0, 1500);
    const best = [];
    for (const i of some) {
      let size = 0, partner = -1;
      for (const j of some) {
        const [ours, theirs] = [a.rank[j] - a.rank[i], b.rank[j] - b.rank[i]];
        if (ours > 0 && theirs < 0 && Math.min(ours, -theirs) > size) [size, partner] = [Math.min(ours, -theirs), j];
      }
      if (partner >= 0) best.push([size, i, partner]);
    }
    best.sort((one, two) => two[0] - one[0]);
    const found = [], used = new Set();
    for (const [, i, j] of best) {
      if (found.length === most) break;
      if (used.has(i) || used.has(j)) continue;
      found.push([i, j]);
      used.add(i).add(j);
    }
    return found;
  }

  return { period, angle, bobs, openWorld, openRun, pairOf, bobsOf, lookUp, twins, pairFor, disputed };
})();
