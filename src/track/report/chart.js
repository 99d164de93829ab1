// SPDX-License-Identifier: Apache-2.0
/* A chart of lines: axes, lines with their raw values faint behind, and the values under the
 * pointer. What the pointer does to the zoom is in chart_zoom.js. */

const MARGIN = {left: 54, right: 14, top: 12, bottom: 38};
let chartCount = 0;

/* A line: {run, title, dashed, xs, ys, raw}; raw is null where ys are not smoothed. */
class Chart {
    constructor(metric, label, zoomed) {
        this.metric = metric;
        this.zoomed = zoomed; /* is told [from, to], or null for all */
        this.lines = [];
        this.clip = `clip-${chartCount++}`;
        this.plot = svg('svg', {class: 'plot', role: 'img', tabindex: 0, 'aria-label': label});
        this.tip = el('div', {class: 'tip', role: 'status', hidden: true});
        this.node = el('div', {class: 'chart'}, this.plot, this.tip);
        new ResizeObserver(() => this.draw()).observe(this.node);
        this.plot.addEventListener('pointerleave', () => this.leave());
        this.plot.addEventListener('blur', () => this.leave());
        watchZoom(this);
    }

    set(lines, view) {
        this.lines = lines;
        this.view = view;
        this.draw();
    }

    draw() {
        this.width = this.node.clientWidth;
        this.height = this.plot.clientHeight;
        if (!this.width || !this.view)
            return;
        this.plot.setAttribute('viewBox', `0 0 ${this.width} ${this.height}`);
        this.range();
        this.cursor = svg('g', {class: 'cursor'});
        this.box = svg('rect', {class: 'selection', y: MARGIN.top, height: this.innerHeight(),
                                visibility: 'hidden'});
        this.plot.replaceChildren(this.clipPath(), this.axes(), this.curves(), this.cursor,
                                  this.box);
    }

    innerWidth() {
        return this.width - MARGIN.left - MARGIN.right;
    }

    innerHeight() {
        return this.height - MARGIN.top - MARGIN.bottom;
    }

    /* What the axes span: all steps or the zoom, and what the lines do in there. */
    range() {
        const xs = this.lines.map(line => line.xs).filter(list => list.length);
        const least = Math.min(...xs.map(list => list[0]));
        const most = Math.max(...xs.map(list => list[list.length - 1]));
        const single = most > least ? 0 : 1; /* a point stands in the middle */
        this.all = xs.length ? [least - single, most + single] : [0, 1];
        this.x = this.view.zoom || this.all;
        let [low, high] = [Infinity, -Infinity];
        for (const line of this.lines) {
            for (const place of visiblePlaces(line.xs, line.ys, this.x, this.innerWidth())) {
                const y = line.ys[place];
                if (isNumber(y) && (!this.view.logarithmic || y > 0)) {
                    low = Math.min(low, y);
                    high = Math.max(high, y);
                }
            }
        }
        this.y = this.padded(low, high);
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
        return MARGIN.left + (x - this.x[0]) / (this.x[1] - this.x[0]) * this.innerWidth();
    }

    py(y) {
        const [low, high] = this.y;
        const at = this.view.logarithmic ? Math.log(y / low) / Math.log(high / low)
                                         : (y - low) / (high - low);
        return MARGIN.top + (1 - at) * this.innerHeight();
    }

    /* The value of the axis below a place in the chart. */
    xAt(px) {
        const share = (px - MARGIN.left) / this.innerWidth();
        return this.x[0] + Math.max(0, Math.min(1, share)) * (this.x[1] - this.x[0]);
    }

    clipPath() {
        return svg('clipPath', {id: this.clip},
                   svg('rect', {x: MARGIN.left, y: MARGIN.top - 2, width: this.innerWidth(),
                                height: this.innerHeight() + 4}));
    }

    axes() {
        const [right, bottom] = [this.width - MARGIN.right, this.height - MARGIN.bottom];
        const ticks = this.view.logarithmic ? logarithmicTicks : linearTicks;
        const ys = ticks(...this.y, this.innerHeight() / 40);
        const text = this.view.logarithmic ? y => metricValue(this.metric, y)
                                           : evenTicks(ys, isShare(this.metric));
        const rows = ys.map(y => [
            svg('line', {class: 'grid', x1: MARGIN.left, x2: right, y1: this.py(y),
                         y2: this.py(y)}),
            svg('text', {class: 'tick', x: MARGIN.left - 8, y: this.py(y) + 4,
                         'text-anchor': 'end'}, text(y))]);
        const whole = x => this.x[1] - this.x[0] < 1 || Number.isInteger(x);
        const columns = linearTicks(...this.x, this.innerWidth() / 75).filter(whole).map(x => [
            svg('line', {class: 'stub', x1: this.px(x), x2: this.px(x), y1: bottom,
                         y2: bottom + 4}),
            svg('text', {class: 'tick x-tick', x: this.px(x), y: bottom + 17,
                         'text-anchor': 'middle'}, this.xText(x))]);
        return svg('g', {}, rows, columns,
                   svg('line', {class: 'base', x1: MARGIN.left, x2: right, y1: bottom,
                                y2: bottom}),
                   svg('text', {class: 'axis-name', x: right, y: this.height - 4,
                                'text-anchor': 'end'}, this.view.axis));
    }

    xText(x) {
        if (Math.abs(x) >= 1e6)
            return `${Number((x / 1e6).toPrecision(4))}M`;
        return Math.abs(x) >= 1e4 ? `${Number((x / 1e3).toPrecision(5))}k`
                                  : String(Number(x.toPrecision(6)));
    }

    path(xs, ys) {
        let pen = 'M';
        let text = '';
        for (const place of visiblePlaces(xs, ys, this.x, this.innerWidth())) {
            const y = ys[place];
            if (!isNumber(y) || (this.view.logarithmic && y <= 0)) {
                pen = 'M';
                continue;
            }
            text += `${pen}${this.px(xs[place]).toFixed(1)} ${this.py(y).toFixed(1)}`;
            pen = 'L';
        }
        return text;
    }

    /* Noise with several values a pixel: thin, so that other lines are seen through it. */
    isDense(line) {
        const points = lowerBound(line.xs, this.x[1]) - lowerBound(line.xs, this.x[0]);
        return !line.raw && points > 2 * this.innerWidth();
    }

    curves() {
        const one = line => [
            line.raw && svg('path', {class: `raw ${runClass(line.run)}`,
                                     d: this.path(line.xs, line.raw)}),
            svg('path', {class: `line ${runClass(line.run)} ${line.dashed ? 'dashed' : ''} ` +
                                (this.isDense(line) ? 'dense' : ''),
                         d: this.path(line.xs, line.ys)}),
            line.xs.length === 1 && isNumber(line.ys[0]) &&
                svg('circle', {class: `dot ${runClass(line.run)}`, r: 3,
                               cx: this.px(line.xs[0]), cy: this.py(line.ys[0])})];
        return svg('g', {'clip-path': `url(#${this.clip})`}, this.lines.map(one));
    }

    /* The values of all lines nearest to x. */
    hover(x) {
        const rows = this.lines.filter(line => line.xs.length).map(line => {
            const place = nearest(line.xs, x);
            return {line, x: line.xs[place], y: line.ys[place],
                    raw: line.raw ? line.raw[place] : null};
        });
        if (!rows.length)
            return;
        const closest = rows.reduce((a, b) => Math.abs(b.x - x) < Math.abs(a.x - x) ? b : a).x;
        this.at = closest;
        const shown = rows.filter(row => this.px(row.x) >= MARGIN.left - 1 &&
                                         this.px(row.x) <= this.width - MARGIN.right + 1);
        this.cursor.replaceChildren(
            svg('line', {class: 'crosshair', x1: this.px(closest), x2: this.px(closest),
                         y1: MARGIN.top, y2: this.height - MARGIN.bottom}),
            ...shown.filter(row => this.drawable(row.y)).map(row =>
                svg('circle', {class: `dot ${runClass(row.line.run)}`, r: 3.5,
                               cx: this.px(row.x), cy: this.py(row.y)})));
        this.showTip(closest, shown);
    }

    drawable(y) {
        return isNumber(y) && (!this.view.logarithmic || y > 0);
    }

    showTip(x, rows) {
        const value = row => [
            el('dt', {}, runMark(row.line.run), row.line.title),
            el('dd', {}, metricValue(this.metric, row.y),
               row.line.raw && el('span', {class: 'faint'},
                                  ` (${metricValue(this.metric, row.raw)})`))];
        this.tip.replaceChildren(
            el('p', {}, `${this.view.axis} ${this.view.axis === 'step' ? count(x)
                                                                      : number(x, 5)}`),
            el('dl', {}, rows.map(value)));
        this.tip.hidden = false;
        const [at, wide] = [this.px(x), this.tip.offsetWidth];
        const left = at + 14 + wide > this.width ? at - 14 - wide : at + 14;
        this.tip.style.left = `${Math.max(0, Math.min(this.width - wide, left))}px`;
    }

    leave() {
        this.tip.hidden = true;
        this.at = null;
        if (this.cursor)
            this.cursor.replaceChildren();
    }
}
