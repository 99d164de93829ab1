// SPDX-License-Identifier: Apache-2.0
/* Numbers, times and names in the form that people read, and the arithmetic that all scripts
 * share. */

const NONE = '\u2013';
const isNumber = Number.isFinite;

function clamp(value, low, high) {
    return Math.max(low, Math.min(high, value));
}

function sum(list) {
    return list.reduce((a, b) => a + b, 0);
}

function mean(list) {
    return list.length ? sum(list) / list.length : null;
}

/* A map from `of(item)` to all items with that result, in their order. */
function groupBy(list, of) {
    const groups = new Map();
    for (const item of list) {
        const key = of(item);
        groups.set(key, groups.get(key) || []).get(key).push(item);
    }
    return groups;
}

function percent(share, digits = 2) {
    return isNumber(share) ? `${(share * 100).toFixed(digits)}%` : NONE;
}

function count(value) {
    return isNumber(value) ? value.toLocaleString('en') : NONE;
}

function number(value, digits = 4) {
    if (!isNumber(value))
        return NONE;
    const size = Math.abs(value);
    const rounded = Number(value.toPrecision(digits));
    const text = size !== 0 && (size < 1e-3 || size >= 1e6)
        ? rounded.toExponential().replace('e+', 'e') : String(rounded);
    return text.replaceAll('-', '\u2212');
}

/* Returns a function that writes ticks at even distances with enough digits to tell them apart. */
function evenTicks(ticks, share) {
    const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) * (share ? 100 : 1) : 1;
    const digits = clamp(-Math.floor(Math.log10(step) + 1e-9), 0, 12);
    if (share)
        return tick => percent(tick, digits);
    return tick => Math.abs(tick) >= 1e6 || (tick !== 0 && step < 1e-6)
        ? number(tick) : tick.toFixed(digits).replace('-', '\u2212');
}

function duration(seconds) {
    if (!isNumber(seconds) || seconds < 0)
        return NONE;
    const all = Math.round(seconds);
    const two = value => String(value).padStart(2, '0');
    const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
    return `${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(all % 60)}`;
}

/* "2026-03-01 14:05" in the reader's time zone; Swedish dates have this form. */
function moment(seconds) {
    return isNumber(seconds) && seconds > 0
        ? new Date(seconds * 1000).toLocaleString('sv', {dateStyle: 'short', timeStyle: 'short'})
        : NONE;
}

function bytes(value) {
    const unit = clamp(Math.floor(Math.log2(value) / 10), 0, 4);
    return `${Number((value / 1024 ** unit).toPrecision(3))} ` +
           ['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit];
}

/* Whether a metric is a share, which is shown as a percentage. */
function isShare(metric) {
    return /(top1|top5|agreement)$/.test(metric);
}

function metricValue(metric, value) {
    return isShare(metric) ? percent(value) : number(value);
}

/* "fine_top1" as "fine top-1". */
function readable(name) {
    return name.replace(/top(\d)/, 'top-$1').replace(/_/g, ' ');
}

function plural(amount, noun) {
    return `${count(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}

/* A value of a run's options or of its summary. */
function valueText(value) {
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
