// SPDX-License-Identifier: Apache-2.0
/* Parallel coordinates: a line for each trial across all axes. A range brushed on an axis leaves
 * only the trials that pass through it. */

const COORDINATES = {height: 380, top: 46, bottom: 20, side: 64, least: 118};
const BRUSH_WIDTH = 22;
const BRUSH_STEP = 0.1;

/* ---- The axes: the place of a trial, 0 (bottom) to 1 (top) or null, and the ticks ---- */

/* Texts are read as numbers if all of them are; otherwise each text has its own place. */
function parameterAxis({name, values, log}, trials) {
    const read = trial => trial.parameters[name] ?? null;
    const given = trials.map(read).filter(isThere);
    const numeric = given.length > 0 && given.every(text => text !== '' && isFinite(text));
    return numeric && !values
        ? numberAxis(name, log, trial => read(trial) === null ? null : Number(read(trial)), trials)
        : wordAxis(name, [...(values || []), ...given].map(String), read);
}

function numberAxis(name, logarithmic, read, trials) {
    const list = trials.map(read).filter(isNumber);
    let [low, high] = [Math.min(...list), Math.max(...list)];
    const log = logarithmic && low > 0 && high > low;
    if (!(high > low))
        [low, high] = low === 0 ? [-1, 1] : [low - Math.abs(low) / 2, low + Math.abs(low) / 2];
    const place = value => log ? Math.log(value / low) / Math.log(high / low)
                               : (value - low) / (high - low);
    const ticks = (log ? logarithmicTicks : linearTicks)(low, high, 5);
    return {name, note: log ? 'log' : '',
            ticks: ticks.map(tick => ({at: place(tick), text: number(tick, 3)})),
            place: trial => isNumber(read(trial)) ? place(read(trial)) : null};
}

function wordAxis(name, texts, read) {
    const words = [...new Set(texts)];
    const at = word => words.length > 1 ? words.indexOf(word) / (words.length - 1) : 0.5;
    return {name, note: '', ticks: words.map(word => ({at: at(word), text: word})),
            place: trial => read(trial) === null ? null : at(String(read(trial)))};
}

function sweepAxes({parameters, trials, metric}) {
    const axes = parameters.map(parameter => parameterAxis(parameter, trials));
    return trials.some(trial => isNumber(trial.objective))
        ? [...axes, numberAxis(metric, false, trial => trial.objective, trials)] : axes;
}

/* How good an objective is compared with all others: 0 for the worst, 1 for the best. */
function goodness(sweep) {
    const list = sweep.trials.map(trial => trial.objective).filter(isNumber).sort((a, b) => a - b);
    return objective => {
        if (!isNumber(objective) || list.length < 2)
            return isNumber(objective) ? 1 : 0;
        const rank = lowerBound(list, objective) / (list.length - 1);
        return sweep.goal === 'maximize' ? rank : 1 - rank;
    };
}

/* ---- The drawing ---- */

class Coordinates {
    /* changed is called with the trials that are left. */
    constructor(sweep, changed) {
        this.sweep = sweep;
        this.axes = sweepAxes(sweep);
        this.good = goodness(sweep);
        this.plot = svg('svg', {class: 'coordinates', role: 'group',
                                'aria-label': 'Parallel coordinates of the trials'});
        this.node = scrollBox('Parallel coordinates',
                              el('div', {class: 'coordinates-box'}, this.plot));
        new ResizeObserver(() => this.draw()).observe(this.node);
        watch(['brushes'], () => {
            this.showBrushes();
            changed(sweep.trials.filter(trial => this.passes(trial)));
        });
    }

    x(index) {
        const inner = this.width - 2 * COORDINATES.side;
        const share = this.axes.length > 1 ? index / (this.axes.length - 1) : 0.5;
        return COORDINATES.side + share * inner;
    }

    y(at) {
        return COORDINATES.top +
               (1 - at) * (COORDINATES.height - COORDINATES.top - COORDINATES.bottom);
    }

    at(event) {
        const px = event.clientY - this.plot.getBoundingClientRect().top;
        return clamp((this.y(0) - px) / (this.y(0) - this.y(1)), 0, 1);
    }

    draw() {
        this.width = Math.max(this.node.clientWidth,
                              (this.axes.length - 1) * COORDINATES.least + 2 * COORDINATES.side);
        this.plot.setAttribute('width', this.width);
        this.plot.setAttribute('height', COORDINATES.height);
        this.plot.replaceChildren(...this.sweep.trials.map(trial => this.line(trial)),
                                  ...this.axes.map((axis, index) => this.axis(axis, index)));
        this.showBrushes();
    }

    line(trial) {
        const {metric} = this.sweep;
        const points = this.axes.map((axis, index) => {
            const at = axis.place(trial);
            return at === null ? null : [this.x(index), this.y(at)];
        });
        const good = Math.round(this.good(trial.objective) * 100);
        const ended = isNumber(trial.objective);
        const stroke = `color-mix(in srgb, var(--good) ${good}%, var(--poor))`;
        return svg('path', {class: `trial ${ended ? '' : 'unfinished'}`,
                            style: ended ? {stroke} : {}, d: linePath(points)},
                   svg('title', {}, `${trial.run || `trial ${trial.number}`}: ${metric} ` +
                                    metricValue(metric, trial.objective)));
    }

    axis(axis, index) {
        const x = this.x(index);
        const [beside, anchor] = index === this.axes.length - 1 ? [-8, 'end'] : [8, 'start'];
        const ticks = axis.ticks.map(tick => svg('text', {
            class: 'tick', x: x + beside, y: this.y(tick.at) + 4, 'text-anchor': anchor},
            this.cut(tick.text)));
        const band = {x: x - BRUSH_WIDTH / 2, width: BRUSH_WIDTH};
        return svg('g', {class: 'axis'},
                   svg('text', {class: 'axis-title', x, y: 16, 'text-anchor': 'middle'},
                       this.cut(axis.name), svg('title', {}, axis.name)),
                   svg('text', {class: 'axis-note', x, y: 32, 'text-anchor': 'middle'}, axis.note),
                   svg('line', {class: 'base', x1: x, x2: x, y1: this.y(1), y2: this.y(0)}),
                   ticks, svg('rect', {class: 'brush', ...band}), this.handle(axis, band));
    }

    cut(text) {
        return text.length > 17 ? `${text.slice(0, 16)}\u2026` : text;
    }

    handle(axis, band) {
        let from = null;
        const release = () => {
            from = null;
        };
        return svg('rect', {
            class: 'axis-handle', ...band, y: this.y(1), height: this.y(0) - this.y(1),
            tabindex: 0, role: 'button',
            'aria-label': `Axis ${axis.name}: arrow keys narrow the range, Escape clears it`,
            onpointerdown: event => {
                event.currentTarget.setPointerCapture(event.pointerId);
                from = this.at(event);
                this.brush(axis, null);
            },
            onpointermove: event => {
                const range = [from, this.at(event)].sort((a, b) => a - b);
                if (from !== null)
                    this.brush(axis, range[1] - range[0] > 0.01 ? range : null);
            },
            onpointerup: release,
            onpointercancel: release,
            onkeydown: event => this.press(event, axis)});
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

    /* range: [from, to]; null: everything. */
    brush(axis, range) {
        setState({brushes: {...state.brushes, [axis.name]: range}});
    }

    passes(trial) {
        return this.axes.every(axis => {
            const range = state.brushes[axis.name];
            const at = axis.place(trial);
            return !range || (at !== null && at >= range[0] - 1e-6 && at <= range[1] + 1e-6);
        });
    }

    /* Shows the ranges and fades the trials that do not pass through them. */
    showBrushes() {
        this.plot.querySelectorAll('.trial').forEach((line, i) =>
            line.classList.toggle('faded', !this.passes(this.sweep.trials[i])));
        this.plot.querySelectorAll('.brush').forEach((brush, i) => {
            const [low, high] = state.brushes[this.axes[i].name] || [0, 0];
            brush.setAttribute('y', this.y(high));
            brush.setAttribute('height', this.y(low) - this.y(high));
        });
    }
}
