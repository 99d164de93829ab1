// SPDX-License-Identifier: Apache-2.0
/* Curves as numbers: smoothing, what is worth drawing, the ticks of an axis. */

/* The exponential moving average, corrected for its beginning at 0; gaps stay gaps. */
function smooth(list, weight) {
    let sum = 0;
    let total = 0;
    return list.map(value => {
        if (!isNumber(value))
            return null;
        sum = weight * sum + (1 - weight) * value;
        total = weight * total + (1 - weight);
        return sum / total;
    });
}

/* The first place in a rising list whose value is not below. */
function lowerBound(list, value) {
    let low = 0;
    let high = list.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (list[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

function nearest(list, value) {
    const at = lowerBound(list, value);
    if (at === 0 || (at < list.length && list[at] - value <= value - list[at - 1]))
        return at;
    return at - 1;
}

/* The places worth drawing: of each column of pixels the first, least, largest and last. */
function visiblePlaces(xs, ys, [from, to], columns) {
    const begin = Math.max(0, lowerBound(xs, from) - 1);
    const end = Math.min(xs.length, lowerBound(xs, to) + 2);
    if (end - begin <= 4 * columns)
        return Array.from({length: end - begin}, (_, i) => begin + i);
    const places = [];
    const scale = columns / (to - from || 1);
    for (let i = begin; i < end;) {
        const column = Math.floor((xs[i] - from) * scale);
        let [low, high, stop] = [i, i, i];
        for (; stop < end && Math.floor((xs[stop] - from) * scale) === column; stop++) {
            if (ys[stop] < ys[low])
                low = stop;
            if (ys[stop] > ys[high])
                high = stop;
        }
        places.push(...new Set([i, low, high, stop - 1].sort((a, b) => a - b)));
        i = stop;
    }
    return places;
}

/* Round numbers, about so many of them. */
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

/* Powers of ten; with 2 and 5 between them, or round numbers, where those are too few. */
function logarithmicTicks(low, high, about) {
    const ticks = [];
    const factors = Math.log10(high / low) > about ? [1] : [1, 2, 5];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
        for (const factor of factors)
            ticks.push(Number((factor * 10 ** power).toPrecision(6)));
    const inside = ticks.filter(tick => tick >= low * 0.999 && tick <= high * 1.001);
    return inside.length > 1 ? inside : linearTicks(low, high, about);
}
