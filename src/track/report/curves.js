// SPDX-License-Identifier: Apache-2.0
/* The section of curves: which metrics have a chart, what all charts share, and the lines of
 * each. */

/* The chart of a metric shows one series or, with "both:", those of training and validation. */
const BOTH = 'both:';

function seriesOf(metric) {
    const name = metric.slice(BOTH.length);
    return metric.startsWith(BOTH) ? [`train/${name}`, `validation/${name}`] : [metric];
}

function metricTitle(metric) {
    if (metric.startsWith(BOTH))
        return `${readable(metric.slice(BOTH.length))}: train and validation`;
    const [part, name] = metric.split(/\/(.*)/);
    return name === undefined ? `${readable(part)}, each step`
                              : `${readable(part)}: ${readable(name)}`;
}

function allMetrics(runs) {
    return [...new Set(runs.flatMap(run => Object.keys(run.series)))].sort();
}

/* Metrics grouped by what they measure, each with the part where it was measured: [label, [[metric,
 * text]]]. */
function groupMetrics(runs) {
    const groups = groupBy(allMetrics(runs), metric => metric.split('/').pop());
    return [...groups].map(([name, metrics]) => {
        const both = seriesOf(BOTH + name).every(metric => metrics.includes(metric));
        return [readable(name), [...(both ? [BOTH + name] : []), ...metrics].map(
            metric => [metric, metricTitle(metric)])];
    });
}

/* Accuracy on images that are not trained on, and the losses. */
function defaultCharts(runs) {
    const there = allMetrics(runs);
    const wanted = [['validation/fine_top1', 'validation/coarse_top1'], ['validation/loss'],
                    ['loss', 'train/loss']];
    const found = wanted.map(names => names.find(name => there.includes(name))).filter(Boolean);
    return found.length ? found : there.slice(0, 3);
}

function chartLines(runs, metric) {
    const names = seriesOf(metric);
    const pair = names.length > 1;
    return runs.filter(run => !state.hidden.includes(run.name)).flatMap(run =>
        names.filter(name => run.series[name]).map(name => makeLine(
            run, name, state, pair ? `${run.name}, ${name.split('/')[0]}` : run.name,
            pair && name.startsWith('train/'))));
}

/* One card: its chooser, its buttons and its chart. */
function chartCard(runs, metric, place) {
    const enlarged = state.enlarged === place;
    const show = chosen => setState(
        {charts: state.charts.map((other, i) => i === place ? chosen : other)});
    const chart = new Chart(seriesOf(metric)[0], `Chart of ${metricTitle(metric)}`,
                            zoom => setState({zoom}));
    const node = el('div', {class: `card chart-card ${enlarged ? 'enlarged' : ''}`},
        el('div', {class: 'card-head'},
           selectBox('Metric of this chart', groupMetrics(runs), metric, show),
           button(enlarged ? 'Reduce' : 'Enlarge',
                  () => setState({enlarged: enlarged ? null : place}), {class: 'quiet enlarge'}),
           button('\u00d7', () => setState({charts: state.charts.filter((_, i) => i !== place),
                                            enlarged: null}),
                  {class: 'quiet remove', 'aria-label': 'Remove this chart',
                   title: 'Remove this chart'})),
        chart.node);
    return {node, chart, metric};
}

function curveTools(runs) {
    const slider = el('input', {type: 'range', id: 'smoothing', min: 0, max: 0.99, step: 0.01,
        value: state.smoothing,
        oninput: event => setState({smoothing: Number(event.target.value)})});
    const output = el('output', {for: 'smoothing'});
    const axis = selectBox('Horizontal axis', [['step', 'step'], ['epoch', 'epoch']], state.axis,
                           chosen => setState({axis: chosen, zoom: null}));
    const reset = button('Reset zoom', () => setState({zoom: null}), {id: 'reset-zoom'});
    const add = () => {
        const unused = allMetrics(runs).find(metric => !state.charts.includes(metric));
        setState({charts: [...state.charts, unused || state.charts[0]]});
    };
    watch(['smoothing', 'zoom'], () => {
        output.textContent = number(state.smoothing, 2);
        reset.disabled = !state.zoom;
    });
    return el('div', {class: 'tools'}, control('Smoothing', slider, output),
              control('Axis', axis),
              checkBox('Logarithmic', state.logarithmic,
                       logarithmic => setState({logarithmic}), 'logarithmic'),
              el('span', {class: 'grow'}), reset, button('Add a chart', add, {id: 'add-chart'}));
}

/* A button for each run, pressed while the run is shown. */
function curveLegend(runs) {
    const item = run => {
        const isHidden = () => state.hidden.includes(run.name);
        const node = button(runLabel(run), () => setState(
            {hidden: including(state.hidden, run.name, !isHidden())}), {class: 'legend-item'});
        watch(['hidden'], () => node.setAttribute('aria-pressed', !isHidden()));
        return node;
    };
    return el('div', {class: 'legend', role: 'group', 'aria-label': 'Runs in the charts'},
              runs.map(item));
}

function thinnedNote(runs) {
    const [most] = runs.flatMap(run => Object.values(run.series))
        .filter(({of, step}) => of > step.length).sort((a, b) => b.of - a.of);
    return most && note('Long series are thinned in this file: of up to ', count(most.of),
        ' values, ', count(most.step.length), ' are kept: the first, the last, and the smallest ' +
        'and the largest of each part between them.');
}

/* The cards and their lines are created anew only if what they depend on changes; zooming draws the
 * same lines. */
function chartGrid(runs) {
    const grid = el('div', {class: 'charts'});
    let cards = [];
    watch(['charts', 'enlarged'], () => {
        cards = state.charts.map((metric, place) => chartCard(runs, metric, place));
        grid.replaceChildren(...cards.map(card => card.node));
    });
    watch(['charts', 'enlarged', 'axis', 'smoothing', 'hidden'], () =>
        cards.forEach(({chart, metric}) => {
            chart.lines = chartLines(runs, metric);
        }));
    watch(['charts', 'enlarged', 'axis', 'smoothing', 'hidden', 'zoom', 'logarithmic'], () =>
        cards.forEach(({chart}) => chart.draw(state)));
    return grid;
}

function curvesContent(runs) {
    const known = groupMetrics(runs).flatMap(([, list]) => list.map(([metric]) => metric));
    if (!known.length)
        return 'No run has logged anything yet.';
    state.charts = (state.charts || defaultCharts(runs)).filter(metric => known.includes(metric));
    return [leadLine('Zoom by dragging across a chart, pinching, turning the wheel with Ctrl, ' +
                     'or with + and \u2212. A double click shows everything again.'),
            curveTools(runs), curveLegend(runs), chartGrid(runs), thinnedNote(runs)];
}
