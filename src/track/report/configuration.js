// SPDX-License-Identifier: Apache-2.0
/* The options of all runs side by side; rows in which they differ stand out. */

function optionText(value) {
    return value === undefined ? NONE
        : value === null ? 'none' : typeof value === 'object' ? JSON.stringify(value)
        : String(value);
}

function optionRows(runs) {
    const names = [...new Set(runs.flatMap(run => Object.keys(run.config)))].sort();
    return names.map(name => {
        const texts = runs.map(run => optionText(run.config[name]));
        const differs = new Set(texts).size > 1;
        const node = el('tr', {class: differs ? 'differs' : null},
                        el('th', {scope: 'row'}, name,
                           differs && el('span', {class: 'hidden-text'}, ' (differs)')),
                        texts.map(text => el('td', {}, text)));
        return {node, differs, text: [name, ...texts].join(' ').toLowerCase()};
    });
}

function configurationSection(runs) {
    const title = 'Configuration';
    if (!runs.length)
        return section('configuration', title, null, emptyLine('There are no runs yet.'));
    const rows = optionRows(runs);
    const none = emptyLine('No option fits.');
    const sift = () => {
        const wanted = state.filter.trim().toLowerCase();
        for (const row of rows)
            row.node.hidden = !row.text.includes(wanted) || (state.differences && !row.differs);
        none.hidden = rows.some(row => !row.node.hidden);
    };
    const box = el('input', {type: 'search', id: 'config-filter', value: state.filter,
                             placeholder: 'name or value', oninput: event => {
                                 setState({filter: event.target.value});
                                 sift();
                             }});
    const only = checkBox('Differences only', state.differences, differences => {
        setState({differences});
        sift();
    }, 'differences');
    sift();
    return section('configuration', title, null,
                   el('div', {class: 'tools'},
                      el('label', {class: 'control'}, 'Filter', box), runs.length > 1 && only),
                   runTable('Options of the runs', runs, rows.map(row => row.node),
                            {id: 'configuration-table'}), none);
}
