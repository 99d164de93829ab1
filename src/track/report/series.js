// SPDX-License-Identifier: Apache-2.0
/* Curves as numbers: smoothing, which points are worth drawing, and the ticks of an axis. */

/* The exponential moving average, corrected for its start at 0; gaps stay gaps. */
function smooth(list, weight) {
    let average = 0;
    let total = 0;
    return list.map(value => {
        if (!isNumber(value))
            return null;
        average = weight * average + (1 - weight) * value;
        total = weight * total + (1 - weight);
        return average / total;
    });
}

/* The first place in a rising list whose value is at least `value`. */
function lowerBound(list, value) {
    const place = list.findIndex(other => other >= value);
    return place < 0 ? list.length : place;
}

function nearest(list, value) {
    return list.reduce((best, other, place) =>
        Math.abs(other - value) <= Math.abs(list[best] - value) ? place : best, 0);
}

/* The places worth drawing: the first, smallest, largest and last of each column of pixels. */
function visiblePlaces(xs, ys, [from, to], columns) {
    const begin = Math.max(0, lowerBound(xs, from) - 1);
    const length = Math.min(xs.length, lowerBound(xs, to) + 2) - begin;
    const places = Array.from({length}, (_, i) => begin + i);
    if (length <= 4 * columns)
        return places;
    const scale = columns / (to - from || 1);
    const least = (a, b) => ys[b] < ys[a] ? b : a;
    const most = (a, b) => ys[b] > ys[a] ? b : a;
    const byColumn = groupBy(places, place => Math.floor((xs[place] - from) * scale));
    const kept = list => [list[0], list.reduce(least), list.reduce(most), list.at(-1)];
    return [...byColumn.values()].flatMap(
        list => [...new Set(kept(list).sort((a, b) => a - b))]);
}

/* An SVG path through points [x, y] in pixels; null is a gap. */
function linePath(points) {
    return points.map((point, i) => point &&
        `${points[i - 1] ? 'L' : 'M'}${point[0].toFixed(1)} ${point[1].toFixed(1)}`).join('');
}

/* Round numbers from low to high, `about` of them. */
function linearTicks(low, high, about) {
    const rough = (high - low) / Math.max(1, about);
    if (!(rough > 0))
        return [low];
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 2.5, 5, 10].find(factor => factor * power >= rough * 0.999);
    const ticks = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
        ticks.push(Number((i * step).toPrecision(12)));
    return ticks;
}

/* Powers of ten; if they are too few, also 2 and 5 times these, or else round numbers. */
function logarithmicTicks(low, high, about) {
    const ticks = [];
    const factors = Math.log10(high / low) > about ? [1] : [1, 2, 5];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
        ticks.push(...factors.map(factor => Number((factor * 10 ** power).toPrecision(6))));
    const inside = ticks.filter(tick => tick >= low * 0.999 && tick <= high * 1.001);
    return inside.length > 1 ? inside : linearTicks(low, high, about);
}
