// SPDX-License-Identifier: Apache-2.0
/* What the pointer, the wheel and the keys do to a chart: dragging, pinching and the wheel zoom,
 * a double click shows all again, the arrows move the crosshair. */

const LEAST_DRAG = 6; /* pixels; less is a click */
const WHEEL_FACTOR = 1.0015;

function watchZoom(chart) {
    const fingers = new Map();
    const drag = {from: null, pinch: null};
    const at = event => event.clientX - chart.plot.getBoundingClientRect().left;
    const listen = (name, act, options) => chart.plot.addEventListener(name, act, options);
    listen('pointerdown', event => {
        if (event.button !== 0)
            return;
        fingers.set(event.pointerId, at(event));
        chart.plot.setPointerCapture(event.pointerId);
        drag.from = fingers.size === 1 ? at(event) : null;
        drag.pinch = fingers.size === 2 ? beginPinch(chart, fingers) : null;
    });
    listen('pointermove', event => {
        if (fingers.has(event.pointerId))
            fingers.set(event.pointerId, at(event));
        if (drag.pinch && fingers.size === 2)
            pinch(chart, fingers, drag.pinch);
        else if (drag.from !== null)
            markSelection(chart, drag.from, at(event));
        else
            chart.hover(chart.xAt(at(event)));
    });
    const release = event => {
        fingers.delete(event.pointerId);
        if (drag.from !== null && event.type === 'pointerup')
            endDrag(chart, drag.from, at(event));
        drag.from = drag.pinch = null;
        chart.box.setAttribute('visibility', 'hidden');
    };
    listen('pointerup', release);
    listen('pointercancel', release);
    listen('dblclick', () => chart.zoomed(null));
    listen('wheel', event => wheel(chart, event, chart.xAt(at(event))), {passive: false});
    listen('keydown', event => pressKey(chart, event));
}

function markSelection(chart, from, to) {
    const inside = px => Math.max(MARGIN.left, Math.min(chart.width - MARGIN.right, px));
    const [left, right] = [inside(Math.min(from, to)), inside(Math.max(from, to))];
    chart.box.setAttribute('x', left);
    chart.box.setAttribute('width', right - left);
    chart.box.setAttribute('visibility', right - left > LEAST_DRAG ? 'visible' : 'hidden');
}

function endDrag(chart, from, to) {
    const [left, right] = [chart.xAt(Math.min(from, to)), chart.xAt(Math.max(from, to))];
    if (Math.abs(to - from) > LEAST_DRAG && right > left)
        chart.zoomed([left, right]);
}

/* Zooms by a factor so that x stays in its place; as far out as all there is. */
function zoomAround(chart, x, factor) {
    const [first, end] = chart.all;
    const [from, to] = chart.x;
    const left = Math.max(first, x - (x - from) * factor);
    const right = Math.min(end, x + (to - x) * factor);
    if (right - left < (end - first) * 1e-5)
        return;
    chart.zoomed(left <= first && right >= end ? null : [left, right]);
}

/* A page has to scroll on: the wheel zooms where the chart has the focus, or with Ctrl, which is
 * also what pinching a touchpad sends. */
function wheel(chart, event, x) {
    if (!event.ctrlKey && document.activeElement !== chart.plot)
        return;
    event.preventDefault();
    zoomAround(chart, x, WHEEL_FACTOR ** (event.deltaY * (event.ctrlKey ? 4 : 1)));
}

function beginPinch(chart, fingers) {
    const [a, b] = [...fingers.values()].sort((p, q) => p - q);
    return {left: chart.xAt(a), right: chart.xAt(b)};
}

/* The values that were under the fingers stay under them. */
function pinch(chart, fingers, {left, right}) {
    const [a, b] = [...fingers.values()].sort((p, q) => p - q);
    if (b - a < LEAST_DRAG || right <= left)
        return;
    const scale = (right - left) / (b - a);
    const from = Math.max(chart.all[0], left - (a - MARGIN.left) * scale);
    const to = Math.min(chart.all[1], right + (chart.width - MARGIN.right - b) * scale);
    chart.zoomed(from <= chart.all[0] && to >= chart.all[1] ? null : [from, to]);
}

function pressKey(chart, event) {
    const [from, to] = chart.x;
    const x = chart.at ?? (from + to) / 2;
    const acts = {
        ArrowLeft: () => chart.hover(x - (to - from) / 40),
        ArrowRight: () => chart.hover(x + (to - from) / 40),
        '+': () => zoomAround(chart, x, 0.7),
        '-': () => zoomAround(chart, x, 1 / 0.7),
        Escape: () => chart.zoomed(null),
        0: () => chart.zoomed(null),
    };
    if (acts[event.key]) {
        event.preventDefault();
        acts[event.key]();
    }
}
