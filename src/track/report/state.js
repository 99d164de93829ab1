// SPDX-License-Identifier: Apache-2.0
/* What the reader has chosen: the theme, charts, zoom, hidden runs. It is kept when the page is
 * reloaded, which happens every few seconds to a report that is being watched. */

const STATE_KEY = `hcnn-cl report ${location.pathname}`;

const state = {
    theme: null,      /* "light" or "dark"; null: the system's */
    charts: null,     /* metrics of the charts; null: the default ones */
    enlarged: null,   /* place of the chart that has the full width */
    smoothing: 0,     /* weight of the values before, 0 to 0.99 */
    axis: 'step',     /* or "epoch" */
    logarithmic: false,
    zoom: null,       /* [from, to] on the axis */
    hidden: [],       /* names of runs */
    run: null,        /* the run whose classes and mistakes are shown */
    matrix: 'fine',   /* "fine", "coarse", or the number of a superclass */
    treeOrder: 'name',
    treeOpen: [],
    filter: '',
    differences: false,
    brushes: {},      /* axis: [from, to], 0 to 1 from the bottom */
    scroll: 0,
};

const watchers = [];

/* Calls draw now, and again whenever one of these parts of the state is set. */
function watch(parts, draw) {
    watchers.push({parts, draw});
    draw();
}

function setState(changes) {
    Object.assign(state, changes);
    try {
        sessionStorage.setItem(STATE_KEY, JSON.stringify(state));
    } catch {
        /* This browser stores nothing for pages from files: every load starts anew. */
    }
    watchers.filter(({parts}) => parts.some(part => part in changes))
        .forEach(({draw}) => draw());
}

function loadState() {
    try {
        Object.assign(state, JSON.parse(sessionStorage.getItem(STATE_KEY)));
    } catch {
        /* As above. */
    }
}

/* A copy of the list with or without the item. */
function including(list, item, included) {
    const others = list.filter(other => other !== item);
    return included ? [...others, item] : others;
}

/* Scrolls back to where the reader was, and remembers the place when the page is left. */
function keepScroll() {
    window.scrollTo(0, state.scroll);
    window.addEventListener('pagehide', () => setState({scroll: window.scrollY}));
}
