// SPDX-License-Identifier: Apache-2.0
/* The head of the page and the tables of all runs: their scores, their devices and speed, and their
 * options. */

function headerContent(page) {
    const facts = [plural(page.runs.length, 'run'), page.generated &&
                   `written ${isNumber(page.generated) ? moment(page.generated) : page.generated}`,
                   page.version && `hcnn-cl ${page.version}`];
    return [el('div', {class: 'header-text'}, el('h1', {}, page.title || 'Runs'),
               el('p', {class: 'facts'}, facts.filter(Boolean).map(fact => el('span', {}, fact)))),
            themeButton()];
}

function themeButton() {
    const system = matchMedia('(prefers-color-scheme: dark)');
    const isDark = () => state.theme ? state.theme === 'dark' : system.matches;
    const toggle = button('', () => setState({theme: isDark() ? 'light' : 'dark'}),
                          {id: 'theme', 'aria-label': 'Switch between light and dark'});
    watch(['theme'], () => {
        document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
        toggle.textContent = isDark() ? 'Light' : 'Dark';
    });
    system.addEventListener('change', () => setState({theme: state.theme}));
    return toggle;
}

/* ---- Runs ---- */

/* A column of scores, with the best one marked. */
function scoreColumn(runs, title, read) {
    const scores = runs.map(read).filter(isNumber);
    const best = scores.length > 1 ? Math.max(...scores) : NaN;
    return [title, run => el('span', {class: read(run) === best && 'best'}, percent(read(run))),
            'number'];
}

function medianSpeed(run) {
    const speeds = values(run, speedName(run)).sort((a, b) => a - b);
    return number(speeds[Math.floor(speeds.length / 2)]);
}

function runsContent(runs) {
    const columns = [
        ['Run', runLabel, 'head'],
        ['State', stateBadge],
        scoreColumn(runs, 'Validation fine', run => bestValidation(run, 'fine_top1')),
        scoreColumn(runs, 'Validation coarse', run => bestValidation(run, 'coarse_top1')),
        scoreColumn(runs, 'Test fine', run => testScore(run, 'fine_top1')),
        scoreColumn(runs, 'Test coarse', run => testScore(run, 'coarse_top1')),
        ['Steps', run => count(run.step), 'number'],
        ['Time', run => duration(runTime(run)), 'number'],
        ['Images/s', medianSpeed, 'number'],
        ['Device', run => run.device || NONE, 'device'],
    ];
    const failed = runs.filter(run => run.message);
    return [leadLine('Top-1 accuracy of the best epoch in validation, and of the best ' +
                     'checkpoint on test images.'),
            tableBox('Table of runs', 'runs', columns, runs),
            failed.length > 0 && el('ul', {class: 'messages'}, failed.map(
                run => el('li', {}, el('strong', {}, run.name), ': ', run.message)))];
}

/* ---- Speed and device ---- */

function speedChart(runs) {
    const timed = runs.filter(speedName);
    if (!timed.length)
        return emptyLine('No run has logged its speed yet.');
    const draw = zoom => chart.draw({axis: 'epoch', zoom, logarithmic: false});
    const chart = new Chart('images_per_second', 'Chart of images per second over epochs', draw);
    chart.lines = timed.map(run => makeLine(run, speedName(run), {axis: 'epoch', smoothing: 0}));
    draw(null);
    return el('div', {class: 'card chart-card'},
              el('div', {class: 'card-head'}, el('h3', {}, 'Images per second')), chart.node);
}

function summaryText(name, value) {
    if (!isNumber(value))
        return value === null || value === undefined ? NONE : valueText(value);
    if (name.endsWith('bytes'))
        return bytes(value);
    return Number.isInteger(value) ? count(value) : number(value);
}

/* First what every run's record has, then what the summaries add. */
function speedContent(runs) {
    const facts = [
        ...['device', 'driver', 'host', 'version'].map(name => [name, run => run[name] || NONE]),
        ['started', run => moment(run.started)], ['time', run => duration(runTime(run))]];
    const added = new Set(runs.flatMap(run => Object.keys(run.summary || {})));
    facts.forEach(([name]) => added.delete(name));
    facts.push(...[...added].map(name => [readable(name.replace(/_bytes$/, '')),
                                          run => summaryText(name, run.summary?.[name])]));
    return el('div', {class: 'speed'}, speedChart(runs),
              runTable('Devices and facts of the runs', runs, facts));
}

/* ---- Configuration ---- */

function optionText(value) {
    return value === undefined ? NONE : value === null ? 'none' : valueText(value);
}

/* Rows in which the runs differ are marked. */
function configurationContent(runs) {
    const names = [...new Set(runs.flatMap(run => Object.keys(run.config)))].sort();
    const options = names.map(name => {
        const texts = runs.map(run => optionText(run.config[name]));
        return {name, texts, differs: new Set(texts).size > 1};
    });
    const table = runTable('Options of the runs', runs, options.map(({name, texts, differs}) => [
        [name, differs && el('span', {class: 'hidden-text'}, ' (differs)')],
        run => texts[run.index]]));
    table.id = 'configuration-table';
    const rows = [...table.querySelectorAll('tbody tr')];
    const none = emptyLine('No option matches.');
    watch(['filter', 'differences'], () => {
        const wanted = state.filter.trim().toLowerCase();
        options.forEach(({name, texts, differs}, i) => {
            rows[i].classList.toggle('differs', differs);
            rows[i].hidden = !`${name} ${texts.join(' ')}`.toLowerCase().includes(wanted) ||
                             (state.differences && !differs);
        });
        none.hidden = rows.some(row => !row.hidden);
    });
    const filter = el('input', {type: 'search', id: 'config-filter', value: state.filter,
                                placeholder: 'name or value',
                                oninput: event => setState({filter: event.target.value})});
    return [el('div', {class: 'tools'}, control('Filter', filter),
               runs.length > 1 && checkBox('Differences only', state.differences,
                                           differences => setState({differences}), 'differences')),
            table, none];
}
