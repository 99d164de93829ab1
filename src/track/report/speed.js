// SPDX-License-Identifier: Apache-2.0
/* How fast the runs went, and on what. */

function speedChart(runs) {
    const timed = runs.filter(speedName);
    if (!timed.length)
        return emptyLine('No run has logged its speed yet.');
    let zoom = null;
    const chart = new Chart('images_per_second', 'Chart of images per second over epochs', to => {
        zoom = to;
        draw();
    });
    const draw = () => chart.set(timed.map(run => {
        const {step, value} = run.series[speedName(run)];
        return {run, title: run.name, dashed: false, raw: null, ys: value,
                xs: toEpochs(run, step)};
    }), {axis: 'epoch', zoom, logarithmic: false});
    draw();
    return el('div', {class: 'card chart-card'},
              el('div', {class: 'card-head'}, el('h3', {}, 'Images per second')), chart.node);
}

function summaryText(name, value) {
    if (isNumber(value))
        return /bytes$/.test(name) ? bytes(value) : Number.isInteger(value) ? count(value)
                                                                           : number(value);
    return value === null || value === undefined ? NONE
        : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/* What the record has of every run, then what its summary adds. */
function factRows(runs) {
    const rows = [['device', run => run.device], ['driver', run => run.driver],
                  ['host', run => run.host], ['version', run => run.version],
                  ['started', run => moment(run.started)], ['time', run => duration(runTime(run))]];
    const names = [...new Set(runs.flatMap(run => Object.keys(run.summary || {})))]
        .filter(name => !rows.some(([row]) => row === name));
    return [...rows, ...names.map(name =>
        [readable(name.replace(/_bytes$/, '')), run => summaryText(name, run.summary?.[name])])];
}

/* A table of names by runs. */
function runTable(label, runs, rows, attributes = {}) {
    return scrollBox(label, el('table', {class: 'by-run', ...attributes},
        el('thead', {}, el('tr', {}, el('td', {}),
                           runs.map(run => el('th', {scope: 'col'}, runLabel(run))))),
        el('tbody', {}, rows)));
}

function speedSection(runs) {
    if (!runs.length)
        return section('speed', 'Speed and device', null, emptyLine('There are no runs yet.'));
    const rows = factRows(runs).map(([name, read]) =>
        el('tr', {}, el('th', {scope: 'row'}, name),
           runs.map(run => el('td', {}, read(run) || NONE))));
    return section('speed', 'Speed and device', null,
                   el('div', {class: 'speed'}, speedChart(runs),
                      runTable('Devices and facts of the runs', runs, rows)));
}
