// SPDX-License-Identifier: Apache-2.0
/* A chart of lines: axes, lines with their raw values drawn faintly below them, and the values at
 * the pointer. What the pointer does to the zoom is in chart_zoom.js. */

const MARGIN = {left: 54, right: 14, top: 12, bottom: 38};

/* One series of a run. raw is null if ys are not smoothed. */
function makeLine(run, name, {axis, smoothing}, title = run.name, dashed = false) {
    const {step, value} = run.series[name];
    return {run, title, dashed, xs: axis === 'epoch' ? toEpochs(run, step) : step,
            ys: smoothing > 0 ? smooth(value, smoothing) : value,
            raw: smoothing > 0 ? value : null};
}

class Chart {
    lines = [];
    tip = el('div', {class: 'tip', role: 'status', hidden: true});

    /* zoomed is called with [from, to], or null for everything. */
    constructor(metric, label, zoomed) {
        this.metric = metric;
        this.zoomed = zoomed;
        this.plot = svg('svg', {class: 'plot', role: 'img', tabindex: 0, 'aria-label': label,
                                onpointerleave: () => this.leave(), onblur: () => this.leave(),
                                ...zoomListeners(this)});
        this.node = el('div', {class: 'chart'}, this.plot, this.tip);
        new ResizeObserver(() => this.draw()).observe(this.node);
    }

    /* view: the axis, the zoom, and whether the vertical axis is logarithmic. */
    draw(view = this.view) {
        const [width, height] = [this.node.clientWidth, this.plot.clientHeight];
        this.view = view;
        if (!width || !view)
            return;
        this.width = width;
        this.area = new DOMRect(MARGIN.left, MARGIN.top, width - MARGIN.left - MARGIN.right,
                                height - MARGIN.top - MARGIN.bottom);
        this.plot.setAttribute('viewBox', `0 0 ${width} ${height}`);
        this.range();
        this.cursor = svg('g', {class: 'cursor'});
        this.box = svg('rect', {class: 'selection', y: this.area.top, height: this.area.height,
                                visibility: 'hidden'});
        this.plot.replaceChildren(this.axes(), this.curves(), this.cursor, this.box);
    }

    places(xs, ys) {
        return visiblePlaces(xs, ys, this.x, this.area.width);
    }

    drawable(y) {
        return isNumber(y) && (!this.view.logarithmic || y > 0);
    }

    /* Sets what the axes span: horizontally all steps or the zoom, vertically the values of the
     * lines within. */
    range() {
        const xs = this.lines.flatMap(({xs}) => xs.length ? [xs[0], xs.at(-1)] : []);
        const [least, most] = [Math.min(...xs), Math.max(...xs)];
        const single = most > least ? 0 : 1; /* a single point is drawn in the middle */
        this.all = xs.length ? [least - single, most + single] : [0, 1];
        this.x = this.view.zoom || this.all;
        this.shown = this.lines.map(({xs, ys}) => this.places(xs, ys));
        const ys = this.lines.flatMap((line, i) => this.shown[i].map(place => line.ys[place]))
            .filter(y => this.drawable(y));
        this.y = this.padded(ys.reduce((a, b) => Math.min(a, b), Infinity),
                             ys.reduce((a, b) => Math.max(a, b), -Infinity));
    }

    padded(low, high) {
        if (low > high)
            return this.view.logarithmic ? [0.1, 1] : [0, 1];
        if (this.view.logarithmic)
            return high > low ? [low / 1.05, high * 1.05] : [low / 2, high * 2];
        const pad = (high - low || Math.abs(high) || 1) * 0.06;
        const share = isShare(this.metric);
        return [low >= 0 ? Math.max(0, low - pad) : low - pad,
                share && high <= 1 ? Math.min(1, high + pad) : high + pad];
    }

    px(x) {
        return this.area.left + (x - this.x[0]) / (this.x[1] - this.x[0]) * this.area.width;
    }

    py(y) {
        const [low, high] = this.y;
        const at = this.view.logarithmic ? Math.log(y / low) / Math.log(high / low)
                                         : (y - low) / (high - low);
        return this.area.top + (1 - at) * this.area.height;
    }

    /* The value on the horizontal axis at a pixel. */
    xAt(px) {
        const share = clamp((px - this.area.left) / this.area.width, 0, 1);
        return this.x[0] + share * (this.x[1] - this.x[0]);
    }

    axes() {
        const {left, right, bottom, width, height} = this.area;
        const ticks = this.view.logarithmic ? logarithmicTicks : linearTicks;
        const ys = ticks(...this.y, height / 40);
        const text = this.view.logarithmic ? y => metricValue(this.metric, y)
                                           : evenTicks(ys, isShare(this.metric));
        const rows = ys.map(y => [
            svg('line', {class: 'grid', x1: left, x2: right, y1: this.py(y), y2: this.py(y)}),
            svg('text', {class: 'tick', x: left - 8, y: this.py(y) + 4, 'text-anchor': 'end'},
                text(y))]);
        const whole = x => this.x[1] - this.x[0] < 1 || Number.isInteger(x);
        const columns = linearTicks(...this.x, width / 75).filter(whole).map(x => [
            svg('line', {class: 'stub', x1: this.px(x), x2: this.px(x), y1: bottom,
                         y2: bottom + 4}),
            svg('text', {class: 'tick x-tick', x: this.px(x), y: bottom + 17,
                         'text-anchor': 'middle'}, this.xText(x))]);
        return svg('g', {}, rows, columns,
                   svg('line', {class: 'base', x1: left, x2: right, y1: bottom, y2: bottom}),
                   svg('text', {class: 'axis-name', x: right, y: bottom + 34,
                                'text-anchor': 'end'}, this.view.axis));
    }

    xText(x) {
        if (Math.abs(x) >= 1e6)
            return `${Number((x / 1e6).toPrecision(4))}M`;
        return Math.abs(x) >= 1e4 ? `${Number((x / 1e3).toPrecision(5))}k`
                                  : String(Number(x.toPrecision(6)));
    }

    path(xs, ys, places = this.places(xs, ys)) {
        return linePath(places.map(place => this.drawable(ys[place])
            ? [this.px(xs[place]), this.py(ys[place])] : null));
    }

    /* Whether the line is noise with several values per pixel. It is then drawn thin, so that other
     * lines are seen through it. */
    isDense(line) {
        const points = lowerBound(line.xs, this.x[1]) - lowerBound(line.xs, this.x[0]);
        return !line.raw && points > 2 * this.area.width;
    }

    /* A nested SVG cuts off what is outside the zoom. */
    curves() {
        const one = (line, i) => svg('g', {style: runStyle(line.run)},
            line.raw && svg('path', {class: 'raw', d: this.path(line.xs, line.raw)}),
            svg('path', {class: `line ${line.dashed ? 'dashed' : ''} ` +
                                (this.isDense(line) ? 'dense' : ''),
                         d: this.path(line.xs, line.ys, this.shown[i])}),
            line.xs.length === 1 && isNumber(line.ys[0]) && this.dot(line, 0, 3));
        const {x, width} = this.area;
        const [y, height] = [this.area.y - 2, this.area.height + 4];
        return svg('svg', {x, y, width, height, viewBox: `${x} ${y} ${width} ${height}`},
                   this.lines.map(one));
    }

    dot(line, place, r) {
        return svg('circle', {class: 'dot', style: runStyle(line.run), r,
                              cx: this.px(line.xs[place]), cy: this.py(line.ys[place])});
    }

    /* Shows the values of all lines nearest to x. */
    hover(x) {
        const found = this.lines.filter(line => line.xs.length)
            .map(line => ({line, place: nearest(line.xs, x)}));
        if (!found.length)
            return;
        const xs = found.map(({line, place}) => line.xs[place]);
        this.at = xs[nearest(xs, x)];
        const shown = found.filter((_, i) => this.px(xs[i]) >= this.area.left - 1 &&
                                             this.px(xs[i]) <= this.area.right + 1);
        this.cursor.replaceChildren(
            svg('line', {class: 'crosshair', x1: this.px(this.at), x2: this.px(this.at),
                         y1: this.area.top, y2: this.area.bottom}),
            ...shown.filter(({line, place}) => this.drawable(line.ys[place]))
                .map(({line, place}) => this.dot(line, place, 3.5)));
        this.showTip(shown);
    }

    showTip(shown) {
        const value = ({line, place}) => [
            el('dt', {}, runMark(line.run), line.title),
            el('dd', {}, metricValue(this.metric, line.ys[place]),
               line.raw && el('span', {class: 'faint'},
                              ` (${metricValue(this.metric, line.raw[place])})`))];
        const {axis} = this.view;
        this.tip.replaceChildren(
            el('p', {}, `${axis} ${axis === 'step' ? count(this.at) : number(this.at, 5)}`),
            el('dl', {}, shown.map(value)));
        this.tip.hidden = false;
        const [at, wide] = [this.px(this.at), this.tip.offsetWidth];
        const left = at + 14 + wide > this.width ? at - 14 - wide : at + 14;
        this.tip.style.left = `${Math.max(0, Math.min(this.width - wide, left))}px`;
    }

    leave() {
        this.tip.hidden = true;
        this.at = null;
        this.cursor?.replaceChildren();
    }
}
