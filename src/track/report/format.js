// SPDX-License-Identifier: Apache-2.0
/* Numbers, times and names as a person reads them. */

const NONE = '\u2013';

function isNumber(value) {
    return typeof value === 'number' && Number.isFinite(value);
}

function percent(share, digits = 2) {
    return isNumber(share) ? `${(share * 100).toFixed(digits)}%` : NONE;
}

function signedPoints(difference) {
    const text = Math.abs(difference * 100).toFixed(2);
    return `${difference < 0 ? '\u2212' : '+'}${text}`;
}

function count(value) {
    return isNumber(value) ? value.toLocaleString('en') : NONE;
}

function number(value, digits = 4) {
    if (!isNumber(value))
        return NONE;
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6))
        return Number(value.toPrecision(digits)).toExponential().replace('e+', 'e')
            .replaceAll('-', '\u2212');
    return String(Number(value.toPrecision(digits))).replace('-', '\u2212');
}

/* How ticks at even distances are written: with as many digits as tell them apart. */
function evenTicks(ticks, share) {
    const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) * (share ? 100 : 1) : 1;
    const digits = Math.min(12, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
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
    const hours = Math.floor(all / 3600);
    const minutes = Math.floor(all / 60) % 60;
    return hours > 0 ? `${hours}:${two(minutes)}:${two(all % 60)}`
                     : `${minutes}:${two(all % 60)}`;
}

/* "2026-03-01 14:05" in the reader's time. */
function moment(seconds) {
    if (!isNumber(seconds) || seconds <= 0)
        return NONE;
    const t = new Date(seconds * 1000);
    const two = value => String(value).padStart(2, '0');
    return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ` +
           `${two(t.getHours())}:${two(t.getMinutes())}`;
}

function bytes(value) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
        value /= 1024;
        unit++;
    }
    return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

/* Shares are shown as percentages. */
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

function plural(amount, one, many) {
    return `${count(amount)} ${amount === 1 ? one : many}`;
}
