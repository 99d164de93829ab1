// SPDX-License-Identifier: Apache-2.0
/* The head of the page and the table of runs. */

function headerContent(page) {
    const facts = [`${plural(page.runs.length, 'run', 'runs')}`, page.generated &&
                   `written ${typeof page.generated === 'number' ? moment(page.generated)
                                                                 : page.generated}`,
                   page.version && `hcnn-cl ${page.version}`];
    return [el('div', {class: 'header-text'}, el('h1', {}, page.title || 'Runs'),
               el('p', {class: 'facts'}, facts.filter(Boolean).map(fact => el('span', {}, fact)))),
            themeButton()];
}

function darkTheme() {
    return state.theme ? state.theme === 'dark'
                       : matchMedia('(prefers-color-scheme: dark)').matches;
}

/* Canvases take their colours when they are drawn. */
function applyTheme() {
    document.documentElement.dataset.theme = darkTheme() ? 'dark' : 'light';
    document.dispatchEvent(new Event('theme'));
}

function themeButton() {
    const text = () => darkTheme() ? 'Light' : 'Dark';
    const toggle = button(text(), () => {
        setState({theme: darkTheme() ? 'light' : 'dark'});
        applyTheme();
    }, {id: 'theme', 'aria-label': 'Switch between light and dark'});
    document.addEventListener('theme', () => {
        toggle.textContent = text();
    });
    return toggle;
}

function stateBadge(run) {
    return el('span', {class: `badge ${run.state}`, title: run.message || null}, run.state);
}

/* The best of each column stands out. */
function scoreColumns(runs) {
    const columns = [
        ['Validation fine', run => largest(run, 'validation/fine_top1')],
        ['Validation coarse', run => largest(run, 'validation/coarse_top1')],
        ['Test fine', run => testScore(run, 'fine_top1')],
        ['Test coarse', run => testScore(run, 'coarse_top1')],
    ];
    return columns.map(([title, read]) => {
        const scores = runs.map(read);
        const found = scores.filter(isNumber);
        return {title, scores, best: found.length > 1 ? Math.max(...found) : null};
    });
}

function runRow(run, columns) {
    const score = ({scores, best}) =>
        el('td', {class: `number ${best !== null && scores[run.index] === best ? 'best' : ''}`},
           percent(scores[run.index]));
    const speed = speedName(run);
    return el('tr', {},
              el('th', {scope: 'row'}, runLabel(run)), el('td', {}, stateBadge(run)),
              columns.map(score),
              el('td', {class: 'number'}, count(run.step)),
              el('td', {class: 'number'}, duration(runTime(run))),
              el('td', {class: 'number'},
                 speed ? number(median(values(run, speed)), 4) : NONE),
              el('td', {class: 'device'}, run.device || NONE));
}

function runMessages(runs) {
    const failed = runs.filter(run => run.message);
    return failed.length > 0 &&
        el('ul', {class: 'messages'},
           failed.map(run => el('li', {}, el('strong', {}, run.name), ': ', run.message)));
}

function runsSection(runs) {
    if (!runs.length)
        return section('runs', 'Runs', null, emptyLine('There are no runs yet.'));
    const columns = scoreColumns(runs);
    const numeric = text => el('th', {scope: 'col', class: 'number'}, text);
    const head = el('tr', {}, el('th', {scope: 'col'}, 'Run'), el('th', {scope: 'col'}, 'State'),
                    columns.map(column => numeric(column.title)), numeric('Steps'),
                    numeric('Time'), numeric('Images/s'), el('th', {scope: 'col'}, 'Device'));
    const table = el('table', {class: 'runs'}, el('thead', {}, head),
                     el('tbody', {}, runs.map(run => runRow(run, columns))));
    return section('runs', 'Runs', 'Top-1 of the best epoch in validation, and of the best ' +
                   'checkpoint on test images.', scrollBox('Table of runs', table),
                   runMessages(runs));
}
