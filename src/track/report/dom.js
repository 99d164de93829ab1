// SPDX-License-Identifier: Apache-2.0
/* Making elements. Text gets into the page through text nodes only, so that what a run, a class or
 * a file is called stays text. */

const SVG = 'http://www.w3.org/2000/svg';

/* Attributes; "on..." are listeners, null and false leave an attribute out. */
function setAttributes(node, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith('on'))
            node.addEventListener(name.slice(2), value);
        else if (value !== null && value !== undefined && value !== false)
            node.setAttribute(name, value === true ? '' : value);
    }
    return node;
}

function addChildren(node, children) {
    for (const child of children.flat(Infinity)) {
        if (child !== null && child !== undefined && child !== false)
            node.append(child instanceof Node ? child : String(child));
    }
    return node;
}

function el(tag, attributes = {}, ...children) {
    return addChildren(setAttributes(document.createElement(tag), attributes), children);
}

function svg(tag, attributes = {}, ...children) {
    return addChildren(setAttributes(document.createElementNS(SVG, tag), attributes), children);
}

/* A section of the page: its heading, a line on what it shows, and its content. */
function section(id, title, lead, ...content) {
    const heading = el('h2', {id: `${id}-title`}, title);
    return el('section', {id, 'aria-labelledby': `${id}-title`},
              heading, lead && el('p', {class: 'lead'}, lead), content);
}

function emptyLine(text) {
    return el('p', {class: 'empty'}, text);
}

/* What may be wider than the page scrolls by itself, by keys too. */
function scrollBox(label, content, kind = '') {
    return el('div', {class: `scroll ${kind}`, role: 'region', tabindex: 0, 'aria-label': label},
              content);
}

/* Options are [value, text]; in groups, [label, [options]]. */
function selectBox(label, options, chosen, change) {
    const option = ([value, text]) =>
        Array.isArray(text)
            ? el('optgroup', {label: value}, text.map(option))
            : el('option', {value, selected: value === chosen}, text);
    return el('select', {'aria-label': label, onchange: event => change(event.target.value)},
              options.map(option));
}

function checkBox(text, checked, change, id) {
    return el('label', {class: 'check'},
              el('input', {type: 'checkbox', id, checked,
                           onchange: event => change(event.target.checked)}), text);
}

function button(text, press, attributes = {}) {
    return el('button', {type: 'button', onclick: press, ...attributes}, text);
}

/* A bar from 0 to 1. */
function bar(share, kind = '') {
    const fill = el('span', {class: 'bar-fill'});
    fill.style.width = `${Math.max(0, Math.min(1, share || 0)) * 100}%`;
    return el('span', {class: `bar ${kind}`, 'aria-hidden': 'true'}, fill);
}
