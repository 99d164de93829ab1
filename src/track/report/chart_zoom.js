// SPDX-License-Identifier: Apache-2.0
/* What the pointer, the wheel and the keys do to a chart: dragging, pinching and the wheel zoom, a
 * double click shows everything again, and the arrow keys move the crosshair. */

const LEAST_DRAG = 6; /* pixels; less is a click */
const WHEEL_FACTOR = 1.0015;

function zoomListeners(chart) {
    const fingers = new Map();
    const inOrder = () => [...fingers.values()].sort((a, b) => a - b);
    const at = event => event.clientX - chart.plot.getBoundingClientRect().left;
    let from = null;   /* pixel where a drag began */
    let held = null;   /* values under two fingers */
    const release = event => {
        fingers.delete(event.pointerId);
        if (from !== null && event.type === 'pointerup' && Math.abs(at(event) - from) > LEAST_DRAG)
            zoomTo(chart, ...[chart.xAt(from), chart.xAt(at(event))].sort((a, b) => a - b));
        from = held = null;
        chart.box.setAttribute('visibility', 'hidden');
    };
    return {
        onpointerdown: event => {
            if (event.button !== 0)
                return;
            fingers.set(event.pointerId, at(event));
            chart.plot.setPointerCapture(event.pointerId);
            from = fingers.size === 1 ? at(event) : null;
            held = fingers.size === 2 ? inOrder().map(px => chart.xAt(px)) : null;
        },
        onpointermove: event => {
            if (fingers.has(event.pointerId))
                fingers.set(event.pointerId, at(event));
            if (held && fingers.size === 2)
                pinch(chart, inOrder(), held);
            else if (from !== null)
                markSelection(chart, from, at(event));
            else
                chart.hover(chart.xAt(at(event)));
        },
        onpointerup: release,
        onpointercancel: release,
        ondblclick: () => chart.zoomed(null),
        onwheel: event => wheel(chart, event, chart.xAt(at(event))),
        onkeydown: event => pressKey(chart, event),
    };
}

function markSelection(chart, from, to) {
    const [left, right] = [from, to].sort((a, b) => a - b)
        .map(px => clamp(px, chart.area.left, chart.area.right));
    chart.box.setAttribute('x', left);
    chart.box.setAttribute('width', right - left);
    chart.box.setAttribute('visibility', right - left > LEAST_DRAG ? 'visible' : 'hidden');
}

/* Zooms to [from, to], cut to what there is. A range that is too small to be told apart is
 * ignored. */
function zoomTo(chart, from, to) {
    const [first, end] = chart.all;
    const [left, right] = [Math.max(first, from), Math.min(end, to)];
    if (right - left >= (end - first) * 1e-5)
        chart.zoomed(left <= first && right >= end ? null : [left, right]);
}

/* Zooms by a factor so that x stays in its place. */
function zoomAround(chart, x, factor) {
    zoomTo(chart, x - (x - chart.x[0]) * factor, x + (chart.x[1] - x) * factor);
}

/* The page still has to scroll, so the wheel zooms only if the chart has the focus or with Ctrl,
 * which pinching a touchpad sends too. */
function wheel(chart, event, x) {
    if (!event.ctrlKey && document.activeElement !== chart.plot)
        return;
    event.preventDefault();
    zoomAround(chart, x, WHEEL_FACTOR ** (event.deltaY * (event.ctrlKey ? 4 : 1)));
}

/* The values under the fingers stay under them. */
function pinch(chart, [a, b], [left, right]) {
    const scale = (right - left) / (b - a);
    if (b - a >= LEAST_DRAG && right > left)
        zoomTo(chart, left - (a - chart.area.left) * scale,
               right + (chart.area.right - b) * scale);
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
