// SPDX-License-Identifier: Apache-2.0
/* Creates elements. Text gets into the page only through text nodes, so that the name of a run, a
 * class or a file is never read as HTML. */

function isThere(value) {
    return value !== null && value !== undefined && value !== false;
}

/* Returns a function that creates an element from its attributes and children; null and false
 * children are left out. Attributes "on..." are listeners; "style" is an object of properties. */
function maker(namespace) {
    return (tag, attributes = {}, ...children) => {
        const node = document.createElementNS(namespace, tag);
        for (const [name, value] of Object.entries(attributes)) {
            if (name.startsWith('on'))
                node.addEventListener(name.slice(2), value);
            else if (name === 'style')
                Object.entries(value).forEach(property => node.style.setProperty(...property));
            else if (isThere(value))
                node.setAttribute(name, value === true ? '' : value);
        }
        node.append(...children.flat(Infinity).filter(isThere));
        return node;
    };
}

const el = maker('http://www.w3.org/1999/xhtml');
const svg = maker('http://www.w3.org/2000/svg');

/* A section of the page. Content that is a text says why there is nothing to show. */
function section(id, title, ...content) {
    const parts = content.flat().map(part => typeof part === 'string' ? emptyLine(part) : part);
    return el('section', {id, 'aria-labelledby': `${id}-title`},
              el('h2', {id: `${id}-title`}, title), parts);
}

/* A line that says what a section shows. */
function leadLine(text) {
    return el('p', {class: 'lead'}, text);
}

function emptyLine(text) {
    return el('p', {class: 'empty'}, text);
}

function note(...text) {
    return el('p', {class: 'note'}, text);
}

/* A box for content that may be wider than the page. It scrolls by itself, by keys too. */
function scrollBox(label, content) {
    return el('div', {class: 'scroll', role: 'region', tabindex: 0, 'aria-label': label}, content);
}

/* A table in a box. A column is [title, function that returns a row's cell, kind]; a column of the
 * kind "head" names the rows. */
function tableBox(label, kind, columns, rows) {
    const title = ([text, , kind]) =>
        text ? el('th', {scope: 'col', class: kind}, text) : el('td');
    const cell = ([, show, kind], row) => kind === 'head'
        ? el('th', {scope: 'row'}, show(row)) : el('td', {class: kind}, show(row));
    return scrollBox(label, el('table', {class: kind},
        el('thead', {}, el('tr', {}, columns.map(title))),
        el('tbody', {}, rows.map(row =>
            el('tr', {}, columns.map(column => cell(column, row)))))));
}

/* A table with a row for each fact and a column for each run; a fact is [name, function that
 * returns its value for a run]. */
function runTable(label, runs, facts) {
    return tableBox(label, 'by-run', [
        ['', ([name]) => name, 'head'],
        ...runs.map(run => [runLabel(run), ([, read]) => read(run)])], facts);
}

/* Options are [value, text] or, for groups, [label, [options]]. */
function selectBox(label, options, chosen, change, id) {
    const option = ([value, text]) =>
        Array.isArray(text)
            ? el('optgroup', {label: value}, text.map(option))
            : el('option', {value, selected: value === chosen}, text);
    return el('select', {id, 'aria-label': label, onchange: event => change(event.target.value)},
              options.map(option));
}

function control(text, ...parts) {
    return el('label', {class: 'control'}, text, parts);
}

function checkBox(text, checked, change, id) {
    return el('label', {class: 'check'},
              el('input', {type: 'checkbox', id, checked,
                           onchange: event => change(event.target.checked)}), text);
}

function button(text, press, attributes = {}) {
    return el('button', {type: 'button', onclick: press, ...attributes}, text);
}

/* A bar that is `share` of the width, beginning at `from`, both 0 to 1; `colour` is a CSS
 * colour. */
function bar(share, colour, from = 0, ...marks) {
    return el('span', {class: 'bar', 'aria-hidden': 'true'}, el('span', {
        class: 'bar-fill', style: {'background': colour, 'margin-left': `${from * 100}%`,
                                   'width': `${clamp(share || 0, 0, 1) * 100}%`}}), marks);
}
