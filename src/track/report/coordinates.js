// SPDX-License-Identifier: Apache-2.0
/* Parallel coordinates: a line a trial across all axes. A range that is brushed on an axis keeps
 * only the trials that pass through it. */

const COORDINATES = {height: 380, top: 46, bottom: 20, side: 64, least: 118};
const BRUSH_WIDTH = 22;
const BRUSH_STEP = 0.1;

class Coordinates {
    constructor(sweep, changed) {
        this.sweep = sweep;
        this.axes = sweepAxes(sweep);
        this.good = goodness(sweep);
        this.changed = changed; /* is told the trials that are left */
        this.plot = svg('svg', {class: 'coordinates', role: 'group',
                                'aria-label': 'Parallel coordinates of the trials'});
        this.box = el('div', {class: 'coordinates-box'}, this.plot);
        this.node = scrollBox('Parallel coordinates', this.box);
        new ResizeObserver(() => this.draw()).observe(this.node);
    }

    x(index) {
        const inner = this.width - 2 * COORDINATES.side;
        return COORDINATES.side + (this.axes.length > 1 ? index / (this.axes.length - 1) * inner
                                                        : inner / 2);
    }

    y(at) {
        return COORDINATES.top +
               (1 - at) * (COORDINATES.height - COORDINATES.top - COORDINATES.bottom);
    }

    at(event) {
        const px = event.clientY - this.plot.getBoundingClientRect().top;
        const share = (px - COORDINATES.top) /
                      (COORDINATES.height - COORDINATES.top - COORDINATES.bottom);
        return Math.max(0, Math.min(1, 1 - share));
    }

    draw() {
        this.width = Math.max(this.node.clientWidth,
                              (this.axes.length - 1) * COORDINATES.least + 2 * COORDINATES.side);
        this.plot.setAttribute('width', this.width);
        this.plot.setAttribute('height', COORDINATES.height);
        this.lines = this.sweep.trials.map(trial => this.line(trial));
        this.brushes = this.axes.map((_, index) => svg('rect', {
            class: 'brush', x: this.x(index) - BRUSH_WIDTH / 2, width: BRUSH_WIDTH}));
        this.plot.replaceChildren(...this.lines,
                                  ...this.axes.map((axis, index) => this.axis(axis, index)));
        this.sift();
    }

    line(trial) {
        let pen = 'M';
        let text = '';
        this.axes.forEach((axis, index) => {
            const at = axis.place(trial);
            if (at === null)
                pen = 'M';
            else {
                text += `${pen}${this.x(index).toFixed(1)} ${this.y(at).toFixed(1)}`;
                pen = 'L';
            }
        });
        const node = svg('path', {class: `trial ${isNumber(trial.objective) ? '' : 'unfinished'}`,
                                  d: text}, svg('title', {}, this.tell(trial)));
        node.style.setProperty('--good-share', `${Math.round(this.good(trial.objective) * 100)}%`);
        return node;
    }

    tell(trial) {
        return `${trial.run || `trial ${trial.number}`}: ${this.sweep.metric} ` +
               `${metricValue(this.sweep.metric, trial.objective)}`;
    }

    axis(axis, index) {
        const x = this.x(index);
        const lastAxis = index === this.axes.length - 1;
        const ticks = axis.ticks.map(tick => svg('text', {
            class: 'tick', x: lastAxis ? x - 8 : x + 8, y: this.y(tick.at) + 4,
            'text-anchor': lastAxis ? 'end' : 'start'}, this.cut(tick.text)));
        const handle = svg('rect', {
            class: 'axis-handle', x: x - BRUSH_WIDTH / 2, width: BRUSH_WIDTH, y: this.y(1),
            height: this.y(0) - this.y(1), tabindex: 0, role: 'button',
            'aria-label': `Axis ${axis.name}: arrow keys narrow the range, Escape clears it`});
        this.listen(handle, axis, index);
        return svg('g', {class: 'axis'},
                   svg('text', {class: 'axis-title', x, y: 16, 'text-anchor': 'middle'},
                       this.cut(axis.name), svg('title', {}, axis.name)),
                   svg('text', {class: 'axis-note', x, y: 32, 'text-anchor': 'middle'}, axis.note),
                   svg('line', {class: 'base', x1: x, x2: x, y1: this.y(1), y2: this.y(0)}),
                   ticks, this.brushes[index], handle);
    }

    cut(text) {
        return text.length > 17 ? `${text.slice(0, 16)}\u2026` : text;
    }

    listen(handle, axis, index) {
        let from = null;
        handle.addEventListener('pointerdown', event => {
            handle.setPointerCapture(event.pointerId);
            from = this.at(event);
            this.brush(axis, null);
        });
        handle.addEventListener('pointermove', event => {
            const to = this.at(event);
            if (from !== null)
                this.brush(axis, Math.abs(to - from) > 0.01 ? [Math.min(from, to),
                                                              Math.max(from, to)] : null);
        });
        const release = () => {
            from = null;
        };
        handle.addEventListener('pointerup', release);
        handle.addEventListener('pointercancel', release);
        handle.addEventListener('keydown', event => this.press(event, this.axes[index]));
    }

    press(event, axis) {
        const [low, high] = state.brushes[axis.name] || [0, 1];
        const acts = {ArrowDown: [low, Math.max(low + BRUSH_STEP, high - BRUSH_STEP)],
                      ArrowUp: [Math.min(high - BRUSH_STEP, low + BRUSH_STEP), high],
                      Escape: null};
        if (event.key in acts) {
            event.preventDefault();
            this.brush(axis, acts[event.key]);
        }
    }

    brush(axis, range) {
        const brushes = {...state.brushes};
        if (range)
            brushes[axis.name] = range;
        else
            delete brushes[axis.name];
        setState({brushes});
        this.sift();
    }

    clear() {
        setState({brushes: {}});
        this.sift();
    }

    passes(trial) {
        return this.axes.every(axis => {
            const range = state.brushes[axis.name];
            const at = axis.place(trial);
            return !range || (at !== null && at >= range[0] - 1e-6 && at <= range[1] + 1e-6);
        });
    }

    /* Fades the trials that do not pass, and shows the brushes. */
    sift() {
        const left = this.sweep.trials.filter((trial, i) => {
            const passes = this.passes(trial);
            this.lines[i].classList.toggle('faded', !passes);
            return passes;
        });
        this.axes.forEach((axis, index) => {
            const [low, high] = state.brushes[axis.name] || [0, 0];
            this.brushes[index].setAttribute('y', this.y(high));
            this.brushes[index].setAttribute('height', this.y(low) - this.y(high));
        });
        this.changed(left);
    }
}
