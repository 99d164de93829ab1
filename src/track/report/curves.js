// SPDX-License-Identifier: Apache-2.0
/* The section of curves: which metrics have a chart, what all charts share, and their lines. */

/* A metric's chart shows one series, or with "both:" training's and validation's. */
const BOTH = 'both:';

function seriesOf(metric) {
    return metric.startsWith(BOTH) ? [`train/${metric.slice(BOTH.length)}`,
                                      `validation/${metric.slice(BOTH.length)}`]
                                   : [metric];
}

function metricTitle(metric) {
    if (metric.startsWith(BOTH))
        return `${readable(metric.slice(BOTH.length))}: train and validation`;
    const [part, name] = metric.includes('/') ? metric.split(/\/(.*)/) : ['', metric];
    return part ? `${readable(part)}: ${readable(name)}` : `${readable(name)}, each step`;
}

function allMetrics(runs) {
    return [...new Set(runs.flatMap(run => Object.keys(run.series)))].sort();
}

/* By what is measured, each with where it was: [label, [[metric, text]]]. */
function groupMetrics(runs) {
    const groups = new Map();
    for (const metric of allMetrics(runs)) {
        const name = metric.split('/').pop();
        groups.set(name, [...(groups.get(name) || []), [metric, metricTitle(metric)]]);
    }
    for (const [name, list] of groups) {
        const has = part => list.some(([metric]) => metric === `${part}/${name}`);
        if (has('train') && has('validation'))
            list.unshift([BOTH + name, metricTitle(BOTH + name)]);
    }
    return [...groups].map(([name, list]) => [readable(name), list]);
}

/* How well it does on images that it does not learn from, and the losses. */
function defaultCharts(runs) {
    const there = new Set(allMetrics(runs));
    const wanted = [['validation/fine_top1', 'validation/coarse_top1'], ['validation/loss'],
                    ['loss', 'train/loss']];
    const found = wanted.map(names => names.find(name => there.has(name))).filter(Boolean);
    return found.length ? found : [...there].slice(0, 3);
}

function shownRuns(runs) {
    return runs.filter(run => !state.hidden.includes(run.name));
}

/* Computed once for each series, axis and smoothing, not for each frame of a zoom. */
const lineCache = new Map();

function makeLine(run, name, dashed, title) {
    const key = JSON.stringify([run.index, name, state.axis, state.smoothing, title]);
    if (!lineCache.has(key)) {
        const {step, value} = run.series[name];
        const smoothed = state.smoothing > 0;
        lineCache.set(key, {run, dashed, title,
                            xs: state.axis === 'epoch' ? toEpochs(run, step) : step,
                            ys: smoothed ? smooth(value, state.smoothing) : value,
                            raw: smoothed ? value : null});
    }
    return lineCache.get(key);
}

function chartLines(runs, metric) {
    const names = seriesOf(metric);
    return shownRuns(runs).flatMap(run => names.filter(name => run.series[name]).map(name =>
        makeLine(run, name, names.length > 1 && name.startsWith('train/'),
                 names.length > 1 ? `${run.name}, ${name.split('/')[0]}` : run.name)));
}

/* One card: its chooser, its buttons, its chart. */
function chartCard(runs, place, update) {
    const metric = state.charts[place];
    const enlarged = state.enlarged === place;
    const replace = changed =>
        update({charts: state.charts.map((old, i) => i === place ? changed : old)}, true);
    const remove = () =>
        update({charts: state.charts.filter((_, i) => i !== place), enlarged: null}, true);
    const enlarge = () => update({enlarged: enlarged ? null : place}, true);
    const chart = new Chart(seriesOf(metric)[0], `Chart of ${metricTitle(metric)}`,
                            zoom => update({zoom}));
    const node = el('div', {class: `card chart-card ${enlarged ? 'enlarged' : ''}`},
        el('div', {class: 'card-head'},
           selectBox('Metric of this chart', groupMetrics(runs), metric, replace),
           button(enlarged ? 'Reduce' : 'Enlarge', enlarge, {class: 'quiet enlarge'}),
           button('\u00d7', remove, {class: 'quiet remove', 'aria-label': 'Remove this chart',
                                     title: 'Remove this chart'})),
        chart.node);
    const draw = () => chart.set(chartLines(runs, metric), {
        axis: state.axis, zoom: state.zoom, logarithmic: state.logarithmic});
    return {node, draw};
}

function smoothingControl(update) {
    const output = el('output', {for: 'smoothing'}, number(state.smoothing, 2));
    const slider = el('input', {type: 'range', id: 'smoothing', min: 0, max: 0.99, step: 0.01,
        value: state.smoothing, oninput: event => {
            lineCache.clear();
            update({smoothing: Number(event.target.value)});
            output.textContent = number(state.smoothing, 2);
        }});
    return el('label', {class: 'control'}, 'Smoothing', slider, output);
}

function axisControl(update) {
    return el('label', {class: 'control'}, 'Axis',
              selectBox('Horizontal axis', [['step', 'step'], ['epoch', 'epoch']], state.axis,
                        axis => update({axis, zoom: null})));
}

function curveTools(runs, update) {
    const add = () => {
        const unused = allMetrics(runs).find(metric => !state.charts.includes(metric));
        update({charts: [...state.charts, unused || state.charts[0]]}, true);
    };
    const setLogarithmic = logarithmic => update({logarithmic});
    const reset = button('Reset zoom', () => update({zoom: null}), {id: 'reset-zoom'});
    const node = el('div', {class: 'tools'}, smoothingControl(update), axisControl(update),
                    checkBox('Logarithmic', state.logarithmic, setLogarithmic, 'logarithmic'),
                    el('span', {class: 'grow'}), reset,
                    button('Add a chart', add, {id: 'add-chart'}));
    return {node, reset};
}

/* A button a run, pressed while it is shown. */
function curveLegend(runs, update) {
    const toggle = (run, event) => {
        const hidden = state.hidden.includes(run.name);
        event.currentTarget.setAttribute('aria-pressed', hidden);
        update({hidden: hidden ? state.hidden.filter(name => name !== run.name)
                               : [...state.hidden, run.name]});
    };
    return el('div', {class: 'legend', role: 'group', 'aria-label': 'Runs in the charts'},
              runs.map(run => el('button', {
                  type: 'button', class: 'legend-item',
                  'aria-pressed': String(!state.hidden.includes(run.name)),
                  onclick: event => toggle(run, event)}, runLabel(run))));
}

function thinnedNote(runs) {
    const thinned = runs.flatMap(run => Object.values(run.series))
        .filter(series => series.of > series.step.length);
    if (!thinned.length)
        return null;
    const most = thinned.reduce((a, b) => a.of > b.of ? a : b);
    return el('p', {class: 'note'}, 'Long series are thinned in this file: of up to ',
              count(most.of), ' values ', count(most.step.length),
              ' are kept, the first, the last, and the least and largest of each stretch.');
}

function curvesSection(runs) {
    const lead = 'Drag across a chart to zoom; Ctrl and the wheel, pinching, + and \u2212 zoom ' +
                 'too, a double click shows everything again.';
    if (!allMetrics(runs).length)
        return section('curves', 'Curves', null, emptyLine('No run has logged anything yet.'));
    const known = new Set(groupMetrics(runs).flatMap(([, list]) => list.map(([name]) => name)));
    state.charts = (state.charts || defaultCharts(runs)).filter(metric => known.has(metric));
    const grid = el('div', {class: 'charts'});
    let cards = [];
    /* Changes what the reader has chosen; rebuild: also which charts there are. */
    const update = (changes, rebuild = false) => {
        setState(changes);
        if (rebuild) {
            cards = state.charts.map((_, place) => chartCard(runs, place, update));
            grid.replaceChildren(...cards.map(card => card.node));
        }
        tools.reset.disabled = !state.zoom;
        cards.forEach(card => card.draw());
    };
    const tools = curveTools(runs, update);
    update({}, true);
    return section('curves', 'Curves', lead, tools.node, curveLegend(runs, update), grid,
                   thinnedNote(runs));
}
