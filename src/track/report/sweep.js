// SPDX-License-Identifier: Apache-2.0
/* The section of a sweep: its trials as parallel coordinates and as a table, what mattered, and the
 * command of the best run. */

/* A bar to the right of the middle, or to the left for what is negative. */
function signedBar(value) {
    const track = bar(Math.abs(value || 0) / 2, value < 0 ? 'negative' : 'positive');
    const fill = track.firstChild;
    fill.style.marginLeft = value < 0 ? `${50 - Math.abs(value) * 50}%` : '50%';
    track.classList.add('signed');
    return track;
}

function importanceCard(sweep) {
    const list = [...(sweep.importance || [])].sort((a, b) => (b.share ?? -1) - (a.share ?? -1));
    if (!list.length)
        return emptyLine('Too few trials have ended to tell which parameters matter.');
    const row = one => el('tr', {}, el('th', {scope: 'row'}, one.name),
                          el('td', {class: 'wide'}, bar(one.share, 'both')),
                          el('td', {class: 'number'}, percent(one.share, 0)),
                          el('td', {class: 'wide'}, signedBar(one.correlation)),
                          el('td', {class: 'number'}, number(one.correlation, 2)));
    const head = el('tr', {}, ['Parameter', 'Share of the variance', '', 'Correlation', ''].map(
        text => text ? el('th', {scope: 'col'}, text) : el('td', {})));
    return scrollBox('Importance of the parameters',
                     el('table', {class: 'importance'}, el('thead', {}, head),
                        el('tbody', {}, list.map(row))));
}

/* The best first; those without an objective last. */
function sortedTrials(sweep, trials) {
    const sign = sweep.goal === 'maximize' ? -1 : 1;
    return [...trials].sort((a, b) =>
        isNumber(a.objective) && isNumber(b.objective)
            ? sign * (a.objective - b.objective) || a.number - b.number
            : isNumber(b.objective) - isNumber(a.objective) || a.number - b.number);
}

function trialTable(sweep, trials) {
    const names = sweep.parameters.map(parameter => parameter.name);
    const row = trial => el('tr', {}, el('td', {class: 'number'}, trial.number),
                            el('th', {scope: 'row'}, trial.run || NONE),
                            el('td', {}, stateBadge(trial)),
                            el('td', {class: 'number'},
                               metricValue(sweep.metric, trial.objective)),
                            names.map(name => el('td', {}, trial.parameters[name] ?? NONE)));
    const head = ['#', 'Run', 'State', sweep.metric || 'Metric', ...names].map(
        (text, i) => el('th', {scope: 'col', class: i === 0 || i === 3 ? 'number' : null}, text));
    return el('table', {class: 'trials'}, el('thead', {}, el('tr', {}, head)),
              el('tbody', {}, sortedTrials(sweep, trials).map(row)));
}

/* Without the clipboard, as in a page from a file in some browsers, the text is selected. */
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
        return emptyLine(sweep.metric ? 'No trial has ended with an objective yet.'
                                      : 'Without a metric no run is the best.');
    const command = el('code', {tabindex: 0}, sweep.best.command);
    return el('div', {class: 'card best-run'},
              el('p', {}, 'The best run is ', el('strong', {}, sweep.best.run), '. Its command:'),
              el('div', {class: 'command'}, command,
                 button('Copy', event => copyText(command, event.currentTarget), {id: 'copy'})));
}

function sweepSection(sweep) {
    const aim = sweep.metric ? `, to ${sweep.goal} ${sweep.metric}` : '';
    const lead = `${sweep.name || 'A sweep'}: ${sweep.method}${aim}, ` +
                 `${plural(sweep.trials.length, 'trial', 'trials')}.`;
    if (!sweep.trials.length)
        return section('sweep', 'Sweep', lead, emptyLine('No trial has begun yet.'));
    const table = el('div', {});
    const said = el('p', {class: 'said', role: 'status', id: 'sweep-said'});
    const coordinates = new Coordinates(sweep, left => {
        table.replaceChildren(scrollBox('Table of trials', trialTable(sweep, left), 'tall'));
        said.textContent = left.length === sweep.trials.length
            ? 'Drag along an axis to keep the trials that pass through the range.'
            : `${count(left.length)} of ${plural(sweep.trials.length, 'trial', 'trials')} kept.`;
    });
    const clear = button('Clear the ranges', () => coordinates.clear(), {id: 'clear-brushes'});
    const content = [bestCard(sweep), el('h3', {}, 'Trials'),
                     el('div', {class: 'tools'}, said, el('span', {class: 'grow'}), clear),
                     el('div', {class: 'card'}, coordinates.node,
                        el('p', {class: 'scale'}, 'poorer', el('span', {class: 'scale-bar'}),
                           'better')),
                     table, el('h3', {}, 'What mattered'), importanceCard(sweep)];
    return section('sweep', 'Sweep', lead, content);
}
