// SPDX-License-Identifier: Apache-2.0
/* The section of a sweep: its trials as parallel coordinates and as a table, the importance of the
 * parameters, and the command of the best run. */

/* A bar to the right of the middle, or to the left for a negative value. */
function signedBar(value) {
    const size = Math.abs(value || 0) / 2;
    return el('div', {class: 'signed'},
              value < 0 ? bar(size, FINE, 0.5 - size) : bar(size, COARSE, 0.5));
}

function importanceTable(sweep) {
    const list = [...(sweep.importance || [])].sort((a, b) => (b.share ?? -1) - (a.share ?? -1));
    if (!list.length)
        return emptyLine('Too few trials have ended to tell which parameters matter.');
    return tableBox('Importance of the parameters', 'importance', [
        ['Parameter', one => one.name, 'head'],
        ['Share of the variance', one => bar(one.share, COARSE), 'wide'],
        ['', one => percent(one.share, 0), 'number'],
        ['Correlation', one => signedBar(one.correlation), 'wide'],
        ['', one => number(one.correlation, 2), 'number'],
    ], list);
}

/* Sorts trials, the best first; trials without an objective come last. */
function sortedTrials(sweep, trials) {
    const sign = sweep.goal === 'maximize' ? -1 : 1;
    return [...trials].sort((a, b) =>
        isNumber(b.objective) - isNumber(a.objective) ||
        sign * (a.objective - b.objective) || a.number - b.number);
}

function trialTable(sweep, trials) {
    return tableBox('Table of trials', 'trials', [
        ['#', trial => trial.number, 'number'],
        ['Run', trial => trial.run || NONE, 'head'],
        ['State', stateBadge],
        [sweep.metric || 'Metric', trial => metricValue(sweep.metric, trial.objective), 'number'],
        ...sweep.parameters.map(({name}) => [name, trial => trial.parameters[name] ?? NONE]),
    ], sortedTrials(sweep, trials));
}

/* If there is no clipboard, as in some browsers for a page from a file, the text is selected. */
async function copyText(source, pressed) {
    try {
        await navigator.clipboard.writeText(source.textContent);
        pressed.textContent = 'Copied';
    } catch {
        getSelection().selectAllChildren(source);
        pressed.textContent = document.execCommand('copy') ? 'Copied' : 'Selected';
    }
    setTimeout(() => {
        pressed.textContent = 'Copy';
    }, 1500);
}

function bestCard(sweep) {
    if (!sweep.best)
        return emptyLine(sweep.metric ? 'No trial has a result yet.'
                                      : 'The sweep has no metric, so it has no best run.');
    const command = el('code', {tabindex: 0}, sweep.best.command);
    return el('div', {class: 'card best-run'},
              el('p', {}, 'The best run is ', el('strong', {}, sweep.best.run), '. Its command:'),
              el('div', {class: 'command'}, command,
                 button('Copy', event => copyText(command, event.currentTarget), {id: 'copy'})));
}

function sweepContent(sweep) {
    const aim = sweep.metric ? `, to ${sweep.goal} ${sweep.metric}` : '';
    const trials = plural(sweep.trials.length, 'trial');
    const lead = leadLine(`${sweep.name || 'A sweep'}: ${sweep.method}${aim}, ${trials}.`);
    if (!sweep.trials.length)
        return [lead, 'No trial has started yet.'];
    const table = el('div');
    const said = el('p', {class: 'said', role: 'status', id: 'sweep-said'});
    const coordinates = new Coordinates(sweep, left => {
        table.replaceChildren(trialTable(sweep, left));
        said.textContent = left.length === sweep.trials.length
            ? 'Drag along an axis to show only the trials that pass through the range.'
            : `${count(left.length)} of ${trials} shown.`;
    });
    const clear = button('Clear the ranges', () => setState({brushes: {}}), {id: 'clear-brushes'});
    return [lead, bestCard(sweep), el('h3', {}, 'Trials'),
            el('div', {class: 'tools'}, said, el('span', {class: 'grow'}), clear),
            el('div', {class: 'card'}, coordinates.node,
               el('p', {class: 'scale'}, 'worse', el('span', {class: 'scale-bar'}), 'better')),
            table, el('h3', {}, 'Importance'), importanceTable(sweep)];
}
